const SMALLEST = 64 * 1024

/** Bytes that grow; kept and used again for one batch after another. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(SMALLEST)
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
    this.#length = this.#bytes.writeUInt32LE(value, this.#length)
  }

  f64(value: number): void {
    this.#room(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  /** UTF-8 without its length; gives the length. */
  text(value: string): number {
    this.#room(value.length * 3)
    const length = this.#bytes.write(value, this.#length, 'utf8')
    this.#length += length
    return length
  }

  string(value: string): void {
    const at = this.#length
    this.u32(0)
    const length = this.text(value)
    this.#bytes.writeUInt32LE(length, at)
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
    if (this.#bytes.length > 16 * SMALLEST) this.#bytes = Buffer.allocUnsafeSlow(SMALLEST)
    return taken
  }

  #room(length: number): void {
    const needed = this.#length + length
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** Reads what `ByteWriter` wrote; throws a RangeError beyond the end. */
export class ByteReader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
  }

  u8(): number {
    const at = this.#take(1)
    return this.#bytes[at] ?? 0
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4))
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#take(8))
  }

  text(length: number): string {
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  string(): string {
    return this.text(this.u32())
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
    if (at + length > this.#bytes.length) throw new RangeError('A stored record is cut short')
    this.#at = at + length
    return at
  }
}
