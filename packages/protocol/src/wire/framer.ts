import { malformed, ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import { PacketReader } from './reader.ts'

/** The largest packet of all versions: five bytes of fixed header and 268,435,455 more. */
export const largestPacket = 268_435_460

const noBytes = new Uint8Array(0)
const firstAllocation = 4_096

/**
 * Bytes → frames; refuses by size before buffering.
 *
 *     framer.push(chunk)
 *     while (framer.advance()) receive(readPacket(framer.firstByte, framer.body(), version, from))
 *
 * When `advance` has returned false, the framer holds a copy of what is incomplete, so the chunk may
 * be reused. A packet that came in one chunk is read in place: its views last as long as the chunk.
 */
export class Framer {
  /** In bytes, fixed header included; may be changed between packets. */
  maximumPacketSize: number
  /** Whether a Remaining Length longer than its value needs is refused, as in 5.0. */
  strictLengths = false

  // the current packet, valid after `advance` has returned true
  firstByte = 0
  bytes: Uint8Array = noBytes
  /** Of the fixed header. */
  start = 0
  bodyStart = 0
  bodyEnd = 0

  // what was pushed and not framed yet
  #chunk: Uint8Array = noBytes
  #at = 0
  #end = 0
  /** The chunk lasts: it is a copy, or its owner leaves it alone. */
  #isKept = false

  // the copied beginning of a packet whose end has not arrived
  #pending: Uint8Array = noBytes
  #pendingLength = 0

  // found by #readHeader; both 0 while the fixed header is incomplete
  #headerSize = 0
  #packetSize = 0

  constructor(maximumPacketSize: number) {
    this.maximumPacketSize = maximumPacketSize
  }

  /** Nothing is left of what was pushed. */
  get isEmpty(): boolean {
    return this.#at === this.#end && this.#pendingLength === 0
  }

  /** Whether part of a packet is buffered. */
  get isWaiting(): boolean {
    return this.#pendingLength > 0
  }

  /** Takes the next bytes of the stream. */
  push(bytes: Uint8Array): void {
    const isUsedUp = this.#at === this.#end
    this.#take(isUsedUp ? plain(bytes) : joined(this.#unread(), bytes))
    this.#isKept = !isUsedUp
  }

  /** The same of part of an array whose owner leaves it alone for as long as `keep` has to last. */
  pushPart(bytes: Uint8Array, start: number, end: number): void {
    if (this.#at < this.#end) return this.push(bytes.subarray(start, end))
    this.#chunk = bytes
    this.#at = start
    this.#end = end
    this.#isKept = true
  }

  #take(bytes: Uint8Array): void {
    this.#chunk = bytes
    this.#at = 0
    this.#end = bytes.length
  }

  /** Makes the next packet the current one; false when more bytes are needed for that. */
  advance(): boolean {
    if (this.#pendingLength > 0) return this.#completePending()
    const start = this.#at
    const available = this.#end - start
    if (available > 0) {
      this.#readHeader(this.#chunk, start, available)
      if (this.#packetSize > 0 && this.#packetSize <= available) {
        this.#at = start + this.#packetSize
        this.#present(this.#chunk, start)
        return true
      }
      this.#keep(available)
    }
    return this.#release()
  }

  /** A reader over the current packet without its fixed header. */
  body(): PacketReader {
    return new PacketReader(this.bytes, this.bodyStart, this.bodyEnd)
  }

  /**
   * Makes `bytes`, with the current packet in its place, last beyond the chunk. The whole chunk is
   * copied at once, so that neighbouring packets stay neighbours and the next ones cost nothing.
   */
  keep(copy: (bytes: Uint8Array) => Uint8Array): void {
    if (this.#isKept || this.bytes !== this.#chunk) return // what was pending is a copy, too
    this.#chunk = copy(this.#chunk)
    this.bytes = this.#chunk
    this.#isKept = true
  }

  /** Copies what is not framed yet, for a caller that stops early and reuses its chunk. */
  settle(): void {
    if (this.#at === this.#end) return void this.#release()
    this.#take(this.#unread().slice())
    this.#isKept = true
  }

  #unread(): Uint8Array {
    return this.#chunk.subarray(this.#at, this.#end)
  }

  /** Lets go of a chunk that is used up. */
  #release(): false {
    this.#take(noBytes)
    this.bytes = noBytes
    return false
  }

  #completePending(): boolean {
    while (this.#packetSize === 0) {
      if (this.#at === this.#end) return this.#release()
      this.#keep(1)
      this.#readHeader(this.#pending, 0, this.#pendingLength)
    }
    const missing = this.#packetSize - this.#pendingLength
    this.#keep(Math.min(missing, this.#end - this.#at))
    if (this.#pendingLength < this.#packetSize) return this.#release()
    this.#present(this.#pending, 0)
    this.#pending = noBytes // never written again, so views of this packet stay valid
    this.#pendingLength = 0
    return true
  }

  #present(bytes: Uint8Array, start: number): void {
    this.firstByte = bytes[start] as number
    this.bytes = bytes
    this.start = start
    this.bodyStart = start + this.#headerSize
    this.bodyEnd = start + this.#packetSize
    this.#packetSize = 0
  }

  #readHeader(bytes: Uint8Array, start: number, available: number): void {
    this.#packetSize = 0
    if ((bytes[start] as number) < 0x10) throw malformed('packet type 0 is forbidden', 'U5-2.1.2-a')
    let length = 0
    for (let i = 1; i <= 4; i += 1) {
      if (i >= available) return
      const byte = bytes[start + i] as number
      length |= (byte & 0x7f) << (7 * (i - 1))
      if (byte >= 0x80) continue
      if (byte === 0 && i > 1 && this.strictLengths) {
        throw malformed('Remaining Length is longer than its value needs', 'MQTT5-1.5.5-1')
      }
      this.#checkSize(1 + i + length)
      this.#headerSize = 1 + i
      this.#packetSize = 1 + i + length
      return
    }
    throw malformed('Remaining Length has more than four bytes', 'U5-1.5.5-a')
  }

  #checkSize(packetSize: number): void {
    if (packetSize <= this.maximumPacketSize) return
    const sizes = `packet of ${packetSize} bytes, at most ${this.maximumPacketSize} are taken`
    throw new ProtocolError(ReasonCode.PacketTooLarge, sizes, 'MQTT5-3.2.2-15') // and U5-3.2.2-c
  }

  /** Moves `length` bytes from the chunk to the pending packet. */
  #keep(length: number): void {
    const needed = this.#pendingLength + length
    if (needed > this.#pending.length) this.#grow(needed)
    this.#pending.set(this.#chunk.subarray(this.#at, this.#at + length), this.#pendingLength)
    this.#pendingLength = needed
    this.#at += length
  }

  /** By what has arrived and not by what was announced, which costs a sender nothing. */
  #grow(needed: number): void {
    const doubled = Math.max(needed, this.#pending.length * 2, firstAllocation)
    const known = this.#packetSize > 0 ? Math.min(doubled, this.#packetSize) : needed + 4
    const grown = new Uint8Array(Math.max(known, needed))
    grown.set(this.#pending.subarray(0, this.#pendingLength))
    this.#pending = grown
  }
}

/** Without a subclass such as Buffer, whose `slice` is a view: that of a payload has to be a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}
