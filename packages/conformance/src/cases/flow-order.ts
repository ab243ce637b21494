import { puback, pubcomp, publish, pubrec, pubrel } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'
import type { Received } from '../received.ts'
import { lasting, resume } from './lasting-session.ts'

// At QoS 2 each takes two round trips.
const totals = [20_000, 20_000, 10_000] as const
// Fewer than brokers keep in their queues by default.
const ahead = 400

/** How far publisher and subscriber have come. */
interface Progress {
  received: number
}

/** Publishes the numbers, never more than `ahead` in front of the subscriber. */
async function publishNumbers(t: Trial, qos: 0 | 1 | 2, progress: Progress): Promise<void> {
  const publisher = await t.connect()
  const { version } = t
  const total = totals[qos]
  const window = Math.min(publisher.connack.property('receiveMaximum') ?? 20, 20)
  for (let sent = 0; sent < total; sent += window) {
    // At QoS 0 some may be lost, so that this does not wait for ever.
    for (let waits = 0; sent - progress.received > ahead && waits < 500; waits += 1) {
      await t.delay(2)
    }
    const ids = Array.from({ length: Math.min(window, total - sent) }, (_, at) => at + 1)
    const messages = ids.map((packetId) => {
      const payload = `${sent + packetId - 1}`
      return publish({ version, topic: t.topic(), payload, qos, packetId })
    })
    publisher.send(...messages)
    if (qos === 0) await publisher.ping()
    if (qos === 1) for (const packetId of ids) await publisher.expect('puback', { packetId }, 5_000)
    if (qos !== 2) continue
    for (const packetId of ids) await publisher.expect('pubrec', { packetId }, 5_000)
    publisher.send(...ids.map((packetId) => pubrel(packetId)))
    for (const packetId of ids) await publisher.expect('pubcomp', { packetId }, 5_000)
  }
}

/** Judges one message: a first sight is the next number, and a repeated one has DUP. */
function judge(t: Trial, message: Received, progress: Progress): void {
  const number = Number(message.text)
  if (number < progress.received) {
    t.check(message.qos > 0 && message.dup, `${number} came again behind ${progress.received - 1}`)
    return
  }
  const isNext = number === progress.received
  t.check(isNext || message.qos === 0, `behind ${progress.received - 1} came ${number}`)
  progress.received = number + 1
}

function answer({ type, qos, packetId }: Received): readonly Uint8Array[] {
  if (type === 'pubrel') return [pubcomp(packetId)]
  if (type !== 'publish' || qos === 0) return []
  return [qos === 1 ? puback(packetId) : pubrec(packetId)]
}

/** Takes until `end`, with a stop now and then; what is taken last may stay unacknowledged. */
async function takeNumbers(
  t: Trial,
  subscriber: ConnectedPeer,
  { end, isLast, progress }: { end: number; isLast: boolean; progress: Progress },
): Promise<void> {
  let nextStop = progress.received + 2_000
  while (progress.received < end) {
    const packets = [await subscriber.receive(5_000), ...subscriber.takeWaiting()]
    for (const packet of packets) if (packet.type === 'publish') judge(t, packet, progress)
    if (progress.received < end || isLast) subscriber.send(...packets.flatMap(answer))
    if (progress.received < nextStop) continue
    nextStop += 2_000
    subscriber.pause()
    await t.delay(50)
    subscriber.resume()
  }
}

/** Takes what comes until the publisher is done and nothing more is on its way. */
async function takeWhile(
  t: Trial,
  subscriber: ConnectedPeer,
  { publishing, progress }: { readonly publishing: Promise<void>; readonly progress: Progress },
): Promise<void> {
  let isOver = false
  const end = async (): Promise<void> => {
    await publishing
    await t.delay(1_000)
    isOver = true
  }
  const taking = async (): Promise<void> => {
    while (!isOver) {
      for (const message of subscriber.takeWaiting()) judge(t, message, progress)
      await t.delay(5)
    }
  }
  await Promise.all([end(), taking()])
  // Some may be lost, but not most of what a reader waits for.
  t.check(progress.received > totals[0] / 2, `only ${progress.received} messages came`)
}

/** Numbered messages of one publisher reach a slow subscriber in order, and one that reconnects. */
function keepsOrder(qos: 0 | 1 | 2): Case {
  const total = totals[qos]
  return {
    id: `flow/order-at-qos-${qos}`,
    title: `keeps the order of ${total.toLocaleString('en')} messages at QoS ${qos}`,
    statements: ['MQTT5-4.6.0-5', 'MQTT5-4.6.0-6', 'MQTT3-4.6.0-5', 'MQTT3-4.6.0-6'],
    versions: [5, 4],
    serial: true,
    async run(t) {
      const progress: Progress = { received: 0 }
      const first = await t.subscriber(t.topic(), { qos, connect: lasting() })
      const publishing = publishNumbers(t, qos, progress)
      const taking = async (): Promise<void> => {
        if (qos === 0) return await takeWhile(t, first, { publishing, progress })
        await takeNumbers(t, first, { end: total / 2, isLast: false, progress })
        first.abort()
        const again = await resume(t, first)
        await takeNumbers(t, again, { end: total, isLast: true, progress })
      }
      await Promise.all([publishing, taking()])
    },
  }
}

export const orderCases: readonly Case[] = [
  keepsOrder(0),
  keepsOrder(1),
  keepsOrder(2),
  {
    id: 'flow/order-with-other-topics',
    title: 'keeps the order of each topic where a client reads several',
    statements: ['MQTT5-4.6.0-5', 'MQTT5-4.6.0-6', 'MQTT3-4.6.0-5', 'MQTT3-4.6.0-6'],
    versions: [5, 4],
    async run(t) {
      const subscriber = await t.subscriber(t.topic('#'), { qos: 2 })
      await subscriber.subscribe(t.topic('a'), { qos: 2 })
      const publisher = await t.connect()
      for (let sent = 0; sent < 60; sent += 1) {
        const qos = (sent % 3) as 0 | 1 | 2
        await publisher.publish(t.topic(`q${qos}`), `${sent}`, { qos })
      }
      const messages = await subscriber.take(60)
      for (const qos of [0, 1, 2]) {
        const own = messages
          .filter((message) => message.qos === qos)
          .map(({ text }) => Number(text))
        const ordered = own.toSorted((a, b) => a - b)
        t.check(`${own}` === `${ordered}` && own.length === 20, `at QoS ${qos} came ${own}`)
      }
    },
  },
]
