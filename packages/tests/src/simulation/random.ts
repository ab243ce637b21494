/** A small generator of pseudo-random numbers (sfc32): the same seed gives the same numbers. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, stream = '') {
    let hash = 0x811c9dc5 ^ seed
    for (let i = 0; i < stream.length; i++)
      hash = Math.imul(hash ^ stream.charCodeAt(i), 0x01000193)
    this.#a = hash | 0
    this.#b = seed | 0
    this.#c = Math.imul(seed, 0x9e3779b1) | 0
    for (let i = 0; i < 15; i++) this.next()
  }

  /** From 0 up to 1, without 1. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 up to `limit`, without it. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  between(least: number, limit: number): number {
    return least + this.next() * (limit - least)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  /** Mostly small, now and then several times the mean. */
  around(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }
}
