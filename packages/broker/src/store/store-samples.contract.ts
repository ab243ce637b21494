import assert from 'node:assert/strict'
import type { Clock } from '../clock.ts'
import { type Message, messageBytes } from '../message.ts'
import type {
  Change,
  DurabilityLevel,
  QueueEntry,
  Recovered,
  RecoveredSession,
  Store,
  StoredSession,
} from './store.ts'

/** Stands still, so that times come back as they were. For engines that convert them. */
export const contractClock: Clock = { now: () => 5_000_000, wallNow: () => 1_800_000_000_000 }

export const now = contractClock.now()

/** Texts that have tripped others: all of them valid in MQTT. */
export const strange = [
  '\ufefffirst',
  'in the\ufeffmiddle',
  `quotes ' " \``,
  '../../etc/passwd',
  'a\\b/%41/%s',
  '\u{1f600}/\u{10ffff}',
  'line\nbreak\ttab\u001b[31m',
  "'); DROP TABLE session; --",
  '\ud7ff\ue000\ufffd',
]

export interface Summary {
  sessions: string[]
  subscriptions: string[]
  retained: string[]
  queue: string[]
  inFlight: string[]
  received: string[]
}

export const nothing: Summary = {
  sessions: [],
  subscriptions: [],
  retained: [],
  queue: [],
  inFlight: [],
  received: [],
}

/** All that a newly opened store holds, in short. */
export async function summary(store: Pick<Store, 'open' | 'readQueue'>): Promise<Summary> {
  const recovered: Recovered = await store.open()
  const sessions = recovered.sessions.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
  const queue: string[] = []
  for (const each of sessions) {
    const overtaken = each.inFlight.findLast(({ state }) => state === 'queued')
    const entries = await readQueue(store, idOf(each), overtaken?.position ?? 0, 1_000_000)
    assert.equal(each.queuedCount, entries.length)
    assert.equal(
      each.queuedBytes,
      entries.reduce((sum, entry) => sum + messageBytes(entry.message), 0),
    )
    queue.push(...entries.map((entry) => `${idOf(each)} ${entry.position}`))
  }
  return {
    sessions: sessions.map(idOf),
    subscriptions: sessions.flatMap((each) =>
      each.subscriptions.map(({ text }) => `${idOf(each)} ${text}`).sort(),
    ),
    retained: recovered.retained.map(({ topicName }) => topicName).sort(),
    queue,
    inFlight: sessions.flatMap((each) =>
      each.inFlight.map((e) => `${idOf(each)} ${e.position} ${e.state} ${e.packetIdentifier}`),
    ),
    received: sessions.flatMap((each) => each.received.map((n) => `${idOf(each)} ${n}`).sort()),
  }
}

export function commit(
  store: Store,
  changes: readonly Change[],
  level: DurabilityLevel = 'disk',
): Promise<void> {
  return new Promise((resolve, reject) =>
    store.commit(changes, level, (error) => (error === undefined ? resolve() : reject(error))),
  )
}

export function readQueue(
  store: Pick<Store, 'readQueue'>,
  clientIdentifier: string,
  afterPosition: number,
  limit: number,
): Promise<QueueEntry[]> {
  return new Promise((resolve, reject) =>
    store.readQueue(clientIdentifier, afterPosition, limit, (entries, error) =>
      error === undefined ? resolve([...entries]) : reject(error),
    ),
  )
}

export function storedSession(
  clientIdentifier: string,
  changed: Partial<StoredSession> = {},
): StoredSession {
  return {
    clientIdentifier,
    owner: undefined,
    protocolVersion: 5,
    sessionExpiryInterval: 3600,
    ends: undefined,
    will: undefined,
    ...changed,
  }
}

export function session(clientIdentifier: string, changed: Partial<StoredSession> = {}): Change {
  return { kind: 'session', session: storedSession(clientIdentifier, changed) }
}

export function end(clientIdentifier: string): Change {
  return { kind: 'session-end', clientIdentifier }
}

export function subscription(clientIdentifier: string, text: string): Change {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  return {
    kind: 'subscription',
    clientIdentifier,
    subscription: { text, options, subscriptionIdentifier: undefined },
  }
}

export function message(changed: Partial<Message> = {}): Message {
  return {
    topicName: 't',
    payload: Uint8Array.of(1, 2, 3),
    qos: 1,
    retain: false,
    properties: {},
    publisher: '',
    arrivedAt: now,
    expiresAt: Number.POSITIVE_INFINITY,
    ...changed,
  }
}

export function entryOf(position: number, changed: Partial<QueueEntry> = {}): QueueEntry {
  return {
    position,
    message: message(),
    qos: 1,
    retain: false,
    subscriptionIdentifiers: [],
    sharedFilter: undefined,
    packetIdentifier: 0,
    state: 'queued',
    ...changed,
  }
}

export function queued(
  clientIdentifier: string,
  position: number,
  changed: Partial<QueueEntry> = {},
): Change {
  return { kind: 'queued', clientIdentifier, entry: entryOf(position, changed) }
}

export function sent(clientIdentifier: string, position: number, packetIdentifier: number): Change {
  return { kind: 'sent', clientIdentifier, position, packetIdentifier }
}

export function released(clientIdentifier: string, position: number): Change {
  return { kind: 'released', clientIdentifier, position }
}

export function done(clientIdentifier: string, position: number): Change {
  return { kind: 'done', clientIdentifier, position }
}

export function received(clientIdentifier: string, packetIdentifier: number): Change {
  return { kind: 'received', clientIdentifier, packetIdentifier }
}

export function forgotten(clientIdentifier: string, packetIdentifier: number): Change {
  return { kind: 'forgotten', clientIdentifier, packetIdentifier }
}

export function retained(topicName: string): Change {
  return { kind: 'retained', message: message({ topicName, retain: true }) }
}

export function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 167 + (at >> 8)) & 0xff)
}

export const positionOf = (entry: QueueEntry) => entry.position
export const idOf = (recovered: RecoveredSession) => recovered.session.clientIdentifier

export function sessionOf(sessions: readonly RecoveredSession[], id: string) {
  return sessions.find((each) => idOf(each) === id)
}

export function by<K extends string, T extends Record<K, string>>(
  key: K,
  rows: readonly T[] = [],
): T[] {
  return rows.toSorted((a, b) => (a[key] < b[key] ? -1 : 1))
}

/** The value with every Uint8Array, of whichever class, as a plain one. */
export function plain<T>(value: T): T {
  if (value instanceof Uint8Array) return Uint8Array.from(value) as T
  if (Array.isArray(value)) return value.map(plain) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)])) as T
}
