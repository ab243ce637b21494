/** What can be among `Members`, of one kind at a time. */
export interface Member {
  /** Where it is; -1: nowhere. For `Members` only. */
  place: number
}

/**
 * A set of those that come and go. Not a Set, whose old tables would keep them for long after they have
 * gone, as those of a Map do (`ByText`); and each would take an entry of a table.
 */
export class Members<T extends Member> {
  readonly #all: (T | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#all.length - this.#free.length
  }

  /** Adds one that is not there. */
  add(member: T): void {
    member.place = this.#free.pop() ?? this.#all.length
    this.#all[member.place] = member
  }

  /** False when it is not there. */
  delete(member: T): boolean {
    const { place } = member
    if (place < 0) return false
    member.place = -1
    this.#all[place] = undefined
    this.#free.push(place)
    return true
  }

  /** They may come and go meanwhile; those that are there all the time are shown once, in no order. */
  *[Symbol.iterator](): Generator<T> {
    for (const member of this.#all) if (member !== undefined) yield member
  }
}
