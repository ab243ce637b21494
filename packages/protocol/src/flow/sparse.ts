/**
 * A Set that is nearly always empty, and takes no memory then: an empty one of the language has 150
 * bytes, and every Session would have several.
 */
export class SparseSet<T> {
  #items: Set<T> | undefined

  get size(): number {
    return this.#items === undefined ? 0 : this.#items.size
  }

  has(item: T): boolean {
    return this.#items?.has(item) === true
  }

  add(item: T): void {
    this.#items ??= new Set()
    this.#items.add(item)
  }

  delete(item: T): boolean {
    return this.#items?.delete(item) === true
  }

  clear(): void {
    this.#items = undefined
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.#items ?? none).values() as Iterator<T>
  }
}

const none: ReadonlySet<unknown> = new Set()
