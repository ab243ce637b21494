import { type Message, messageBytes } from '../message.ts'
import { keepAlone } from '../payload.ts'
import { closedError } from './errors.ts'
import { OrderedQueue } from './ordered-queue.ts'
import type {
  Change,
  QueueEntry,
  Recovered,
  RecoveredSession,
  Store,
  StoredSession,
  StoredSubscription,
} from './store.ts'

/** Everything of one Session. */
interface Held {
  session: StoredSession
  readonly subscriptions: Map<string, StoredSubscription>
  /** Those that wait. */
  readonly queue: OrderedQueue<QueueEntry>
  /** `sent` or `released`, by position. */
  readonly inFlight: Map<number, QueueEntry>
  readonly received: Set<number>
}

/**
 * The store that keeps nothing beyond the process. A second `open()` of the same instance finds
 * what was committed, but for retained messages where those are `elsewhere`: a broker that never
 * opens it again has them all in memory anyway.
 */
export function createMemoryStore(retained: 'here' | 'elsewhere' = 'here'): Store {
  return new MemoryStore(retained === 'here')
}

class MemoryStore implements Store {
  readonly level = 'memory'
  readonly #sessions = new Map<string, Held>()
  readonly #retained = new Map<string, Message>()
  readonly #keepsRetained: boolean
  #isClosed = false

  constructor(keepsRetained: boolean) {
    this.#keepsRetained = keepsRetained
  }

  async open(): Promise<Recovered> {
    const sessions = [...this.#sessions.values()]
    let lastPosition = 0
    for (const { queue, inFlight } of sessions) {
      lastPosition = Math.max(lastPosition, queue.lastPosition)
      for (const position of inFlight.keys()) lastPosition = Math.max(lastPosition, position)
    }
    return {
      sessions: sessions.map(recovered),
      retained: [...this.#retained.values()],
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
    const entries: QueueEntry[] = []
    if (limit > 0) {
      this.#sessions
        .get(clientIdentifier)
        ?.queue.visit(afterPosition, (entry) =>
          entries.push({ ...entry }) < limit ? 'more' : 'enough',
        )
    }
    page(entries)
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
        this.#sessions.delete(change.clientIdentifier)
        return
      case 'retained':
        if (!this.#keepsRetained) return
        keepAlone(change.message)
        this.#retained.set(change.message.topicName, change.message)
        return
      case 'retained-end':
        this.#retained.delete(change.topicName)
        return
      default: {
        const held = this.#sessions.get(change.clientIdentifier)
        // What comes late for a Session that has ended changes nothing.
        if (held !== undefined) applyToSession(held, change)
      }
    }
  }

  #put(session: StoredSession): void {
    const held = this.#sessions.get(session.clientIdentifier)
    if (held !== undefined) {
      held.session = session
      return
    }
    this.#sessions.set(session.clientIdentifier, {
      session,
      subscriptions: new Map(),
      queue: new OrderedQueue(),
      inFlight: new Map(),
      received: new Set(),
    })
  }
}

type WithinSession = Exclude<
  Change,
  { kind: 'session' | 'session-end' | 'retained' | 'retained-end' }
>

function applyToSession(held: Held, change: WithinSession): void {
  switch (change.kind) {
    case 'subscription':
      held.subscriptions.set(change.subscription.text, change.subscription)
      return
    case 'subscription-end':
      held.subscriptions.delete(change.text)
      return
    case 'queued': {
      // A copy, because its owner goes on to change the state of the entry.
      const entry = { ...change.entry }
      if (entry.state === 'queued') held.queue.add(entry.position, entry)
      else held.inFlight.set(entry.position, entry)
      return
    }
    case 'sent': {
      const { position, packetIdentifier } = change
      const entry = held.queue.remove(position) ?? held.inFlight.get(position)
      if (entry === undefined) return
      held.inFlight.set(position, { ...entry, packetIdentifier, state: 'sent' })
      return
    }
    case 'released': {
      const entry = held.inFlight.get(change.position)
      if (entry !== undefined) entry.state = 'released'
      return
    }
    case 'done':
      if (!held.inFlight.delete(change.position)) held.queue.remove(change.position)
      return
    case 'received':
      held.received.add(change.packetIdentifier)
      return
    case 'forgotten':
      held.received.delete(change.packetIdentifier)
      return
  }
}

function recovered(held: Held): RecoveredSession {
  const inFlight = [...held.inFlight.values()]
  const lastSent = Math.max(0, ...held.inFlight.keys())
  let queuedCount = 0
  let queuedBytes = 0
  held.queue.visit(0, (entry) => {
    if (entry.position < lastSent) inFlight.push(entry)
    else {
      queuedCount++
      queuedBytes += messageBytes(entry.message)
    }
    return 'more'
  })
  return {
    session: held.session,
    subscriptions: [...held.subscriptions.values()],
    inFlight: inFlight.sort((a, b) => a.position - b.position).map((entry) => ({ ...entry })),
    queuedCount,
    queuedBytes,
    received: [...held.received].sort((a, b) => a - b),
  }
}
