import { within } from './deadline.ts'

/** What has arrived and has not been looked at yet, in order. */
export class Inbox<T> {
  readonly #items: T[] = []
  readonly #takers: ((item: T) => void)[] = []

  push(item: T): void {
    const taker = this.#takers.shift()
    if (taker === undefined) this.#items.push(item)
    else taker(item)
  }

  /** The next item, waiting for it; `what` is what an error calls it. */
  next(what: string): Promise<T> {
    const item = this.#items.shift()
    if (item !== undefined) return Promise.resolve(item)
    const { promise, resolve } = Promise.withResolvers<T>()
    this.#takers.push(resolve)
    return within(promise, what)
  }

  /** Everything that is there, without waiting. */
  takeAll(): T[] {
    return this.#items.splice(0)
  }
}
