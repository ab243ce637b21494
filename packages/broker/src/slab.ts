/** A turn's output rarely needs more. */
const slabBytes = 65_536

/** Anything larger gets memory of its own, instead of wasting the rest of a slab. */
const largestPiece = slabBytes / 4

/** So much stays for the next turns. */
const mostFree = 16

/** Gets memory, of which the giver may know more than that. */
export type Allocate = (length: number) => Uint8Array<ArrayBuffer>

const plainMemory: Allocate = (length) => new Uint8Array(length)

/**
 * Memory for what is sent at the end of a turn, handed out piece by piece. The next turn uses it
 * again: an array for each piece would cost more than the copy, and fresh memory more than that.
 */
export class Slab {
  /** The one that pieces are handed out of now. */
  bytes: Uint8Array<ArrayBuffer>
  /** Somebody needs what was handed out in this turn for longer. */
  isHeld = false
  #used = 0
  readonly #full: Uint8Array<ArrayBuffer>[] = []
  readonly #free: Uint8Array<ArrayBuffer>[] = []
  readonly #allocate: Allocate

  constructor(allocate: Allocate = plainMemory) {
    this.#allocate = allocate
    this.bytes = allocate(slabBytes)
  }

  /** Where in `bytes` there is room for a piece, which is the caller's until the turn ends. */
  take(length: number): number {
    this.#makeRoom(length)
    const start = this.#used
    this.#used += length
    return start
  }

  /** The array in which the next `take` of this length is a piece. */
  bytesFor(length: number): Uint8Array {
    this.#makeRoom(length)
    return this.bytes
  }

  copy(bytes: Uint8Array): Uint8Array {
    const copy = this.piece(bytes.length)
    copy.set(bytes)
    return copy
  }

  piece(length: number): Uint8Array {
    const { bytes, start } = this.room(length)
    return start === 0 && bytes.length === length ? bytes : bytes.subarray(start, start + length)
  }

  /** Room for a piece of any length: in an array, from `start` on. */
  room(length: number): { readonly bytes: Uint8Array; readonly start: number } {
    if (length > largestPiece) return { bytes: new Uint8Array(length), start: 0 }
    const start = this.take(length)
    return { bytes: this.bytes, start }
  }

  /** Takes everything back that is not held. */
  endTurn(): void {
    if (this.#used === 0 && this.#full.length === 0) return
    if (this.isHeld) this.bytes = this.#fresh()
    for (let full = this.#full.pop(); full !== undefined; full = this.#full.pop())
      if (!this.isHeld && this.#free.length < mostFree) this.#free.push(full)
    this.#used = 0
    this.isHeld = false
  }

  #makeRoom(length: number): void {
    if (this.#used + length <= slabBytes) return
    this.#full.push(this.bytes)
    this.bytes = this.#fresh()
    this.#used = 0
  }

  #fresh(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? this.#allocate(slabBytes)
  }
}
