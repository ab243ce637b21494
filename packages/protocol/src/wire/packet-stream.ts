import { malformed, ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import { PacketReader } from './reader.ts'

const noBytes = new Uint8Array(0)

/**
 * Bytes → frames like `Framer`, for a client, which owns what has arrived: nothing is used again, so
 * nothing has to be kept. Views of a packet last.
 */
export class PacketStream {
  // the current packet, valid after `advance` has returned true
  firstByte = 0
  bytes: Uint8Array = noBytes
  bodyStart = 0
  bodyEnd = 0

  /** In bytes, fixed header included. */
  readonly #maximumPacketSize: number
  readonly #isStrict: boolean
  // what was pushed and not framed yet; behind it there may be room that nobody has seen
  #at = 0
  #end = 0

  /** A strict one refuses a Remaining Length longer than its value needs, as 5.0 does. */
  constructor(maximumPacketSize: number, isStrict: boolean) {
    this.#maximumPacketSize = maximumPacketSize
    this.#isStrict = isStrict
  }

  /** Takes the next bytes of the stream. */
  push(bytes: Uint8Array): void {
    if (this.#at === this.#end) {
      // Without a subclass such as Buffer, whose `slice` is a view: that of a payload has to be a copy.
      this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      this.#at = 0
      this.#end = bytes.length
      return
    }
    if (this.#end + bytes.length > this.bytes.length) this.#grow(bytes.length)
    this.bytes.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** Makes the next packet the current one; false when more bytes are needed for that. */
  advance(): boolean {
    const { bytes } = this
    const start = this.#at
    if (start === this.#end) return false
    this.firstByte = bytes[start] as number
    if (this.firstByte < 0x10) throw malformed('packet type 0 is forbidden', 'U5-2.1.2-a')
    let length = 0
    for (let i = 1; i <= 4; i += 1) {
      if (start + i >= this.#end) return false
      const byte = bytes[start + i] as number
      length |= (byte & 0x7f) << (7 * (i - 1))
      if (byte >= 0x80) continue
      if (byte === 0 && i > 1 && this.#isStrict) {
        throw malformed('Remaining Length is longer than its value needs', 'MQTT5-1.5.5-1')
      }
      return this.#present(start + 1 + i, length)
    }
    throw malformed('Remaining Length has more than four bytes', 'U5-1.5.5-a')
  }

  /** A reader over the current packet without its fixed header. */
  body(): PacketReader {
    return new PacketReader(this.bytes, this.bodyStart, this.bodyEnd)
  }

  #present(bodyStart: number, length: number): boolean {
    const bodyEnd = bodyStart + length
    const size = bodyEnd - this.#at
    if (size > this.#maximumPacketSize) {
      const sizes = `packet of ${size} bytes, at most ${this.#maximumPacketSize} are taken`
      throw new ProtocolError(ReasonCode.PacketTooLarge, sizes, 'MQTT5-3.2.2-15') // and U5-3.2.2-c
    }
    if (bodyEnd > this.#end) return false
    this.bodyStart = bodyStart
    this.bodyEnd = bodyEnd
    this.#at = bodyEnd
    return true
  }

  /** By what has arrived and not by what was announced, which costs a sender nothing. */
  #grow(arrived: number): void {
    const unread = this.bytes.subarray(this.#at, this.#end)
    const grown = new Uint8Array(Math.max(unread.length + arrived, unread.length * 2))
    grown.set(unread)
    this.bytes = grown
    this.#at = 0
    this.#end = unread.length
  }
}
