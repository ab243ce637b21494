import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Publish, QoS, Subscribe } from '@busbar/protocol'
import { startTestBroker } from './testing/index.ts'

const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const

function subscribe(topicFilter: string, more: Partial<Subscribe['properties']> = {}): Subscribe {
  const subscriptions = [{ topicFilter, options }]
  return { type: 'subscribe', packetIdentifier: 1, properties: more, subscriptions }
}

function publish(topicName: string, qos: QoS, packetIdentifier = 0, text = 'x'): Publish {
  const payload = new TextEncoder().encode(text)
  return {
    type: 'publish',
    dup: false,
    qos,
    retain: false,
    topicName,
    packetIdentifier,
    properties: {},
    payload,
  }
}

const texts = (packets: readonly Publish[]) =>
  packets.map((packet) => new TextDecoder().decode(packet.payload))

test('a message of each QoS goes from publisher to subscriber', async () => {
  await using broker = await startTestBroker()
  const subscriber = broker.open().connect({ clientIdentifier: 's' }).send(subscribe('a/+'))
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  publisher.send(publish('a/0', 0), publish('a/1', 1, 7), publish('a/2', 2, 8))
  assert.deepEqual(
    subscriber.take('publish').map(({ topicName, qos }) => [topicName, qos]),
    [
      ['a/0', 0],
      ['a/1', 1],
      ['a/2', 2],
    ],
  )
  assert.deepEqual(publisher.take('puback')[0]?.packetIdentifier, 7)
  assert.deepEqual(publisher.take('pubrec')[0]?.packetIdentifier, 8)
})

test('nothing of a stored Session is acknowledged before its batch is committed', async () => {
  const { createMemoryStore } = await import('./store/memory.ts')
  const memory = createMemoryStore()
  const late: (() => void)[] = []
  const store = {
    ...memory,
    level: memory.level,
    open: () => memory.open(),
    readQueue: memory.readQueue.bind(memory),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
    commit: (...[changes, level, committed]: Parameters<typeof memory.commit>) => {
      late.push(() => memory.commit(changes, level, committed))
    },
  }
  await using broker = await startTestBroker({}, { store })
  const commit = () => {
    for (const step of late.splice(0)) step()
    broker.endTurn()
  }
  const properties = { sessionExpiryInterval: 100 }
  const subscriber = broker.open().connect({ clientIdentifier: 's', properties })
  assert.equal(subscriber.take('connack').length, 0)
  commit()
  assert.equal(subscriber.take('connack').length, 1)
  subscriber.send(subscribe('t'))
  assert.equal(subscriber.take('suback').length, 0)
  commit()
  assert.equal(subscriber.take('suback').length, 1)
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  commit()
  publisher.send(publish('t', 1, 1), publish('t', 2, 2), publish('other', 1, 3))
  assert.equal(publisher.take('puback').length + publisher.take('pubrec').length, 0)
  assert.deepEqual(
    subscriber.take('publish').map(({ qos }) => qos),
    [1], // QoS 2 waits, since a crash now would deliver it twice
  )
  commit()
  assert.deepEqual(
    publisher.take('puback').map(({ packetIdentifier }) => packetIdentifier),
    [1, 3], // in order, although nobody keeps the last one
  )
  assert.equal(publisher.take('pubrec').length, 1)
  assert.deepEqual(
    subscriber.take('publish').map(({ qos }) => qos),
    [2],
  )
  setImmediate(commit)
  setImmediate(() => setImmediate(commit))
})

test('a queue longer than a page is delivered whole and in order', async () => {
  await using broker = await startTestBroker()
  const properties = { sessionExpiryInterval: 100, receiveMaximum: 10 }
  const session = { clientIdentifier: 's', cleanStart: false, properties }
  broker.open().connect(session).send(subscribe('t')).cut()
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  for (let i = 1; i <= 900; i++) publisher.send(publish('t', 1, i, String(i)))
  assert.equal(broker.core.statistics.queuedMessages, 900)
  const subscriber = broker.open().connect(session)
  assert.equal(subscriber.take('connack')[0]?.sessionPresent, true)
  const arrived: string[] = []
  for (;;) {
    const packets = subscriber.take('publish')
    if (packets.length === 0) break
    assert.ok(packets.length <= 10)
    arrived.push(...texts(packets))
    for (const { packetIdentifier } of packets) {
      subscriber.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
    }
  }
  assert.deepEqual(
    arrived,
    Array.from({ length: 900 }, (_, i) => String(i + 1)),
  )
  assert.equal(broker.core.statistics.queuedMessages, 0)
  assert.equal(broker.core.statistics.queuedBytes, 0)
  assert.equal(broker.core.statistics.inFlight, 0)
})

