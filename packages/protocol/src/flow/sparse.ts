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

/** The same for a Map. */
export class SparseMap<K, V> {
  #items: Map<K, V> | undefined

  get size(): number {
    return this.#items === undefined ? 0 : this.#items.size
  }

  get(key: K): V | undefined {
    return this.#items?.get(key)
  }

  has(key: K): boolean {
    return this.#items?.has(key) === true
  }

  set(key: K, value: V): void {
    this.#items ??= new Map()
    this.#items.set(key, value)
  }

  delete(key: K): boolean {
    return this.#items?.delete(key) === true
  }

  clear(): void {
    this.#items = undefined
  }

  values(): MapIterator<V> {
    return (this.#items ?? noEntries).values() as MapIterator<V>
  }
}

const none: ReadonlySet<unknown> = new Set()
const noEntries: ReadonlyMap<unknown, unknown> = new Map()
