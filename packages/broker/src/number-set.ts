const bits = 32

/** A set of small whole numbers, one bit each; the lowest is found at once. */
export class NumberSet {
  #words = new Uint32Array(0)
  #size = 0
  /** The words before it are empty. */
  #first = 0

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  /** What it takes in bytes once it has this number. */
  bytesWith(number: number): number {
    return this.#lengthWith(number) * Uint32Array.BYTES_PER_ELEMENT
  }

  #lengthWith(number: number): number {
    const { length } = this.#words
    const word = Math.floor(number / bits)
    return word < length ? length : Math.max(word + 1, 2 * length)
  }

  add(number: number): void {
    const word = Math.floor(number / bits)
    if (word >= this.#words.length) this.#grow(this.#lengthWith(number))
    const bit = 1 << (number % bits)
    const known = this.#words[word] as number
    if ((known & bit) !== 0) return
    this.#words[word] = known | bit
    this.#size++
    this.#first = Math.min(this.#first, word)
  }

  has(number: number): boolean {
    const known = this.#words[Math.floor(number / bits)] ?? 0
    return (known & (1 << (number % bits))) !== 0
  }

  /** False when it was not there. */
  delete(number: number): boolean {
    if (!this.has(number)) return false
    const word = Math.floor(number / bits)
    this.#words[word] = (this.#words[word] as number) & ~(1 << (number % bits))
    this.#size--
    return true
  }

  /** The lowest one; undefined when there is none. */
  get first(): number | undefined {
    if (this.#size === 0) return undefined
    while (this.#words[this.#first] === 0) this.#first++
    const word = this.#words[this.#first] as number
    return this.#first * bits + (bits - 1 - Math.clz32(word & -word))
  }

  #grow(length: number): void {
    const words = new Uint32Array(length)
    words.set(this.#words)
    this.#words = words
  }
}
