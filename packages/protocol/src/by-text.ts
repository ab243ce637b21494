/** So many empty ones cost nothing. */
const fewPlaces = 64

/**
 * Values by a text, for those that come and go. A Map that outgrows its table leaves the old one with a
 * reference to the new one, and V8 looks at what is old only in a full collection: so each table keeps the
 * next one, and what was in all of them, for as long. Here it is texts and numbers that stay.
 */
export class ByText<V extends object> {
  readonly #places = new Map<string, number>()
  readonly #values: (V | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#places.size
  }

  get(text: string): V | undefined {
    const place = this.#places.get(text)
    return place === undefined ? undefined : this.#values[place]
  }

  set(text: string, value: V): void {
    const known = this.#places.get(text)
    const place = known ?? this.#free.pop() ?? this.#values.length
    this.#values[place] = value
    if (known === undefined) this.#places.set(text, place)
  }

  delete(text: string): boolean {
    const place = this.#places.get(text)
    if (place === undefined) return false
    this.#places.delete(text)
    this.#values[place] = undefined
    this.#free.push(place)
    return true
  }

  /** Most of its places are empty: it was much larger, and what shows all takes as long as then. */
  get isSparse(): boolean {
    return this.#free.length > 3 * this.size + fewPlaces
  }

  /** They may come and go meanwhile; those that are there all the time are shown once, in no order. */
  each(visit: (value: V) => void): void {
    for (const value of this.#values) if (value !== undefined) visit(value)
  }

  /** The same for a loop, which may stop. */
  *[Symbol.iterator](): Generator<V> {
    for (const value of this.#values) if (value !== undefined) yield value
  }
}
