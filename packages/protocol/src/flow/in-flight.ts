/** What is known by its Packet Identifier, and has neighbours in the order in which it came. */
export interface InFlightEntry {
  readonly packetIdentifier: number
  /** For the order only. */
  previous: this | undefined
  next: this | undefined
}

const fewestSlots = 4

/** An empty table of more slots gives its memory back. */
const mostKept = 256

/**
 * Entries by Packet Identifier, in order. Identifiers rotate, so those in use lie close together and
 * each has a slot of its own in a small array: that costs a fifth of a Map.
 */
export class InFlight<Entry extends InFlightEntry> {
  #slots: (Entry | undefined)[] = []
  #size = 0
  #last: Entry | undefined
  first: Entry | undefined

  get size(): number {
    return this.#size
  }

  get(packetIdentifier: number): Entry | undefined {
    const entry = this.#slots[packetIdentifier & (this.#slots.length - 1)]
    return entry?.packetIdentifier === packetIdentifier ? entry : undefined
  }

  /** Behind all others; one that has its identifier goes. */
  add(entry: Entry): void {
    const known = this.get(entry.packetIdentifier)
    if (known !== undefined) this.delete(known)
    if (this.#slots.length === 0) this.#slots = empty(fewestSlots)
    while (!this.#put(entry)) this.#grow()
    entry.previous = this.#last
    if (this.#last === undefined) this.first = entry
    else this.#last.next = entry
    this.#last = entry
    this.#size++
  }

  delete(entry: Entry): void {
    this.#slots[entry.packetIdentifier & (this.#slots.length - 1)] = undefined
    if (entry.previous === undefined) this.first = entry.next
    else entry.previous.next = entry.next
    if (entry.next === undefined) this.#last = entry.previous
    else entry.next.previous = entry.previous
    this.#size--
    if (this.#size === 0 && this.#slots.length > mostKept) this.#slots = []
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (let entry = this.first; entry !== undefined; entry = entry.next) yield entry
  }

  /** False where its slot is another's. */
  #put(entry: Entry): boolean {
    const slot = entry.packetIdentifier & (this.#slots.length - 1)
    if (this.#slots[slot] !== undefined) return false
    this.#slots[slot] = entry
    return true
  }

  /** Two that met in a slot no longer do when there are as many as identifiers. */
  #grow(): void {
    let length = this.#slots.length
    do {
      length *= 2
      this.#slots = empty(length)
    } while (![...this].every((entry) => this.#put(entry)))
  }
}

function empty(length: number): undefined[] {
  return new Array<undefined>(length).fill(undefined)
}
