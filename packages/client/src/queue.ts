/** What a Queue links; an item is in one queue at a time. */
export class Queued<T, Q> {
  previous: T | undefined = undefined
  next: T | undefined = undefined
  /** The one that it is in. */
  queue: Q | undefined = undefined
}

/** First in, first out; anything can leave from the middle at no cost. */
export class Queue<T extends Queued<T, unknown>> {
  first: T | undefined
  size = 0
  #last: T | undefined

  push(item: T): void {
    item.queue = this
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
    item.queue = undefined
    this.size--
  }

  takeAll(): T[] {
    const all: T[] = []
    for (let item = this.first; item !== undefined; item = this.first) {
      this.remove(item)
      all.push(item)
    }
    return all
  }
}
