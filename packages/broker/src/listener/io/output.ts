const nothing = new Uint8Array(0)

/** Bytes that wait to be sent, in the pieces in which they came. */
export class Output {
  readonly #pieces: Uint8Array[] = []
  /** Pieces before this one are sent. */
  #first = 0
  /** Bytes of the first piece that are sent. */
  #sent = 0
  length = 0

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.length += bytes.length
  }

  /** The first piece, or what is left of it. */
  get front(): Uint8Array {
    const piece = this.#pieces[this.#first] as Uint8Array
    return this.#sent === 0 ? piece : piece.subarray(this.#sent)
  }

  /** Copies as much as there is room for, and returns how much that was; nothing is taken. */
  copyTo(target: Uint8Array, start = 0, end = target.length): number {
    let at = start
    let skip = this.#sent
    for (let index = this.#first; index < this.#pieces.length && at < end; index++) {
      const piece = this.#pieces[index] as Uint8Array
      const length = Math.min(piece.length - skip, end - at)
      target.set(
        skip === 0 && length === piece.length ? piece : piece.subarray(skip, skip + length),
        at,
      )
      at += length
      skip = 0
    }
    return at - start
  }

  /** Forgets bytes that are sent. */
  take(count: number): void {
    this.length -= count
    if (this.length === 0) return this.clear()
    let left = count + this.#sent
    let piece = this.#pieces[this.#first] as Uint8Array
    while (left >= piece.length) {
      left -= piece.length
      this.#pieces[this.#first++] = nothing // lets go of it
      piece = this.#pieces[this.#first] as Uint8Array
    }
    this.#sent = left
    // At a cost that does not grow with what waits.
    if (this.#first < 64 || this.#first * 2 < this.#pieces.length) return
    this.#pieces.splice(0, this.#first)
    this.#first = 0
  }

  clear(): void {
    this.#pieces.length = 0
    this.#first = 0
    this.#sent = 0
    this.length = 0
  }
}
