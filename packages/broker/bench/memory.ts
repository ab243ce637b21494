/**
 * Bytes of heap that connections, Sessions and subscriptions take in the core, without sockets:
 *
 *     node --expose-gc -C @busbar/source packages/broker/bench/memory.ts
 */
import { encodePacket } from '@busbar/protocol'
import { guardEvents } from '../src/listener/guard.ts'
import { silentLog } from '../src/log.ts'
import { createMessage, type Message } from '../src/message.ts'
import { startTestBroker, type TransportEvents } from '../src/testing/index.ts'

const clients = 5_000
const filters = 100_000
const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const

/** A socket that takes everything at once. */
class Sink {
  readonly address: string
  readonly pendingBytes = 0
  readonly takesBytesAtOnce = true
  constructor(number: number) {
    this.address = `127.0.0.1:${number}`
  }
  write(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

const limits = { subscriptionsPerClient: 0 }
await using broker = await startTestBroker({ limits }, { log: silentLog })
const connections: TransportEvents[] = []

print('a connection with its Session', clients, () => {
  for (let number = 0; number < clients; number++) connections.push(connect(number))
})
print('its first subscription', clients, () => {
  for (const [number, each] of connections.entries()) subscribe(each, [`device/${number}/state`])
})
print('one more filter, three in four with wildcards', filters, () => {
  const each = filters / 100
  for (const [number, connection] of connections.slice(0, 100).entries()) {
    for (let at = 0; at < each; at += 50) {
      subscribe(
        connection,
        Array.from({ length: 50 }, (_, i) => filter((at + i) * 100 + number)),
      )
    }
  }
})
const messages = 100_000
const startedAt = process.threadCpuUsage()
let found = 0
for (let i = 0; i < messages; i++) {
  found += broker.core.router.match(message(`works/area/line/w${(i * 7_919) % 25_000}/x/y`)).length
}
const { user, system } = process.threadCpuUsage(startedAt)
console.log(
  `${((user + system) / messages).toFixed(2)} µs to match a topic with them, ${found} found`,
)
print('all of that, when the clients have gone', clients, () => {
  for (const connection of connections.splice(0)) connection.closed()
  broker.endTurn()
})

function connect(number: number): TransportEvents {
  const transport = new Sink(number)
  const events = guardEvents(broker.core.accept(transport), transport, silentLog)
  const identity = {
    clientIdentifier: `client-${number}`,
    username: undefined,
    password: undefined,
  }
  const fields = {
    protocolVersion: 4,
    cleanStart: true,
    keepAliveSeconds: 60,
    will: undefined,
  } as const
  events.receive(encodePacket({ type: 'connect', properties: {}, ...identity, ...fields }, 4))
  broker.endTurn()
  return events
}

function subscribe(events: TransportEvents, topicFilters: readonly string[]): void {
  const subscriptions = topicFilters.map((topicFilter) => ({ topicFilter, options }))
  const packet = { packetIdentifier: 1, properties: {}, subscriptions }
  events.receive(encodePacket({ type: 'subscribe', ...packet }, 4))
  broker.endTurn()
}

function filter(number: number): string {
  const place = Math.floor(number / 4)
  const filters = [
    `line/w${place}/x/y`,
    `line/w${place}/+/y`,
    `+/z${place}/x/y`,
    `line/w${place}/#`,
  ]
  return `works/area/${filters[number % 4]}`
}

function message(topicName: string): Message {
  const payload = new Uint8Array(1)
  const fields = { qos: 0, retain: false, properties: {}, publisher: '' } as const
  return createMessage({ topicName, payload, ...fields }, 0)
}

function print(what: string, count: number, work: () => void): void {
  const bytes = held()
  const startedAt = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(startedAt)
  const each = [(held() - bytes) / count, (user + system) / count] as const
  console.log(`${each[0].toFixed(0)} bytes, ${each[1].toFixed(2)} µs: ${what}`)
}

function held(): number {
  if (globalThis.gc === undefined) throw new Error('this needs --expose-gc')
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
