import { createHash, randomBytes } from 'node:crypto'
import type net from 'node:net'
import { concat, u16, u32 } from './data-types.ts'
import { CaseFailure } from './failure.ts'
import { openSocket, reset, type Wire } from './wire.ts'

/** The frame types of RFC 6455, section 5.2, that cases send. */
export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** One frame as it came from the Server. */
export interface Frame {
  readonly opcode: number
  readonly isFinal: boolean
  readonly payload: Uint8Array
}

/** The Server's answer to the upgrade request. */
export interface UpgradeResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
}

export interface UpgradeOptions {
  /** The Sec-WebSocket-Protocol header; no header for an empty list; `mqtt` by default. */
  readonly subprotocols?: readonly string[]
}

const upgradeTimeoutMs = 2_000

/**
 * A WebSocket connection whose frames a case can write itself. As a `Wire` it sends each piece of
 * bytes as one binary frame.
 */
export class WebSocketWire implements Wire {
  readonly response: UpgradeResponse
  /** Every frame received, control frames included. */
  readonly frames: Frame[] = []
  readonly #socket: net.Socket
  #pending: Uint8Array
  #onBytes: (bytes: Uint8Array) => void = () => {}
  #onClose: () => void = () => {}

  constructor(socket: net.Socket, response: UpgradeResponse, rest: Uint8Array) {
    this.#socket = socket
    this.response = response
    this.#pending = rest
  }

  get isUpgraded(): boolean {
    return this.response.status === 101
  }

  write(bytes: Uint8Array): void {
    this.sendFrame(opcode.binary, bytes)
  }

  /** Sends one masked frame; `isFinal: false` begins or continues a fragmented message. */
  sendFrame(code: number, payload: Uint8Array, isFinal = true): void {
    const mask = randomBytes(4)
    const length =
      payload.length < 126
        ? Uint8Array.of(0x80 | payload.length)
        : payload.length < 65_536
          ? concat(0x80 | 126, u16(payload.length))
          : concat(0x80 | 127, u32(0), u32(payload.length))
    const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))
    this.sendRaw(concat((isFinal ? 0x80 : 0) | code, length, mask, masked))
  }

  /** Sends bytes that need not be a frame. */
  sendRaw(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes)
  }

  end(): void {
    this.sendFrame(opcode.close, u16(1_000))
    this.#socket.end()
  }

  abort(): void {
    reset(this.#socket)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  listen(onBytes: (bytes: Uint8Array) => void, onClose: () => void): void {
    this.#onBytes = onBytes
    this.#onClose = onClose
    this.#socket.on('data', (bytes: Uint8Array) => this.#receive(bytes))
    this.#socket.once('end', onClose)
    this.#socket.once('close', onClose)
    if (this.#pending.length > 0) this.#receive(new Uint8Array())
    // `readHead` paused it, so that nothing is lost between the two readers.
    this.#socket.resume()
  }

  #receive(bytes: Uint8Array): void {
    this.#pending = concat(this.#pending, bytes)
    for (;;) {
      const frame = this.#takeFrame()
      if (frame === undefined) return
      this.frames.push(frame)
      if (frame.opcode <= opcode.binary) this.#onBytes(frame.payload)
      if (frame.opcode === opcode.ping) this.sendFrame(opcode.pong, frame.payload)
      if (frame.opcode === opcode.close) {
        this.end()
        this.#onClose()
      }
    }
  }

  #takeFrame(): Frame | undefined {
    const view = new DataView(this.#pending.buffer, this.#pending.byteOffset, this.#pending.length)
    if (view.byteLength < 2) return undefined
    const short = view.getUint8(1) & 0x7f
    const start = short === 127 ? 10 : short === 126 ? 4 : 2
    if (view.byteLength < start) return undefined
    const length = short === 127 ? view.getUint32(6) : short === 126 ? view.getUint16(2) : short
    if (view.byteLength < start + length) return undefined
    const payload = this.#pending.slice(start, start + length)
    this.#pending = this.#pending.subarray(start + length)
    return { opcode: view.getUint8(0) & 0x0f, isFinal: view.getUint8(0) >= 0x80, payload }
  }
}

/** Asks for an upgrade; a refusal is a wire too, with its `response`. */
export async function openWebSocket(
  url: URL,
  { subprotocols = ['mqtt'] }: UpgradeOptions = {},
): Promise<WebSocketWire> {
  const socket = await openSocket(url)
  const key = randomBytes(16).toString('base64')
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    ...(subprotocols.length > 0 ? [`Sec-WebSocket-Protocol: ${subprotocols.join(', ')}`] : []),
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  const { head, rest } = await readHead(socket)
  const response = parseResponse(head)
  if (response.status === 101 && response.headers.get('sec-websocket-accept') !== acceptOf(key)) {
    throw new CaseFailure(`the Server's Sec-WebSocket-Accept is wrong: ${head}`)
  }
  return new WebSocketWire(socket, response, rest)
}

async function readHead(socket: net.Socket): Promise<{ head: string; rest: Uint8Array }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ head: string; rest: Uint8Array }>()
  let bytes: Uint8Array = new Uint8Array()
  const give = (end: number): void =>
    resolve({
      head: Buffer.from(bytes.subarray(0, end)).toString('latin1'),
      rest: bytes.slice(end),
    })
  const onData = (piece: Uint8Array): void => {
    bytes = concat(bytes, piece)
    const end = Buffer.from(bytes).indexOf('\r\n\r\n')
    if (end >= 0) give(end + 4)
  }
  const onEnd = (): void => give(bytes.length)
  const timer = setTimeout(
    () => reject(new CaseFailure('no answer to the WebSocket upgrade')),
    upgradeTimeoutMs,
  )
  socket.on('data', onData)
  socket.once('close', onEnd)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.off('data', onData)
    socket.off('close', onEnd)
    socket.pause()
  }
}

function parseResponse(head: string): UpgradeResponse {
  const [first = '', ...lines] = head.split('\r\n')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return { status: Number(first.split(' ')[1] ?? 0), headers }
}

function acceptOf(key: string): string {
  // The constant of RFC 6455, section 1.3.
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
