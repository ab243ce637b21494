import type { UserProperty } from '../version.ts'

const encoder = new TextEncoder()

// Up to this many characters a loop beats the call of encodeInto, which needs a view as well.
const longestShortText = 48

const longestField = 0xffff

/** The largest Variable Byte Integer. */
const largestVarint = 0x0fff_ffff

/**
 * Bytes that grow: the seven data types of section 1.5, the mirror of PacketReader. A value outside
 * its data type is a RangeError, since it is our mistake and would become another value on the wire.
 */
export class PacketWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Bytes it can hold without growing. */
  get capacity(): number {
    return this.#bytes.length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = inRange(value, 0xff)
  }

  u16(value: number): void {
    inRange(value, 0xffff)
    this.#reserve(2)
    this.#bytes[this.#length++] = value >> 8
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    inRange(value, 0xffff_ffff)
    this.#reserve(4)
    this.#bytes[this.#length++] = value >>> 24
    this.#bytes[this.#length++] = value >>> 16
    this.#bytes[this.#length++] = value >>> 8
    this.#bytes[this.#length++] = value
  }

  /** In as few bytes as the value allows [MQTT5-1.5.5-1]. */
  varint(value: number): void {
    inRange(value, largestVarint)
    this.#reserve(4)
    this.#length = putVarint(this.#bytes, this.#length, value)
  }

  /** Throws a RangeError for text that no string of MQTT can hold. */
  utf8String(text: string): void {
    if (text.length > longestField) throw tooLong(text.length)
    this.#reserve(2 + text.length * 3)
    const start = this.#length + 2
    let length = text.length <= longestShortText ? this.#shortAscii(text, start) : -1
    if (length < 0) {
      checkText(text)
      length = encoder.encodeInto(text, this.#bytes.subarray(start)).written
      if (length > longestField) throw tooLong(length)
    }
    this.#bytes[start - 2] = length >> 8
    this.#bytes[start - 1] = length
    this.#length = start + length
  }

  /** Binary Data: two bytes of length, then the bytes. */
  binary(bytes: Uint8Array): void {
    if (bytes.length > longestField) throw tooLong(bytes.length)
    this.u16(bytes.length)
    this.raw(bytes)
  }

  pair([name, value]: UserProperty): void {
    this.utf8String(name)
    this.utf8String(value)
  }

  /** The bytes alone. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /**
   * Leaves room for a Variable Byte Integer that counts what is written next. `expected` is a guess
   * of that count; a wrong guess costs a move in `closeLength`.
   */
  openLength(expected: number): number {
    const width = varintWidth(expected)
    this.#reserve(width)
    this.#length += width
    return this.#length
  }

  /** Fills in the length that `openLength` left open; `following` bytes are still to be written. */
  closeLength(start: number, expected: number, following: number): void {
    const written = this.#length - start
    const length = inRange(written + following, largestVarint)
    const shift = varintWidth(length) - varintWidth(expected)
    if (shift !== 0) {
      if (shift > 0) this.#reserve(shift)
      this.#bytes.copyWithin(start + shift, start, start + written)
      this.#length += shift
    }
    putVarint(this.#bytes, start - varintWidth(expected), length)
  }

  /** Forgets what was written after the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length
  }

  /** What was written, as a view that holds until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** What was written, handed over without a copy; the writer starts anew. */
  take(capacity = 256): Uint8Array {
    const taken = this.view()
    this.#bytes = new Uint8Array(capacity)
    this.#length = 0
    return taken
  }

  #shortAscii(text: string, start: number): number {
    const bytes = this.#bytes
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i)
      if (code >= 0x80 || code === 0) return -1
      bytes[start + i] = code
    }
    return text.length
  }

  #reserve(length: number): void {
    const needed = this.#length + length
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.view())
    this.#bytes = grown
  }
}

/** How many bytes a Variable Byte Integer takes. */
export function varintWidth(value: number): 1 | 2 | 3 | 4 {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  return value < 0x20_0000 ? 3 : 4
}

/** Writes a Variable Byte Integer that is in range, and returns its end. */
export function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let left = value
  while (left >= 0x80) {
    bytes[at++] = left | 0x80
    left >>>= 7
  }
  bytes[at++] = left
  return at
}

function inRange(value: number, largest: number): number {
  if (value >= 0 && value <= largest && Number.isInteger(value)) return value
  throw new RangeError(`${value} is not an integer from 0 to ${largest}`)
}

/** TextEncoder would write U+FFFD for a lone surrogate without a word [MQTT5-1.5.4-1]. */
function checkText(text: string): void {
  if (!/[\0\p{Surrogate}]/u.test(text)) return // and [MQTT5-1.5.4-2]
  throw new RangeError('text contains U+0000 or half a surrogate pair')
}

function tooLong(length: number): RangeError {
  return new RangeError(`field has ${length} bytes; MQTT allows at most ${longestField}`)
}