test('a client that does not read delays nobody, and its losses are in the ledger', async () => {
  const limits = {
    queue: { messages: 100 },
    output: { pauseBytes: 4_096, stopReadingBytes: 8_192 },
  }
  await using broker = await startTestBroker({ limits })
  const healthy = broker.open().connect({ clientIdentifier: 'healthy' }).send(subscribe('t'))
  const stuck = broker.open().connect({ clientIdentifier: 'stuck' }).send(subscribe('t'))
  stuck.stopReading()
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  for (let i = 0; i < 1_000; i++) publisher.send(publish('t', 0, 0, `${i} `.padEnd(100, '.')))
  assert.equal(healthy.take('publish').length, 1_000)
  assert.ok(stuck.pendingBytes < 8_192, `${stuck.pendingBytes} bytes pend`)
  const lost = broker.core.losses.total('queue-full').messages
  stuck.startReading()
  assert.equal(stuck.take('publish').length + lost, 1_000)
  assert.ok(lost > 800)
  assert.equal(broker.core.losses.ofClient('stuck')?.byCause.get('queue-full')?.messages, lost)
})

test('a client that sends without reading the answers is not read from', async () => {
  const limits = { output: { pauseBytes: 1_024, stopReadingBytes: 1_024 } }
  await using broker = await startTestBroker({ limits })
  const peer = broker.open().connect()
  peer.stopReading()
  for (let i = 0; i < 2_000; i++) peer.send({ type: 'pingreq' })
  assert.ok(peer.isPaused)
  peer.startReading()
  assert.ok(!peer.isPaused)
  assert.equal(peer.take('pingresp').length, 2_000)
})

test('what a Shared Subscription gave to an ended Session goes to another member', async () => {
  await using broker = await startTestBroker()
  const properties = { sessionExpiryInterval: 5 }
  const first = broker.open().connect({ clientIdentifier: '1', properties })
  first.send(subscribe('$share/g/t'))
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  publisher.send(publish('t', 1, 1, 'one'), publish('t', 2, 2, 'two'))
  assert.deepEqual(texts(first.take('publish')), ['one', 'two'])
  first.cut()
  publisher.send(publish('t', 2, 3, 'three'))
  const second = broker.open().connect({ clientIdentifier: '2' }).send(subscribe('$share/g/t'))
  assert.deepEqual(second.take('publish'), [])
  broker.pass(6_000)
  // QoS 2 that had begun stays with its member [MQTT5-4.8.2-5]; what had not begun does not.
  assert.deepEqual(texts(second.take('publish')), ['one', 'three'])
  assert.equal(broker.core.losses.total('session-ended').messages, 1)
})

test('a broker that is full, or stops, points to another one [U5-4.11-a]', async () => {
  const mqtt = { serverReference: 'other.example:1883' }
  const broker = await startTestBroker({ mqtt, limits: { connections: 1 } })
  const first = broker.open().connect({ clientIdentifier: '1' })
  const [refusal] = broker.open().connect({ clientIdentifier: '2' }).take('connack')
  assert.equal(refusal?.reasonCode, 0x9c)
  assert.equal(refusal?.properties.serverReference, 'other.example:1883')
  const old = broker.open().connect({ clientIdentifier: '3', protocolVersion: 4 })
  assert.equal(old.take('connack')[0]?.reasonCode, 3)
  await broker.core.stop()
  const [farewell] = first.take('disconnect')
  assert.equal(farewell?.reasonCode, 0x9c)
  assert.equal(farewell?.properties.serverReference, 'other.example:1883')
})

test('a Will that was published is not published again after a restart', async () => {
  const { createMemoryStore } = await import('./store/memory.ts')
  const store = createMemoryStore()
  const broker = await startTestBroker({}, { store })
  const watcher = {
    clientIdentifier: 'w',
    cleanStart: false,
    properties: { sessionExpiryInterval: 99 },
  }
  broker.open().connect(watcher).send(subscribe('will')).cut()
  const payload = new TextEncoder().encode('gone')
  const properties = { willDelayInterval: 1 }
  const will = { topicName: 'will', payload, qos: 1 as const, retain: false, properties }
  const client = { clientIdentifier: 'c', will, properties: { sessionExpiryInterval: 99 } }
  broker.open().connect(client).cut()
  broker.pass(2_000)
  await using restarted = await startTestBroker({}, { store })
  restarted.pass(2_000)
  const returned = restarted.open().connect(watcher)
  assert.deepEqual(texts(returned.take('publish')), ['gone'])
})
