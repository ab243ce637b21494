/** How many removed slots are kept before they are cut out. */
const SLACK = 64

const SMALLEST = 8

/** In the place of a value that was removed. */
const HOLE = -1

/**
 * Numbers by increasing position: two ordered arrays with holes, 16 bytes for each. Appending and
 * taking from the head cost O(1), finding and removing O(log n), whatever the length. A value is not
 * negative.
 */
export class OrderedQueue {
  // A removed value leaves its position, so that the binary search needs no value to compare with.
  #positions = new Float64Array(0)
  #values = new Float64Array(0)
  #head = 0
  #end = 0
  #count = 0
  /** The one that was asked for last: it is asked for again, or the one behind it is. */
  #latest = 0

  get count(): number {
    return this.#count
  }

  /** The highest position, 0 when empty. */
  get lastPosition(): number {
    for (let at = this.#end - 1; at >= this.#head; at--) {
      if (this.#values[at] !== HOLE) return this.#positions[at] as number
    }
    return 0
  }

  /** Adds or replaces; gives what was replaced. */
  add(position: number, value: number): number | undefined {
    if (this.#end > 0 && (this.#positions[this.#end - 1] as number) >= position) {
      return this.#insert(position, value)
    }
    if (this.#end === this.#positions.length) this.#makeRoom()
    this.#positions[this.#end] = position
    this.#values[this.#end++] = value
    this.#count++
    return undefined
  }

  get(position: number): number | undefined {
    const at = this.#find(position)
    return at < 0 ? undefined : this.#values[at]
  }

  /** Gives a position that is there another value. */
  replace(position: number, value: number): void {
    const at = this.#find(position)
    if (at >= 0) this.#values[at] = value
  }

  remove(position: number): number | undefined {
    // Nearly always the first; what is asked for is further behind, and not to be lost sight of.
    const at = this.#search(position)
    if (!this.#isAt(at, position)) return undefined
    const value = this.#values[at]
    this.#values[at] = HOLE
    this.#count--
    while (this.#head < this.#end && this.#values[this.#head] === HOLE) this.#head++
    const holes = this.#end - this.#count
    if (holes > SLACK && holes > this.#count) this.#move(this.#count)
    return value
  }

  /** Shows the values behind `afterPosition`, in order, until `visit` has seen enough. */
  visit(
    afterPosition: number,
    visit: (value: number, position: number) => 'enough' | 'more',
  ): void {
    for (let at = this.#search(afterPosition); at < this.#end; at++) {
      const position = this.#positions[at] as number
      const value = this.#values[at] as number
      if (value === HOLE || position === afterPosition) continue
      if (visit(value, position) === 'enough') return
    }
  }

  /** A value out of turn: rare, so it may move those behind it. */
  #insert(position: number, value: number): number | undefined {
    const known = this.get(position)
    if (known !== undefined) {
      this.replace(position, value)
      return known
    }
    if (this.#end === this.#positions.length) this.#makeRoom()
    const at = this.#search(position)
    if (this.#positions[at] !== position || at === this.#end) {
      this.#positions.copyWithin(at + 1, at, this.#end)
      this.#values.copyWithin(at + 1, at, this.#end)
      this.#end++
    }
    this.#positions[at] = position
    this.#values[at] = value
    this.#count++
    return undefined
  }

  /** Where it is, or -1. */
  #find(position: number): number {
    if (this.#isAt(this.#latest, position)) return this.#latest
    const at = this.#isAt(this.#latest + 1, position) ? this.#latest + 1 : this.#search(position)
    if (!this.#isAt(at, position)) return -1
    this.#latest = at
    return at
  }

  #isAt(at: number, position: number): boolean {
    const isWithin = at >= this.#head && at < this.#end
    return isWithin && this.#positions[at] === position && this.#values[at] !== HOLE
  }

  /** The first slot whose position is not below `position`, the holes at the head left out. */
  #search(position: number): number {
    let low = this.#head
    let high = this.#end
    // Found at the head without a search: the usual case.
    if (low < high && position <= (this.#positions[low] as number)) return low
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#positions[middle] as number) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  #makeRoom(): void {
    // Half as much again where twice as much would be felt.
    const more = this.#count < 65_536 ? this.#count : this.#count >> 1
    this.#move(Math.max(SMALLEST, this.#count + more))
  }

  /** Into arrays of this length, without the holes. */
  #move(length: number): void {
    const positions = new Float64Array(length)
    const values = new Float64Array(length)
    let to = 0
    for (let at = this.#head; at < this.#end; at++) {
      if (this.#values[at] === HOLE) continue
      positions[to] = this.#positions[at] as number
      values[to++] = this.#values[at] as number
    }
    this.#positions = positions
    this.#values = values
    this.#head = 0
    this.#end = to
  }
}
