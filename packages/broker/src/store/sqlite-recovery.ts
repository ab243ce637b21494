import type { QoS } from '@busbar/protocol'
import type { Message } from '../message.ts'
import { states, unpackTerms } from './group.ts'
import { MessageReader, noRoute, readRoute, readWill, type Times } from './message-codec.ts'
import type { Packed } from './packed.ts'
import type { Scan, SessionRow } from './sqlite-engine.ts'
import type {
  QueueEntry,
  Recovered,
  RecoveredSession,
  StoredDeadline,
  StoredSession,
  StoredSubscription,
} from './store.ts'

/** The Sessions and retained messages of a start-up scan. */
export function recover(scan: Scan, times: Times): Recovered {
  const found = new Map<number, Found>()
  for (const row of scan.sessions) {
    found.set(row[0], {
      session: sessionOf(row),
      subscriptions: [],
      inFlight: [],
      queuedCount: 0,
      queuedBytes: 0,
      received: [],
    })
  }
  for (const [session, text, terms, identifier] of scan.subscriptions) {
    found.get(session)?.subscriptions.push({
      text,
      ...unpackTerms(terms),
      subscriptionIdentifier: identifier === 0 ? undefined : identifier,
    })
  }
  for (const [session, identifier] of scan.received) found.get(session)?.received.push(identifier)
  for (const [session, count, bytes] of scan.waiting) {
    const of = found.get(session)
    if (of === undefined) continue
    of.queuedCount = count
    of.queuedBytes = bytes
  }
  for (const { session, entry } of unpackEntries(scan.inFlight, times)) {
    found.get(session)?.inFlight.push(entry)
  }
  return {
    sessions: [...found.values()],
    retained: unpackMessages(scan.retained, times),
    lastPosition: scan.lastPosition,
  }
}

interface Found extends RecoveredSession {
  readonly subscriptions: StoredSubscription[]
  readonly inFlight: QueueEntry[]
  queuedCount: number
  queuedBytes: number
  readonly received: number[]
}

/** Entries with the number of their Session, in the order in which they were read. */
export function unpackEntries(
  { numbers, bytes }: Packed,
  times: Times,
): { session: number; entry: QueueEntry }[] {
  const entries: { session: number; entry: QueueEntry }[] = []
  const messages = new MessageReader(bytes, times)
  for (let at = 0, read = 0; at < numbers.length; at += 9) {
    const routeEnd = read + (numbers[at + 5] as number)
    const end = routeEnd + (numbers[at + 8] as number)
    const flags = numbers[at + 4] as number
    const { subscriptionIdentifiers, sharedFilter } =
      routeEnd === read ? noRoute : readRoute(bytes.subarray(read, routeEnd))
    const [topicBytes, payloadAt] = [numbers[at + 6] as number, numbers[at + 7] as number]
    const entry: QueueEntry = {
      position: numbers[at + 1] as number,
      message: messages.read(routeEnd, end, topicBytes, payloadAt),
      qos: (flags & 3) as QoS,
      retain: (flags & 4) !== 0,
      subscriptionIdentifiers,
      sharedFilter,
      packetIdentifier: numbers[at + 3] as number,
      state: states[numbers[at + 2] as number] ?? 'queued',
    }
    entries.push({ session: numbers[at] as number, entry })
    read = end
  }
  return entries
}

function unpackMessages({ numbers, bytes }: Packed, times: Times): Message[] {
  const messages: Message[] = []
  const reader = new MessageReader(bytes, times)
  for (let at = 0, read = 0; at < numbers.length; at += 3) {
    const end = read + (numbers[at + 2] as number)
    messages.push(reader.read(read, end, numbers[at] as number, numbers[at + 1] as number))
    read = end
  }
  return messages
}

function sessionOf(row: SessionRow): StoredSession {
  const [, clientIdentifier, owner, version, expiry, endsAt, endsRemaining, willAt, willRemaining] =
    row
  const will = row[9]
  return {
    clientIdentifier,
    owner: owner ?? undefined,
    protocolVersion: version as 3 | 4 | 5,
    sessionExpiryInterval: expiry ?? Number.POSITIVE_INFINITY,
    ends: deadline(endsAt, endsRemaining),
    will: will === null ? undefined : { ...readWill(will), due: deadline(willAt, willRemaining) },
  }
}

function deadline(atMs: number | null, remainingMs: number | null): StoredDeadline | undefined {
  return atMs === null || remainingMs === null ? undefined : { atMs, remainingMs }
}
