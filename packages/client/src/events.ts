import { diagnose } from '#platform'
import { type Deferred, deferred } from './deferred.ts'
import type { ClientError } from './errors.ts'
import type { Negotiated } from './options.ts'

/** What happens to a client, with its reason. */
export type ClientEvent =
  | { readonly type: 'connecting'; readonly attempt: number }
  | {
      readonly type: 'connected'
      /** lost: the server had a Session, and has it no more. */
      readonly session: 'new' | 'resumed' | 'lost'
      /** Messages that were sent to the lost Session, and are sent anew. */
      readonly requeued: number
      readonly negotiated: Negotiated
    }
  | {
      readonly type: 'disconnected'
      readonly error: ClientError
      /** When the next attempt begins; undefined when there is none. */
      readonly retryInMs: number | undefined
    }
  /** A stored message, or one whose caller has left, came to nothing. */
  | { readonly type: 'undelivered'; readonly topicName: string; readonly error: ClientError }
  /** The end; without an error it was `close()`. */
  | { readonly type: 'stopped'; readonly error: ClientError | undefined }

// Nobody who listens needs more of the past.
const mostWaiting = 1_000

/** The events of one client to everybody who listens. */
export class ClientEvents {
  readonly #listeners = new Set<EventListener>()
  #isClosed = false

  emit(event: ClientEvent): void {
    diagnose(event)
    for (const listener of this.#listeners) listener.push(event)
  }

  /** From now on; ends after `stopped`. */
  listen(): AsyncIterableIterator<ClientEvent> {
    const listener = new EventListener((gone) => this.#listeners.delete(gone))
    if (this.#isClosed) listener.end()
    else this.#listeners.add(listener)
    return listener
  }

  close(): void {
    this.#isClosed = true
    for (const listener of this.#listeners) listener.end()
    this.#listeners.clear()
  }
}

class EventListener implements AsyncIterableIterator<ClientEvent> {
  readonly #waiting: ClientEvent[] = []
  readonly #takers: Deferred<IteratorResult<ClientEvent>>[] = []
  readonly #leave: (listener: EventListener) => void
  #isEnded = false

  constructor(leave: (listener: EventListener) => void) {
    this.#leave = leave
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<ClientEvent>> {
    const event = this.#waiting.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined })
    const taker = deferred<IteratorResult<ClientEvent>>()
    this.#takers.push(taker)
    return taker.promise
  }

  async return(): Promise<IteratorResult<ClientEvent>> {
    this.#leave(this)
    this.end()
    this.#waiting.length = 0
    return { done: true, value: undefined }
  }

  push(event: ClientEvent): void {
    const taker = this.#takers.shift()
    if (taker !== undefined) return taker.resolve({ done: false, value: event })
    if (this.#waiting.length === mostWaiting) this.#waiting.shift()
    this.#waiting.push(event)
  }

  end(): void {
    this.#isEnded = true
    for (const taker of this.#takers.splice(0)) taker.resolve({ done: true, value: undefined })
  }
}
