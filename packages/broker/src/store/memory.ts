import { ByText } from '@busbar/protocol'
import type { Message } from '../message.ts'
import { PackedMessages } from '../packed-messages.ts'
import { keepAlone } from '../payload.ts'
import { closedError } from './errors.ts'
import { MemorySession } from './memory-session.ts'
import type { Change, QueueEntry, Recovered, Store, StoredSession } from './store.ts'

/**
 * The store that keeps nothing beyond the process. A second `open()` of the same instance finds
 * what was committed, but for retained messages where those are `elsewhere`: a broker that never
 * opens it again has them all in memory anyway, and need not say so.
 */
export function createMemoryStore(retained: 'here' | 'elsewhere' = 'here'): Store {
  return new MemoryStore(retained === 'elsewhere')
}

class MemoryStore implements Store {
  readonly level = 'memory'
  readonly #sessions = new ByText<MemorySession>()
  readonly #messages = new PackedMessages()
  readonly #retained = new ByText<Message>()
  readonly ignoresRetained: boolean
  #isClosed = false

  constructor(ignoresRetained: boolean) {
    this.ignoresRetained = ignoresRetained
  }

  async open(): Promise<Recovered> {
    const sessions = [...this.#sessions]
    const lastPosition = sessions.reduce((last, each) => Math.max(last, each.lastPosition), 0)
    return {
      sessions: sessions.map((each) => each.recovered()),
      retained: [...this.#retained],
      lastPosition,
    }
  }

  commit(changes: readonly Change[], _level: unknown, committed: (error?: Error) => void): void {
    if (this.#isClosed) {
      committed(closedError())
      return
    }
    for (const change of changes) this.#apply(change)
    committed()
  }

  readQueue(
    clientIdentifier: string,
    afterPosition: number,
    limit: number,
    page: (entries: readonly QueueEntry[], error?: Error) => void,
  ): void {
    if (this.#isClosed) {
      page([], closedError())
      return
    }
    page(this.#sessions.get(clientIdentifier)?.page(afterPosition, limit) ?? [])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'session':
        this.#put(change.session)
        return
      case 'session-end':
        this.#sessions.get(change.clientIdentifier)?.clear()
        this.#sessions.delete(change.clientIdentifier)
        return
      case 'retained':
        keepAlone(change.message)
        this.#retained.set(change.message.topicName, change.message)
        return
      case 'retained-end':
        this.#retained.delete(change.topicName)
        return
      default:
        // What comes late for a Session that has ended changes nothing.
        this.#sessions.get(change.clientIdentifier)?.apply(change)
    }
  }

  #put(session: StoredSession): void {
    const known = this.#sessions.get(session.clientIdentifier)
    if (known !== undefined) known.session = session
    else {
      const held = new MemorySession(session, this.#messages)
      this.#sessions.set(session.clientIdentifier, held)
    }
  }
}
