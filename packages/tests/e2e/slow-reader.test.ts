import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Packet } from '@busbar/protocol'
import { startBusbar } from '../src/busbar.ts'
import { eventually } from '../src/deadline.ts'
import { startEmbedded } from '../src/embedded.ts'
import { childOf, heldBytes, residentBytes } from '../src/memory.ts'
import { publishPacket, RawClient } from '../src/raw-client.ts'

const payloadBytes = 16_384
/** Unreceived messages of the healthy subscriber; fewer than its queue takes. */
const window = 100

/** A subscriber that counts what it gets: payloads begin with a number. */
class Counter {
  readonly client: RawClient
  readonly numbers: number[] = []
  readonly #qos: 0 | 1

  private constructor(client: RawClient, qos: 0 | 1) {
    this.client = client
    this.#qos = qos
  }

  static async subscribe(url: string, clientIdentifier: string, qos: 0 | 1): Promise<Counter> {
    const client = await RawClient.open(url)
    await client.connect({ clientIdentifier })
    await client.subscribe('flood', qos)
    const counter = new Counter(client, qos)
    client.onPacket = (packet) => counter.#receive(packet)
    return counter
  }

  #receive(packet: Packet): void {
    if (packet.type !== 'publish') return
    const { buffer, byteOffset } = packet.payload
    this.numbers.push(new DataView(buffer, byteOffset).getUint32(0))
    if (this.#qos === 0) return
    const { packetIdentifier } = packet
    this.client.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
  }

  /** Every number once, in order. */
  expectAll(count: number): void {
    assert.equal(this.numbers.length, count)
    assert.ok(this.isInOrder && this.numbers[0] === 0 && this.numbers.at(-1) === count - 1)
  }

  get isInOrder(): boolean {
    return this.numbers.every(
      (number, index) => index === 0 || number > (this.numbers[index - 1] ?? 0),
    )
  }
}

/** Publishes as fast as the healthy subscriber gets it. */
async function flood(url: string, healthy: Counter, { count, qos }: { count: number; qos: 0 | 1 }) {
  await using publisher = await RawClient.open(url)
  await publisher.connect({ clientIdentifier: 'publisher' })
  publisher.onPacket = () => {}
  for (let sent = 0; sent < count; ) {
    const next = Math.min(count, healthy.numbers.length + window)
    for (; sent < next; sent++) {
      const payload = new Uint8Array(payloadBytes)
      new DataView(payload.buffer).setUint32(0, sent)
      publisher.send(publishPacket('flood', payload, { qos, packetIdentifier: (sent % 1_000) + 1 }))
    }
    await eventually(() => healthy.numbers.length > sent - window, 'the healthy subscriber')
  }
  await eventually(() => healthy.numbers.length === count, 'everything')
}

const limits = { queue: { messages: 200 } }
/** What may wait for the stuck one here: its queue, unsent output, and one message over. */
const allowedBytes = 200 * (payloadBytes + 1_024) + 262_144 + 2 * payloadBytes
const rows = [
  ['tcp', 0],
  ['tcp', 1],
  ['ws', 0],
  ['ws', 1],
] as const

for (const [transport, qos] of rows) {
  test(`a subscriber over ${transport} that does not read loses QoS ${qos}, and nobody else does`, async () => {
    await using broker = await startEmbedded({ limits })
    const { losses, statistics } = broker.broker
    const url = broker[transport]
    const stuck = await Counter.subscribe(url, 'stuck', qos)
    stuck.client.pause()
    const healthy = await Counter.subscribe(url, 'healthy', qos)
    await flood(url, healthy, { count: 500, qos })
    const before = await heldBytes()
    const count = 4_000
    healthy.numbers.length = 0
    await flood(url, healthy, { count, qos })
    healthy.expectAll(count)
    // The queue had been full before: nothing is added.
    const grown = (await heldBytes()) - before
    assert.ok(grown < allowedBytes, `${grown} bytes more`)
    assert.ok(statistics.queuedMessages <= limits.queue.messages)
    const lost = () => losses.ofClient('stuck')?.byCause.get('queue-full')
    assert.ok((lost()?.messages ?? 0) > count / 2, 'most of it is lost')
    assert.equal(lost()?.bytes, (lost()?.messages ?? 0) * payloadBytes)
    assert.equal(losses.total().messages, lost()?.messages)
    assert.equal(losses.ofClient('healthy'), undefined)

    stuck.client.resume()
    const received = () => stuck.numbers.length + (lost()?.messages ?? 0)
    await eventually(() => received() === count + 500, 'received and lost to be what was sent')
    assert.equal(statistics.queuedMessages, 0)
    assert.deepEqual([...losses.byClient()].length, 1)
    for (const { client } of [stuck, healthy]) await client.leave()
  })
}

test('a process with a subscriber that does not read stays small, and $SYS tells the loss', async (t) => {
  await using broker = await startBusbar(
    ...['--set', 'sys.intervalSeconds=1', '--set', 'limits.queue.messages=200'],
  )
  const pid = process.platform === 'linux' ? await childOf(broker.program.pid) : undefined
  const sys = new Map<string, number>()
  await using watcher = await RawClient.open(broker.tcp)
  await watcher.connect({ clientIdentifier: 'watcher' })
  await watcher.subscribe('$SYS/broker/losses/#')
  watcher.onPacket = (packet) => {
    if (packet.type !== 'publish') return
    sys.set(packet.topicName, Number(Buffer.from(packet.payload).toString()))
  }
  const stuck = await Counter.subscribe(broker.tcp, 'stuck', 0)
  stuck.client.pause()
  const healthy = await Counter.subscribe(broker.tcp, 'healthy', 0)
  await flood(broker.tcp, healthy, { count: 1_000, qos: 0 })
  const before = pid && (await residentBytes(pid))
  const count = 20_000 // 330 MB
  healthy.numbers.length = 0
  await flood(broker.tcp, healthy, { count, qos: 0 })
  healthy.expectAll(count)
  if (pid !== undefined && before !== undefined) {
    const grown = (await residentBytes(pid)) - before
    t.diagnostic(`${Math.round(grown / 1e6)} MB more after ${(count * payloadBytes) / 1e6} MB`)
    assert.ok(grown < 100e6, `${grown} bytes more`)
  }
  stuck.client.resume()
  const lost = () => sys.get('$SYS/broker/losses/queue-full/messages') ?? 0
  await eventually(
    () => stuck.numbers.length + lost() === count + 1_000,
    '$SYS to tell what was sent and not received',
  )
  assert.ok(stuck.isInOrder)
  assert.ok(lost() > count / 2)
  assert.equal(sys.get('$SYS/broker/losses/messages'), lost())
  assert.equal(sys.get('$SYS/broker/losses/bytes'), lost() * payloadBytes)
  for (const { client } of [stuck, healthy]) await client.leave()
})
