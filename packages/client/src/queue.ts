import type { Entries, InFlightEntry } from '@busbar/protocol'

/** What a Queue links; an item is in one queue at a time. */
export interface Queued<T> {
  previous: T | undefined
  next: T | undefined
}

/** First in, first out; anything can leave from the middle at no cost. */
export class Queue<T extends Queued<T>> {
  first: T | undefined
  size = 0
  #last: T | undefined

  push(item: T): void {
    item.previous = this.#last
    item.next = undefined
    if (this.#last === undefined) this.first = item
    else this.#last.next = item
    this.#last = item
    this.size++
  }

  /** Removes an item that is in this queue. */
  remove(item: T): void {
    if (item.previous === undefined) this.first = item.next
    else item.previous.next = item.next
    if (item.next === undefined) this.#last = item.previous
    else item.next.previous = item.previous
    item.previous = undefined
    item.next = undefined
    this.size--
  }

  takeAll(): T[] {
    const all: T[] = []
    for (let item = this.shift(); item !== undefined; item = this.shift()) all.push(item)
    return all
  }

  shift(): T | undefined {
    const item = this.first
    if (item !== undefined) this.remove(item)
    return item
  }
}

/** The same by Packet Identifier as well: messages on their way. */
export class InFlight<Entry extends InFlightEntry> extends Queue<Entry> implements Entries<Entry> {
  readonly #byIdentifier = new Map<number, Entry>()

  get(packetIdentifier: number): Entry | undefined {
    return this.#byIdentifier.get(packetIdentifier)
  }

  add(entry: Entry): void {
    this.#byIdentifier.set(entry.packetIdentifier, entry)
    this.push(entry)
  }

  delete(entry: Entry): void {
    this.#byIdentifier.delete(entry.packetIdentifier)
    this.remove(entry)
  }

  /** In the order in which they were added. */
  [Symbol.iterator](): Iterator<Entry> {
    return this.#byIdentifier.values()
  }
}
