/** For each record its segment, where it starts there, and how many hold it. */
const fields = 3
const firstRecords = 64

/** Where numbered records are. A number is given again when nobody holds its record any more. */
export class RecordTable {
  #rows = new Uint32Array(firstRecords * fields)
  #count = 0
  /** The first of the numbers that are free, plus 1; each has the next one in the place of its segment. */
  #free = 0

  /** Gives the number of a record that one holds. */
  add(segment: number, start: number): number {
    const isNew = this.#free === 0
    const number = isNew ? this.#count++ : this.#free - 1
    if (isNew && this.#count * fields > this.#rows.length) this.#grow()
    if (!isNew) this.#free = this.#rows[number * fields] as number
    this.move(number, segment, start)
    this.#rows[number * fields + 2] = 1
    return number
  }

  segmentOf(number: number): number {
    return this.#rows[number * fields] as number
  }

  startOf(number: number): number {
    return this.#rows[number * fields + 1] as number
  }

  move(number: number, segment: number, start: number): void {
    this.#rows[number * fields] = segment
    this.#rows[number * fields + 1] = start
  }

  hold(number: number): void {
    const at = number * fields + 2
    this.#rows[at] = (this.#rows[at] as number) + 1
  }

  /** True when nobody holds it any more. */
  release(number: number): boolean {
    const at = number * fields + 2
    const left = (this.#rows[at] as number) - 1
    this.#rows[at] = left
    if (left > 0) return false
    this.#rows[number * fields] = this.#free
    this.#free = number + 1
    return true
  }

  /** Whether somebody holds this number's record, and it is there. */
  isAt(number: number, segment: number, start: number): boolean {
    const at = number * fields
    return this.#rows[at + 2] !== 0 && this.#rows[at] === segment && this.#rows[at + 1] === start
  }

  #grow(): void {
    const rows = new Uint32Array(this.#rows.length * 2)
    rows.set(this.#rows)
    this.#rows = rows
  }
}
