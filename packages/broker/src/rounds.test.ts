import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, type Publish, type QoS } from '@busbar/protocol'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'

function publish(topicName: string, qos: QoS = 0): Publish {
  const fields = { dup: false, retain: false, properties: {}, payload: new Uint8Array(200) }
  return { type: 'publish', topicName, qos, packetIdentifier: qos === 0 ? 0 : 1, ...fields }
}

function subscriber(broker: TestBroker, clientIdentifier: string, topicFilter: string): TestPeer {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter, options }]
  return broker
    .open()
    .connect({ clientIdentifier })
    .send({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions })
}

const packets = (count: number, topicName: string) =>
  Buffer.concat(Array<Uint8Array>(count).fill(encodePacket(publish(topicName), 5)))

const limits = { queue: { messages: 10 }, output: { pauseBytes: 1_024, stopReadingBytes: 1_024 } }

/** A broker on whose topics `flood/#` nobody reads, with full queues. */
async function flooded(readers: number): Promise<TestBroker> {
  const broker = await startTestBroker({ limits })
  for (let index = 0; index < readers; index++) {
    subscriber(broker, `reader ${index}`, 'flood/#').stopReading()
  }
  broker.open().connect({ clientIdentifier: 'first' }).sendBytes(packets(100, 'flood/first'))
  return broker
}

test('who causes a lot goes on after the others, a few in each turn', async () => {
  await using broker = await flooded(20)
  const { core } = broker
  const publishers = Array.from({ length: 100 }, (_, index) =>
    broker.open().connect({ clientIdentifier: `publisher ${index}` }),
  )
  const before = core.statistics.publishReceived
  // All of it comes before the turn ends: 40,000 messages that find full queues.
  for (const publisher of publishers) publisher.arrive(packets(20, 'flood/x'))
  const first = core.statistics.publishReceived - before
  assert.equal(first, 2_000)
  assert.ok(publishers.every(({ isPaused }) => isPaused))
  core.nextRound()
  const going = publishers.filter(({ isPaused }) => !isPaused).length
  assert.ok(going > 0 && going < 20, `${going} went on in one turn`)
  broker.endTurn()
  assert.ok(publishers.every(({ isPaused }) => !isPaused))
})

test('who causes little does not wait, whether queues are full or not', async () => {
  await using broker = await flooded(1)
  const reader = subscriber(broker, 'reader', 'flood/#')
  const publisher = broker.open().connect({ clientIdentifier: 'publisher' })
  publisher.arrive(packets(50, 'flood/x'))
  assert.equal(publisher.isPaused, false)
  broker.endTurn()
  assert.equal(reader.take('publish').length, 50)
})

test('one connection causes so many deliveries, and the rest of what it sent follows', async () => {
  await using broker = await startTestBroker()
  for (let index = 0; index < 100; index++)
    subscriber(broker, `reader ${index}`, 'fan/#').stopReading()
  const publisher = broker.open().connect({ clientIdentifier: 'publisher' })
  const other = broker.open().connect({ clientIdentifier: 'other' })
  publisher.arrive(packets(450, 'fan/x'))
  assert.ok(broker.core.statistics.publishReceived < 150, 'it would take the whole turn')
  other.arrive(encodePacket({ type: 'pingreq' }, 5))
  broker.core.endTurn()
  assert.equal(other.take('pingresp').length, 1)
  broker.endTurn()
  assert.equal(publisher.isPaused, false)
  assert.equal(broker.core.statistics.publishSent, 45_000)
})

test('one that ends while it waits is forgotten, and one that waits is not taken for silent', async () => {
  await using broker = await flooded(20)
  const [gone, stays] = ['gone', 'stays'].map((clientIdentifier) =>
    broker.open().connect({ clientIdentifier, keepAliveSeconds: 1 }),
  ) as [TestPeer, TestPeer]
  for (const peer of [gone, stays]) peer.arrive(packets(600, 'flood/x'))
  assert.ok(gone.isPaused && stays.isPaused)
  broker.clock.advance(2_000)
  broker.core.advance()
  gone.cut()
  assert.equal(stays.isPaused, false)
  assert.equal(stays.isClosed, false)
})
