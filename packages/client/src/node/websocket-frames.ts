import { randomFillSync } from 'node:crypto'

/** The opcodes of RFC 6455, section 5.2. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Close codes of RFC 6455, section 7.4.1. */
export const CloseCode = { normal: 1000, protocolError: 1002, unsupportedData: 1003 } as const

/** The server has broken RFC 6455. */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError'
  readonly closeCode: number

  constructor(closeCode: number, message: string) {
    super(message)
    this.closeCode = closeCode
  }
}

// Masks are drawn by the page: asking the system for four bytes at a time is slow.
const masks = new Uint8Array(4_096)
let nextMask = masks.length

function drawMask(): Uint8Array {
  if (nextMask === masks.length) {
    randomFillSync(masks)
    nextMask = 0
  }
  const mask = masks.subarray(nextMask, nextMask + 4)
  nextMask += 4
  return mask
}

/** One whole frame, masked as a client's have to be (section 5.3). */
export function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const start = 2 + lengthBytes + 4
  // So that the payload begins where a word does.
  const padding = -start & 3
  const buffer = new ArrayBuffer(padding + start + length)
  const frame = new Uint8Array(buffer, padding)
  const view = new DataView(buffer, padding)
  frame[0] = 0x80 | opcode
  frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) view.setUint16(2, length)
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(length))
  const mask = drawMask()
  frame.set(mask, start - 4)
  frame.set(payload, start)
  applyMask(new Uint8Array(buffer, padding + start), mask)
  return frame
}

/** The payload has to begin where a word does. */
function applyMask(payload: Uint8Array, mask: Uint8Array): void {
  const words = new Uint32Array(payload.buffer, payload.byteOffset, payload.length >> 2)
  const word = new Uint32Array(mask.slice().buffer)[0] as number
  for (let at = 0; at < words.length; at++) words[at] = (words[at] as number) ^ word
  for (let at = words.length * 4; at < payload.length; at++) {
    payload[at] = (payload[at] as number) ^ (mask[at & 3] as number)
  }
}

/** What the frames of a server mean. */
export interface FrameEvents {
  /** Part of the stream of MQTT: frames are no limits in it [MQTT5-6.0.0-2]. */
  data(bytes: Uint8Array): void
  ping(payload: Uint8Array): void
  close(): void
}

const longestControl = 125

/**
 * Reads what a server sends. Data is passed on as it comes, so that a long frame needs no memory.
 * Throws `WebSocketError`.
 */
export class FrameReader {
  readonly #events: FrameEvents
  readonly #head = new Uint8Array(10)
  #headLength = 0
  #opcode = 0
  /** What is left of the frame's payload; undefined while its head is read. */
  #left: number | undefined
  #control = new Uint8Array(0)
  /** A data frame has come that was not the last one of its message. */
  #isFragmented = false
  #isClosed = false

  constructor(events: FrameEvents) {
    this.#events = events
  }

  /** The bytes become the reader's. */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length && !this.#isClosed) {
      if (this.#left === undefined) {
        this.#head[this.#headLength++] = bytes[at++] as number
        if (this.#headLength === this.#needed()) this.#open()
      } else {
        const part = bytes.subarray(at, at + this.#left)
        at += part.length
        this.#take(part, this.#left)
      }
    }
  }

  /** How long the head is, as far as it is known. */
  #needed(): number {
    if (this.#headLength < 2) return 2
    const length = (this.#head[1] as number) & 0x7f
    return length < 126 ? 2 : length === 126 ? 4 : 10
  }

  #open(): void {
    const [first = 0, second = 0] = this.#head
    if ((first & 0x70) !== 0) throw broken('a reserved bit is set')
    if ((second & 0x80) !== 0) throw broken('the server masks its frames')
    this.#opcode = first & 0x0f
    const isLast = (first & 0x80) !== 0
    const length = this.#length()
    this.#headLength = 0
    if (this.#opcode >= Opcode.close) {
      if (!isLast || length > longestControl) throw broken('a control frame is too long')
      if (this.#opcode > Opcode.pong) throw broken('a frame is of no known kind')
      this.#control = new Uint8Array(length)
    } else this.#checkData(isLast)
    this.#left = length
    if (length === 0) this.#take(this.#control.subarray(0, 0), 0)
  }

  #length(): number {
    const view = new DataView(this.#head.buffer)
    if (this.#headLength === 2) return view.getUint8(1) & 0x7f
    if (this.#headLength === 4) return view.getUint16(2)
    const length = view.getBigUint64(2)
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw broken('a frame is longer than can be')
    return Number(length)
  }

  #checkData(isLast: boolean): void {
    const isFirst = this.#opcode !== Opcode.continuation
    if (isFirst && this.#opcode !== Opcode.binary) {
      // [MQTT5-6.0.0-1]
      throw new WebSocketError(
        CloseCode.unsupportedData,
        'the server sent a frame that is not binary',
      )
    }
    if (isFirst === this.#isFragmented)
      throw broken('a message begins within another, or not at all')
    this.#isFragmented = !isLast
  }

  #take(part: Uint8Array, left: number): void {
    const isDone = part.length === left
    if (this.#opcode < Opcode.close) {
      this.#left = isDone ? undefined : left - part.length
      if (part.length > 0) this.#events.data(part)
      return
    }
    this.#control.set(part, this.#control.length - left)
    this.#left = isDone ? undefined : left - part.length
    if (!isDone) return
    if (this.#opcode === Opcode.ping) this.#events.ping(this.#control)
    if (this.#opcode === Opcode.close) {
      this.#isClosed = true
      this.#events.close()
    }
  }
}

function broken(message: string): WebSocketError {
  return new WebSocketError(CloseCode.protocolError, message)
}
