import type { Subscription } from './subscription.ts'

/**
 * The subscriptions of one Session, in the order in which they came. By its filter one is found in the
 * router, which has them all: a table of its own for each Session would cost as much again.
 */
export class Subscriptions {
  size = 0
  #first: Subscription | undefined
  #last: Subscription | undefined

  add(subscription: Subscription): void {
    const last = this.#last
    subscription.previous = last
    if (last === undefined) this.#first = subscription
    else last.next = subscription
    this.#last = subscription
    this.size++
  }

  /** Removes one that is there. */
  remove(subscription: Subscription): void {
    const { previous, next } = subscription
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    subscription.previous = undefined
    subscription.next = undefined
    this.size--
  }

  /** They may come and go meanwhile: shows those that are there now. */
  [Symbol.iterator](): Iterator<Subscription> {
    const all: Subscription[] = []
    for (let each = this.#first; each !== undefined; each = each.next) all.push(each)
    return all.values()
  }
}
