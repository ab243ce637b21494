import type { TextCache } from '../text-cache.ts'

const SMALLEST = 64 * 1024

/** Bytes that grow; kept and used again for one batch after another. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(SMALLEST)
  /** The same bytes: several times faster than the methods of a Buffer. */
  #view = viewOf(this.#bytes)
  #length = 0

  get length(): number {
    return this.#length
  }

  u8(value: number): void {
    this.#room(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#room(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  f64(value: number): void {
    this.#room(8)
    this.#view.setFloat64(this.#length, value, true)
    this.#length += 8
  }

  /** UTF-8 without its length; gives the length. */
  text(value: string): number {
    this.#room(value.length * 3)
    const start = this.#length
    let at = 0
    // Faster than `write` for the length that topics have, which nearly always are ASCII.
    for (; at < value.length; at++) {
      const unit = value.charCodeAt(at)
      if (unit > 0x7f) break
      this.#bytes[start + at] = unit
    }
    const length = at === value.length ? at : this.#bytes.write(value, start, 'utf8')
    this.#length += length
    return length
  }

  string(value: string): void {
    const at = this.#length
    this.u32(0)
    const length = this.text(value)
    this.#view.setUint32(at, length, true)
  }

  raw(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  binary(value: Uint8Array): void {
    this.u32(value.length)
    this.raw(value)
  }

  /** A copy of what was written; the writer is empty again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = Buffer.allocUnsafeSlow(this.#length)
    this.#bytes.copy(taken, 0, 0, this.#length)
    this.#length = 0
    // A burst does not keep its memory.
    if (this.#bytes.length > 16 * SMALLEST) this.#use(Buffer.allocUnsafeSlow(SMALLEST))
    return taken
  }

  #room(length: number): void {
    const needed = this.#length + length
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#use(grown)
  }

  #use(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

/** Reads what `ByteWriter` wrote; throws a RangeError beyond the end. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at: number
  #end: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
    this.#end = bytes.length
  }

  /** Goes on with the record from `start` to `end`. */
  open(start: number, end: number): void {
    if (start > end || end > this.#bytes.length) throw cutShort()
    this.#at = start
    this.#end = end
  }

  u8(): number {
    const at = this.#take(1)
    return this.#bytes[at] ?? 0
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  /** `cache`: where neighbouring records are likely to have the same. */
  text(length: number, cache?: TextCache): string {
    const at = this.#take(length)
    if (cache !== undefined) return cache.read(this.#bytes, at, at + length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  string(cache?: TextCache): string {
    return this.text(this.u32(), cache)
  }

  /** A copy, so that it does not keep alive all that was read with it. */
  raw(length: number): Uint8Array {
    const at = this.#take(length)
    return new Uint8Array(this.#bytes.subarray(at, at + length))
  }

  binary(): Uint8Array {
    return this.raw(this.u32())
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#end) throw cutShort()
    this.#at = at + length
    return at
  }
}

function cutShort(): RangeError {
  return new RangeError('A stored record is cut short')
}
