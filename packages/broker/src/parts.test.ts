import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, type Packet, type QoS } from '@busbar/protocol'
import { startTestBroker, type TestBroker } from './testing/index.ts'
import type { TransportEvents } from './transport.ts'

/** Everybody's bytes arrive in it, at another place each time; it is used again for the next turn. */
const input = new Uint8Array(4_096)

/** A socket that takes part of an array, and needs it until the turn is over. */
class PartPeer {
  readonly address = 'test'
  readonly pendingBytes = 0
  readonly #parts: { bytes: Uint8Array; start: number; end: number }[] = []
  readonly #broker: TestBroker
  readonly #events: TransportEvents

  constructor(broker: TestBroker) {
    this.#broker = broker
    this.#events = broker.core.accept(this)
  }

  send(...packets: readonly Packet[]): this {
    for (const packet of packets) this.sendBytes(encodePacket(packet, 5))
    return this
  }

  /** As a turn in which this is all that came. */
  sendBytes(bytes: Uint8Array, at = 100): this {
    this.arrive(bytes, at)
    this.#broker.endTurn()
    return this
  }

  arrive(bytes: Uint8Array, at: number): void {
    input.set(bytes, at)
    this.#events.receivePart?.(input, at, at + bytes.length)
  }

  write(): void {
    assert.fail('parts only')
  }

  writePart(bytes: Uint8Array, start: number, end: number): void {
    this.#parts.push({ bytes, start, end })
  }

  /** What it was given in this turn. */
  take(): Uint8Array {
    const parts = this.#parts.splice(0)
    return Buffer.concat(parts.map(({ bytes, start, end }) => bytes.subarray(start, end)))
  }

  get partCount(): number {
    return this.#parts.length
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

const connect = (clientIdentifier: string): Packet => ({
  type: 'connect',
  protocolVersion: 5,
  clientIdentifier,
  cleanStart: true,
  keepAliveSeconds: 0,
  properties: {},
  will: undefined,
  username: undefined,
  password: undefined,
})

function subscribe(topicFilter: string, qos: QoS): Packet {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter, options }]
  return { type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions }
}

function publish(text: string, qos: QoS, packetIdentifier = 0): Uint8Array {
  const payload = new TextEncoder().encode(text)
  const fields = { dup: false, qos, retain: false, properties: {} } as const
  return encodePacket(
    { type: 'publish', ...fields, topicName: 'a/b', packetIdentifier, payload },
    5,
  )
}

function open(broker: TestBroker, name: string, qos?: QoS): PartPeer {
  const peer = new PartPeer(broker).send(connect(name))
  if (qos !== undefined) peer.send(subscribe('a/b', qos))
  peer.take()
  return peer
}

for (const qos of [0, 1] as const)
  test(`QoS ${qos} between sockets that take parts, whatever the pieces`, async () => {
    await using broker = await startTestBroker()
    const subscriber = open(broker, 's', qos)
    const publisher = open(broker, 'p')
    const other = open(broker, 'o')
    const sizes = [1, 10, 300]
    for (let round = 1; round <= 30; round++) {
      const frames = sizes.map((size, index) =>
        publish(`${round}`.repeat(size), qos, qos && round * 3 + index),
      )
      const chunk = Buffer.concat(frames)
      const cut = (round * 37) % chunk.length
      publisher.arrive(chunk.subarray(0, cut), 0)
      other.arrive(publish(`${round} o`, qos, qos && round), 2_000)
      publisher.sendBytes(chunk.subarray(cut), 1_000)
      const expected = [...frames, publish(`${round} o`, qos, qos)].map(({ length }) => length)
      const seen = subscriber.take()
      input.fill(0xee)
      assert.equal(
        seen.length,
        expected.reduce((sum, length) => sum + length, 0),
      )
      const text = Buffer.from(seen).toString('latin1')
      for (const part of [...sizes.map((size) => `${round}`.repeat(size)), `${round} o`])
        assert.ok(text.includes(part), `round ${round}: ${part.slice(0, 10)}`)
      if (qos === 1) {
        for (let index = 0; index < text.length; ) {
          const length = seen[index + 1] as number
          const wide = length > 127 ? (length & 127) + ((seen[index + 2] as number) << 7) : length
          const body = index + (length > 127 ? 3 : 2)
          subscriber.arrive(Uint8Array.of(0x40, 2, ...seen.subarray(body + 5, body + 7)), 3_000)
          index = body + wide
        }
        broker.endTurn()
      }
    }
  })

test('one message for many is the same part for all of them', async () => {
  await using broker = await startTestBroker()
  const subscribers = Array.from({ length: 20 }, (_, index) => open(broker, `s${index}`, 0))
  const publisher = open(broker, 'p')
  const frame = publish('hello', 0)
  for (let round = 0; round < 3; round++) {
    publisher.sendBytes(frame)
    for (const subscriber of subscribers) {
      assert.equal(subscriber.partCount, 1)
      assert.deepEqual(subscriber.take(), Buffer.from(frame))
    }
  }
})

test('large frames are not joined, small ones around them are', async () => {
  await using broker = await startTestBroker()
  const subscriber = open(broker, 's', 0)
  const large = 'x'.repeat(10_000)
  const [one, other] = [broker.open(), broker.open()]
  one.connect({ clientIdentifier: 'one' })
  other.connect({ clientIdentifier: 'other' })
  // From several connections in a row, so that no two of them are neighbours.
  const texts = ['a', 'b', large, 'c', 'd']
  for (const [index, text] of texts.entries()) (index % 2 ? one : other).arrive(publish(text, 0))
  broker.endTurn()
  assert.equal(subscriber.partCount, 3)
  assert.deepEqual(subscriber.take(), Buffer.concat(texts.map((text) => publish(text, 0))))
})

test('with a socket of another kind around, nothing is lost or changed either', async () => {
  await using broker = await startTestBroker()
  const subscriber = open(broker, 's', 0)
  const ordinary = broker.open().connect({ clientIdentifier: 'ordinary' })
  ordinary.takesBytesAtOnce = true
  ordinary.send(subscribe('a/b', 0))
  const publisher = open(broker, 'p')
  ordinary.stopReading()
  for (let round = 0; round < 10; round++) {
    publisher.sendBytes(publish(`round ${round}`, 0))
    assert.match(Buffer.from(subscriber.take()).toString(), new RegExp(`round ${round}$`))
    input.fill(0xee)
  }
  ordinary.startReading()
  const texts = ordinary.take('publish').map(({ payload }) => new TextDecoder().decode(payload))
  assert.deepEqual(
    texts,
    Array.from({ length: 10 }, (_, round) => `round ${round}`),
  )
})
