import { diagnose } from '#platform'
import type { ClientError } from './errors.ts'
import { done, Mailbox } from './mailbox.ts'
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
  readonly #listeners = new Set<Mailbox<ClientEvent>>()
  #isClosed = false

  emit(event: ClientEvent): void {
    diagnose(event)
    for (const listener of this.#listeners) {
      if (listener.size === mostWaiting) listener.shift()
      listener.push(event)
    }
  }

  /** From now on; ends after `stopped`. */
  listen(): AsyncIterableIterator<ClientEvent> {
    const listener = new Mailbox<ClientEvent>()
    this.#listeners.add(listener)
    if (this.#isClosed) listener.end()
    const events: AsyncIterableIterator<ClientEvent> = {
      [Symbol.asyncIterator]: () => events,
      next: async () => {
        const value = await listener.take()
        return value === undefined ? done : { done: false, value }
      },
      return: async () => {
        this.#listeners.delete(listener)
        listener.replace([])
        listener.end()
        return done
      },
    }
    return events
  }

  close(): void {
    this.#isClosed = true
    for (const listener of this.#listeners) listener.end()
  }
}
