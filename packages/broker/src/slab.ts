/**
 * The bytes of a slab live as long as any of them is in use, so it is small; and a byte array of its
 * own for each piece would cost more than the copy.
 */
const slabBytes = 65_536

/** Anything larger gets memory of its own, instead of wasting the rest of a slab. */
const largestPiece = slabBytes / 4

/** Memory for what is about to be sent: handed out piece by piece, and never written again. */
export class Slab {
  /** The slab that pieces are handed out of now. */
  bytes = new Uint8Array(slabBytes)
  #used = 0

  /** Where in `bytes` there is room for a piece, which then is the caller's. */
  take(length: number): number {
    if (this.#used + length > slabBytes) {
      this.bytes = new Uint8Array(slabBytes)
      this.#used = 0
    }
    const start = this.#used
    this.#used += length
    return start
  }

  /** A copy that lasts. */
  copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes
    if (length > largestPiece) return new Uint8Array(bytes)
    const start = this.take(length)
    this.bytes.set(bytes, start)
    return this.bytes.subarray(start, start + length)
  }

  /** An empty piece. */
  piece(length: number): Uint8Array {
    if (length > largestPiece) return new Uint8Array(length)
    const start = this.take(length)
    return this.bytes.subarray(start, start + length)
  }
}
