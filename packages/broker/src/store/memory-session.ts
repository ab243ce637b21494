import { messageBytes } from '../message.ts'
import type { PackedMessages } from '../packed-messages.ts'
import { states } from './group.ts'
import { OrderedQueue } from './ordered-queue.ts'
import { PackedEntry } from './packed-entry.ts'
import type {
  Change,
  QueueEntry,
  RecoveredSession,
  StoredSession,
  StoredSubscription,
} from './store.ts'

type Route = Pick<QueueEntry, 'subscriptionIdentifiers' | 'sharedFilter'>
type OfSession = Exclude<Change, { kind: 'session' | 'session-end' | 'retained' | 'retained-end' }>

const noIdentifiers: readonly number[] = []

// An entry is one number: that of its message, and in the lower 22 bits its Packet Identifier, its
// state and its flags. Those are read by shifts, since a remainder costs more than all the rest.
const retainFlag = 4
const routeFlag = 8
const flags = 15
const stateShift = 4
const identifierShift = 6
const messageUnit = 2 ** 22

/** Everything of one Session in the store of the process. */
export class MemorySession {
  session: StoredSession
  readonly #subscriptions = new Map<string, StoredSubscription>()
  readonly #received = new Set<number>()
  readonly #entries = new OrderedQueue()
  /** Of the entries that have one, by position. */
  #routes: Map<number, Route> | undefined
  readonly #messages: PackedMessages

  constructor(session: StoredSession, messages: PackedMessages) {
    this.session = session
    this.#messages = messages
  }

  get lastPosition(): number {
    return this.#entries.lastPosition
  }

  apply(change: OfSession): void {
    switch (change.kind) {
      case 'subscription':
        this.#subscriptions.set(change.subscription.text, change.subscription)
        return
      case 'subscription-end':
        this.#subscriptions.delete(change.text)
        return
      case 'queued':
        this.#add(change.entry)
        return
      case 'sent':
        this.#advance(change.position, 1, change.packetIdentifier)
        return
      case 'released':
        this.#advance(change.position, 2)
        return
      case 'done':
        this.#remove(change.position)
        return
      case 'received':
        this.#received.add(change.packetIdentifier)
        return
      case 'forgotten':
        this.#received.delete(change.packetIdentifier)
        return
    }
  }

  /** At most `limit` entries that wait behind a position. */
  page(afterPosition: number, limit: number): QueueEntry[] {
    const entries: QueueEntry[] = []
    if (limit <= 0) return entries
    this.#entries.visit(afterPosition, (value, position) => {
      if (stateOf(value) !== 0) return 'more'
      return entries.push(this.#entry(value, position)) < limit ? 'more' : 'enough'
    })
    return entries
  }

  recovered(): RecoveredSession {
    const entries: QueueEntry[] = []
    let lastSent = -1
    this.#entries.visit(0, (value, position) => {
      if (stateOf(value) !== 0) lastSent = entries.length
      entries.push(this.#entry(value, position))
      return 'more'
    })
    const waiting = entries.slice(lastSent + 1)
    return {
      session: this.session,
      subscriptions: [...this.#subscriptions.values()],
      inFlight: entries.slice(0, lastSent + 1),
      queuedCount: waiting.length,
      queuedBytes: waiting.reduce((sum, { message }) => sum + messageBytes(message), 0),
      received: [...this.#received].sort((a, b) => a - b),
    }
  }

  /** It ends: its messages are held no longer. */
  clear(): void {
    this.#entries.visit(0, (value) => {
      this.#messages.release(messageOf(value))
      return 'more'
    })
  }

  #add(entry: QueueEntry): void {
    const { position, message, qos, retain, packetIdentifier, sharedFilter } = entry
    const { subscriptionIdentifiers } = entry
    const hasRoute = subscriptionIdentifiers.length > 0 || sharedFilter !== undefined
    if (hasRoute) {
      this.#routes ??= new Map()
      this.#routes.set(position, { subscriptionIdentifiers, sharedFilter })
    }
    const state = states.indexOf(entry.state) << stateShift
    const step = (packetIdentifier << identifierShift) | state
    const own = qos | (retain ? retainFlag : 0) | (hasRoute ? routeFlag : 0)
    const value = this.#messages.keep(message) * messageUnit + (step | own)
    const replaced = this.#entries.add(position, value)
    if (replaced !== undefined) this.#messages.release(messageOf(replaced))
  }

  #advance(position: number, state: number, packetIdentifier?: number): void {
    const value = this.#entries.get(position)
    // Only what was sent can be released.
    if (value === undefined || (state === 2 && stateOf(value) === 0)) return
    const identifier = (packetIdentifier ?? identifierOf(value)) << identifierShift
    const step = identifier | (state << stateShift) | (value & flags)
    this.#entries.replace(position, messageOf(value) * messageUnit + step)
  }

  #remove(position: number): void {
    const value = this.#entries.remove(position)
    if (value === undefined) return
    if ((value & routeFlag) !== 0) this.#routes?.delete(position)
    this.#messages.release(messageOf(value))
  }

  #entry(value: number, position: number): QueueEntry {
    const route = (value & routeFlag) === 0 ? undefined : this.#routes?.get(position)
    return new PackedEntry(this.#messages, messageOf(value), {
      position,
      qos: (value & 3) as QueueEntry['qos'],
      retain: (value & retainFlag) !== 0,
      subscriptionIdentifiers: route?.subscriptionIdentifiers ?? noIdentifiers,
      sharedFilter: route?.sharedFilter,
      packetIdentifier: identifierOf(value),
      state: states[stateOf(value)] ?? 'queued',
    })
  }
}

function messageOf(value: number): number {
  return Math.floor(value / messageUnit)
}

function identifierOf(value: number): number {
  return (value >>> identifierShift) & 0xffff
}

function stateOf(value: number): number {
  return (value >>> stateShift) & 3
}
