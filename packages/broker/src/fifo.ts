/** First in, first out, without moving the rest on each removal. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0
  #end = 0
  readonly #keptPlaces: number

  /** Keeps so many places when it is empty: for one that is filled and emptied all the time. */
  constructor(keptPlaces = 0) {
    this.#keptPlaces = keptPlaces
  }

  get length(): number {
    return this.#end - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items[this.#end++] = item
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#end) this.clear()
    else if (this.#head > 1_024 && this.#head * 2 > this.#end) {
      this.#items = this.#items.slice(this.#head, this.#end)
      this.#end -= this.#head
      this.#head = 0
    }
    return item
  }

  clear(): void {
    if (this.#end > this.#keptPlaces) this.#items = []
    else this.#items.fill(undefined, this.#head, this.#end)
    this.#head = 0
    this.#end = 0
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#head; i < this.#end; i++) yield this.#items[i] as T
  }
}
