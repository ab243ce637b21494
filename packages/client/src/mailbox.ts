import { aborted, onAbort } from './abort.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { ClientError } from './errors.ts'

/** What an iterator ends with. */
export const done = { done: true, value: undefined } as const

/** So many that were taken stay in front before the rest is moved. */
const mostTaken = 1_024

/** What has come and was not taken, or who waits for what comes. */
export class Mailbox<T> {
  // A ring would save nothing here: what is taken is forgotten with the array's front.
  #items: T[] = []
  #at = 0
  readonly #takers: Deferred<T | undefined>[] = []
  #error: ClientError | undefined
  isEnded = false

  get size(): number {
    return this.#items.length - this.#at
  }

  /** False where somebody has waited for it. */
  push(item: T): boolean {
    const taker = this.#takers.shift()
    if (taker === undefined) this.#items.push(item)
    else taker.resolve(item)
    return taker === undefined
  }

  /** The next one, where there is one. */
  shift(): T | undefined {
    const item = this.#items[this.#at]
    if (item === undefined) return undefined
    this.#at++
    if (this.#at === this.#items.length || this.#at === mostTaken) this.replace(this.rest())
    return item
  }

  /** What was not taken. */
  rest(): T[] {
    return this.#items.slice(this.#at)
  }

  replace(items: T[]): void {
    this.#items = items
    this.#at = 0
  }

  /** The next one; undefined at the end. An abort takes nothing. */
  take(signal?: AbortSignal): Promise<T | undefined> {
    const item = this.shift()
    if (item !== undefined) return Promise.resolve(item)
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.isEnded) return Promise.resolve(undefined)
    if (signal?.aborted === true) return Promise.reject(aborted(signal))
    const taker = deferred<T | undefined>()
    this.#takers.push(taker)
    if (signal === undefined) return taker.promise
    const forget = onAbort(signal, () => {
      const at = this.#takers.indexOf(taker)
      if (at === -1) return
      this.#takers.splice(at, 1)
      taker.reject(aborted(signal))
    })
    return taker.promise.finally(forget)
  }

  /** Nothing more comes; `error` is what is read behind what is there. */
  end(error?: ClientError): void {
    this.isEnded = true
    this.#error = error
    for (const taker of this.#takers.splice(0)) {
      if (error === undefined) taker.resolve(undefined)
      else taker.reject(error)
    }
  }
}
