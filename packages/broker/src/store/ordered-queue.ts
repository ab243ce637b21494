/** How many removed slots are kept before they are cut out. */
const SLACK = 64

/**
 * Values by increasing position: an ordered array with holes. Appending and taking from the head
 * cost O(1), finding and removing O(log n), whatever the length.
 */
export class OrderedQueue<Value> {
  // A removed value leaves its position, so that the binary search needs no value to compare with.
  #positions: number[] = []
  #values: (Value | undefined)[] = []
  #head = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** The highest position, 0 when empty. */
  get lastPosition(): number {
    for (let at = this.#values.length - 1; at >= this.#head; at--) {
      if (this.#values[at] !== undefined) return this.#positions[at] ?? 0
    }
    return 0
  }

  /** Adds or replaces. */
  add(position: number, value: Value): void {
    const last = this.#positions.at(-1)
    if (last === undefined || last < position) {
      this.#positions.push(position)
      this.#values.push(value)
      this.#count++
    } else {
      this.#insert(position, value)
    }
  }

  remove(position: number): Value | undefined {
    const at = this.#search(position)
    const value = this.#positions[at] === position ? this.#values[at] : undefined
    if (value === undefined) return undefined
    this.#values[at] = undefined
    this.#count--
    while (this.#head < this.#values.length && this.#values[this.#head] === undefined) this.#head++
    const holes = this.#values.length - this.#count
    if (holes > SLACK && holes > this.#count) this.#compact()
    return value
  }

  /** Shows the values behind `afterPosition`, in order, until `visit` has seen enough. */
  visit(afterPosition: number, visit: (value: Value, position: number) => 'enough' | 'more'): void {
    for (let at = this.#search(afterPosition); at < this.#values.length; at++) {
      const position = this.#positions[at] ?? 0
      const value = this.#values[at]
      if (value === undefined || position === afterPosition) continue
      if (visit(value, position) === 'enough') return
    }
  }

  /** A value out of turn: rare, so it may move those behind it. */
  #insert(position: number, value: Value): void {
    const at = this.#search(position)
    const isKnown = this.#positions[at] === position
    if (!isKnown || this.#values[at] === undefined) this.#count++
    this.#positions.splice(at, isKnown ? 1 : 0, position)
    this.#values.splice(at, isKnown ? 1 : 0, value)
  }

  /** The first slot whose position is not below `position`, the holes at the head left out. */
  #search(position: number): number {
    let low = this.#head
    let high = this.#positions.length
    // Found at the head without a search: the usual case.
    if (low < high && position <= (this.#positions[low] ?? 0)) return low
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#positions[middle] ?? 0) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  #compact(): void {
    this.#positions = this.#positions.filter((_, at) => this.#values[at] !== undefined)
    this.#values = this.#values.filter((value) => value !== undefined)
    this.#head = 0
  }
}
