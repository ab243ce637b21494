import type { Subscription } from './subscription.ts'

/**
 * The subscriptions of one Session, by their text. Most Sessions have one, or none, and a Map would
 * be as large as all else that they need.
 */
export class Subscriptions {
  #all: undefined | Subscription | Map<string, Subscription>

  get size(): number {
    const all = this.#all
    return all === undefined ? 0 : all instanceof Map ? all.size : 1
  }

  get(text: string): Subscription | undefined {
    const all = this.#all
    if (all instanceof Map) return all.get(text)
    return all?.text === text ? all : undefined
  }

  has(text: string): boolean {
    return this.get(text) !== undefined
  }

  /** Adds one, or replaces that of the same text: then it returns false. */
  set(subscription: Subscription): boolean {
    const before = this.size
    const all = this.#all
    // Not looked up before, as that costs as much again.
    if (all instanceof Map) all.set(subscription.text, subscription)
    else if (all === undefined || all.text === subscription.text) this.#all = subscription
    else {
      this.#all = new Map([
        [all.text, all],
        [subscription.text, subscription],
      ])
    }
    return this.size > before
  }

  delete(text: string): void {
    const all = this.#all
    if (all instanceof Map) all.delete(text)
    else if (all?.text === text) this.#all = undefined
  }

  /** They may come and go meanwhile. */
  [Symbol.iterator](): Iterator<Subscription> {
    const all = this.#all
    if (all === undefined) return none.values()
    return all instanceof Map ? all.values() : [all].values()
  }
}

const none: readonly Subscription[] = []
