import type { Core, Recovered } from '@busbar/broker/testing'
import type { ClientLog, LogEvent } from '../model/log.ts'
import { ModelClient } from '../model/model-client.ts'
import type { MessageName } from '../model/payload.ts'
import type { Violation } from '../model/violation.ts'
import type { Actor } from './actor.ts'
import type { ClientEnd, SimulatedConnection } from './connection.ts'
import type { Disk } from './disk.ts'

export interface RunEnd {
  readonly logs: readonly ClientLog[]
  readonly violations: readonly Violation[]
  readonly retained: ReadonlyMap<string, MessageName> | undefined
}

export interface Inspection {
  readonly isDrained: boolean
  readonly actors: readonly Actor[]
  readonly core: Core
  readonly disk: Disk
  readonly open: (client: ClientEnd) => SimulatedConnection | undefined
  /** Lets time pass. */
  readonly attend: (ms: number) => Promise<boolean>
  /** Lets the clients finish; false when they cannot. */
  readonly settle: () => Promise<boolean>
  readonly now: () => number
}

/** Looks at a broker that has nothing left to do, from outside and from inside. */
export async function inspect(inspection: Inspection): Promise<RunEnd> {
  const { actors, core, disk, isDrained } = inspection
  const reader = await readRetained(inspection)
  const logs = actors.map(({ traits, events }) => {
    return { clientIdentifier: traits.clientIdentifier, events }
  })
  const isAtRest = (await inspection.settle()) && isDrained
  const violations = isAtRest
    ? [...compareStore(core, await disk.kept.open(), disk.hadNoRoom), ...findLeftovers(core)]
    : [stuck(actors)]
  return {
    logs: [...logs, { clientIdentifier: 'reader', events: reader }],
    violations,
    retained: isAtRest ? retainedOf(reader) : undefined,
  }
}

/** A new client subscribes to everything. */
async function readRetained({ open, attend, now }: Inspection): Promise<readonly LogEvent[]> {
  const events: LogEvent[] = []
  const client = new ModelClient({
    ...{ clientIdentifier: 'reader', version: 5, run: 'r' },
    log: (event) => events.push(event),
  })
  const connection = open({
    received: (bytes) => client.receive(bytes, now()),
    ended: () => client.connectionLost(now()),
  })
  if (connection === undefined) return events
  const send = (bytes: Uint8Array) => connection.send(bytes)
  client.connect({ cleanStart: true, sessionExpirySeconds: 0, send }, now())
  await attend(2_000)
  client.subscribe('#', 0, now())
  await attend(2_000)
  return events
}

function retainedOf(events: readonly LogEvent[]): ReadonlyMap<string, MessageName> | undefined {
  if (!events.some(({ event }) => event === 'subscribed')) return undefined
  const retained = new Map<string, MessageName>()
  for (const event of events) {
    if (event.event === 'received' && event.retain) retained.set(event.topicName, event.message)
  }
  return retained
}

function stuck(actors: readonly Actor[]): Violation {
  const clients = actors
    .filter(({ client }) => client.state !== 'connected' || client.isUnfinished)
    .map(({ traits }) => traits.clientIdentifier)
  const text = 'does not come to rest, although nothing fails any more'
  return { rule: 'drain', text, clients, messages: [] }
}

/** Every Session is connected and everything is acknowledged: nothing may wait. */
function findLeftovers({ statistics }: Core): Violation[] {
  const { inFlight, queuedMessages, queuedBytes } = statistics
  if (inFlight === 0 && queuedMessages === 0 && queuedBytes === 0) return []
  const text = `counted as in flight ${inFlight}, as queued ${queuedMessages} (${queuedBytes} bytes), and nothing is`
  return [{ rule: 'broker', text, clients: [], messages: [] }]
}

/** What a restart would find is what the running broker has. */
function compareStore(core: Core, stored: Recovered, hadNoRoom: boolean): Violation[] {
  const violations: Violation[] = []
  const differs = (text: string, client?: string) =>
    violations.push({
      rule: 'store',
      text,
      clients: client === undefined ? [] : [client],
      messages: [],
    })
  const kept = new Map(stored.sessions.map((each) => [each.session.clientIdentifier, each]))
  for (const session of core.sessions) {
    const { clientIdentifier } = session
    const found = kept.get(clientIdentifier)
    kept.delete(clientIdentifier)
    if (!session.isStored && found === undefined) continue
    if (found === undefined) differs('its Session is not in the store', clientIdentifier)
    else if (!session.isStored) differs('its Session is in the store', clientIdentifier)
    else {
      const running = session.subscriptions
        .map(({ text }) => text)
        .sort()
        .join(' ')
      const restored = found.subscriptions
        .map(({ text }) => text)
        .sort()
        .join(' ')
      // What could not be stored was not acknowledged.
      if (running !== restored && !hadNoRoom) {
        differs(`subscribed to [${running}], in the store [${restored}]`, clientIdentifier)
      }
      const { inFlight, queuedCount, received } = found
      if (inFlight.length + queuedCount + received.length > 0) {
        const text = `in the store ${inFlight.length} in flight, ${queuedCount} queued, ${received.length} identifiers received; there is nothing`
        differs(text, clientIdentifier)
      }
    }
  }
  for (const client of kept.keys()) differs('a Session that has ended is in the store', client)
  const topics = new Map(stored.retained.map((message) => [message.topicName, message]))
  if (topics.size !== core.retained.size && !hadNoRoom) {
    differs(`${core.retained.size} messages are retained, ${topics.size} in the store`)
  }
  return violations
}
