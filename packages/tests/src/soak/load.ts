import type { Publish } from '@busbar/protocol'
import { pause } from '../deadline.ts'
import { RawClient } from '../raw-client.ts'
import { answer, messagesOfAVisit, passBy } from './passer-by.ts'
import { isExact, numberOf, payloadOf } from './payload.ts'

/** What one kind of clients has seen. */
interface Seen {
  received: number
  /** Bytes that were changed, or messages out of order or twice. */
  wrong: number
  /** Sent, not received, and not expected to be lost. */
  missing: number
}

export type LoadReport = Record<string, Seen>

const url = process.argv[2] as string
const isChurnOnly = process.argv[3] === 'churn'
const report: LoadReport = {}
let isStopping = false
const running: Promise<void>[] = []

/** Publishes one message after the other, so many ahead of the subscriber. */
interface Pair {
  readonly name: string
  readonly qos: 0 | 1 | 2
  readonly bytes: number
  readonly window: number
  /** The subscriber stops after so many messages, for so long. */
  readonly pauses?: { readonly every: number; readonly ms: number }
}

async function pair(kind: Pair, index: number): Promise<void> {
  const seen = seenOf(kind.name)
  const topic = `soak/${kind.name}/${index}`
  const name = `${kind.name} ${index}`
  await using subscriber = await RawClient.open(url)
  await subscriber.connect({ clientIdentifier: `${name} subscriber` })
  await subscriber.subscribe(topic, kind.qos)
  await using publisher = await RawClient.open(url)
  await publisher.connect({ clientIdentifier: `${name} publisher` })
  publisher.onPacket = (packet) => answer(publisher, packet)
  let next = 0
  let sent = 0
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const send = () => {
    for (; !isStopping && sent < next + kind.window; sent++) {
      const fields = { qos: kind.qos, packetIdentifier: (sent % 60_000) + 1 }
      publisher.publish(topic, payloadOf(sent, kind.bytes), fields)
    }
    if (isStopping && next === sent) resolve()
  }
  subscriber.onPacket = (packet) => {
    answer(subscriber, packet)
    if (packet.type !== 'publish') return
    seen.received++
    if (!isExact(packet.payload) || numberOf(packet.payload) !== next) seen.wrong++
    next = numberOf(packet.payload) + 1
    if (kind.pauses !== undefined && next % kind.pauses.every === 0) {
      subscriber.pause()
      setTimeout(() => subscriber.resume(), kind.pauses.ms)
    }
    send()
  }
  send()
  while (!isStopping) await pause(100)
  send()
  await Promise.race([over, pause(30_000)])
  seen.missing += sent - next
}

/** One publisher, many subscribers, some of which are reset or close in the middle. */
async function fanOut(): Promise<void> {
  const seen = seenOf('fan-out')
  await using publisher = await RawClient.open(url)
  await publisher.connect({ clientIdentifier: 'fan-out publisher' })
  for (let round = 0; !isStopping; round++) {
    const counts = new Array<number>(20).fill(0)
    const clients = await Promise.all(
      counts.map((_, index) => subscribed(`fan-out ${round} ${index}`, 'soak/fan-out')),
    )
    for (const [index, client] of clients.entries())
      client.onPacket = ({ type, ...packet }) => {
        if (type !== 'publish') return
        const { payload } = packet as Publish
        seen.received++
        if (!isExact(payload) || numberOf(payload) !== counts[index]) seen.wrong++
        counts[index] = numberOf(payload) + 1
        if (index < 5 && (counts[index] ?? 0) % 20 === 0) {
          client.pause()
          setTimeout(() => client.resume(), 2 * (index + 1))
        }
      }
    for (let number = 0; number < 400; number++) {
      publisher.publish('soak/fan-out', payloadOf(number, 2_000))
      if (number === 200) await clients[18]?.[Symbol.asyncDispose]()
      if (number % 20 === 0) await pause(5)
    }
    for (let waits = 0; waits < 3_000 && counts.slice(0, 18).some((n) => n < 400); waits++)
      await pause(10)
    for (const count of counts.slice(0, 18)) seen.missing += 400 - count
    for (const client of clients) await client[Symbol.asyncDispose]()
  }
}

/** Connections that come and go, with a durable session each. */
async function churn(): Promise<void> {
  const seen = seenOf('churn')
  for (let round = 0; !isStopping; round++) {
    const clientIdentifier = `churn ${round % 50}`
    const topic = `soak/churn/${round % 50}`
    const properties = { sessionExpiryInterval: 30 }
    await using client = await RawClient.open(url)
    await client.connect({ clientIdentifier, cleanStart: true, properties })
    await client.subscribe(topic, 2)
    client.publish(topic, payloadOf(round, 300), { qos: 2, packetIdentifier: 1 })
    let isOver = false
    client.onPacket = (packet) => {
      answer(client, packet)
      if (packet.type !== 'publish') return
      seen.received++
      if (!isExact(packet.payload) || numberOf(packet.payload) !== round) seen.wrong++
      isOver = true
    }
    for (let waits = 0; waits < 6_000 && !isOver; waits++) await pause(5)
    if (!isOver) seen.missing++
  }
}

/** One visit after the other, each under another name than all before it. */
async function passersBy(index: number, count: number): Promise<void> {
  const seen = seenOf('passers-by')
  for (let number = index; !isStopping; number += count) {
    const { received, wrong } = await passBy(url, number)
    seen.received += received
    seen.wrong += wrong
    seen.missing += Math.max(0, messagesOfAVisit - received)
  }
}

async function subscribed(clientIdentifier: string, topic: string): Promise<RawClient> {
  const client = await RawClient.open(url)
  await client.connect({ clientIdentifier })
  await client.subscribe(topic)
  return client
}

function seenOf(name: string): Seen {
  report[name] ??= { received: 0, wrong: 0, missing: 0 }
  return report[name]
}

const pairs: readonly (readonly [count: number, Pair])[] = [
  [100, { name: 'alone', qos: 0, bytes: 100, window: 1 }],
  [4, { name: 'pipe', qos: 0, bytes: 100, window: 50 }],
  [4, { name: 'acknowledged', qos: 1, bytes: 200, window: 20 }],
  [2, { name: 'exactly once', qos: 2, bytes: 200, window: 10 }],
  [2, { name: 'large', qos: 0, bytes: 200_000, window: 3 }],
  [3, { name: 'slow', qos: 0, bytes: 4_000, window: 400, pauses: { every: 50, ms: 20 } }],
]

process.on('message', async (what) => {
  if (what === 'stop') {
    isStopping = true
    await Promise.all(running)
  }
  process.send?.(report)
})
const visitors = isChurnOnly ? 20 : 2
for (let index = 0; index < visitors; index++) running.push(passersBy(index, visitors))
if (!isChurnOnly) {
  for (const [count, kind] of pairs)
    for (let index = 0; index < count; index++) running.push(pair(kind, index))
  running.push(fanOut(), churn())
}
