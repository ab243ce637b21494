import { Timed } from './deadlines.ts'
import type { Subscription } from './subscription.ts'

/**
 * What has subscriptions: a Session, which is one object with them. They are in the order in which they
 * came. By its filter one is found in the router, which has them all: a table of its own for each Session
 * would cost as much again.
 */
export abstract class WithSubscriptions extends Timed {
  subscriptionCount = 0
  #first: Subscription | undefined
  #last: Subscription | undefined

  addSubscription(subscription: Subscription): void {
    const last = this.#last
    subscription.previous = last
    if (last === undefined) this.#first = subscription
    else last.next = subscription
    this.#last = subscription
    this.subscriptionCount++
  }

  /** Removes one that is there. */
  removeSubscription(subscription: Subscription): void {
    const { previous, next } = subscription
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    subscription.previous = undefined
    subscription.next = undefined
    this.subscriptionCount--
  }

  /** Those that are there now: they may come and go meanwhile. */
  get subscriptions(): readonly Subscription[] {
    const all: Subscription[] = []
    for (let each = this.#first; each !== undefined; each = each.next) all.push(each)
    return all
  }
}
