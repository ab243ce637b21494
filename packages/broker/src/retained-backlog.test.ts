import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Publish, QoS } from '@busbar/protocol'
import { loadPolicies } from './access/load-policies.ts'
import { changePolicies } from './access-change.ts'
import { type ConfigInput, parseConfig } from './config.ts'
import { createMemoryStore } from './store/memory.ts'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'
import { bytes, publish, subscribe } from './testing/packets.contract.ts'

const levels: readonly QoS[] = [0, 1, 2]

/** Far more is retained than a queue of this length takes. */
const retained = 300
const config: ConfigInput = {
  limits: { output: { pauseBytes: 1_024 }, queue: { messages: 20 } },
  mqtt: { inFlightMaximum: 5 },
}

const acknowledgement = { reasonCode: 0, properties: {} } as const
const text = (payload: Uint8Array) => new TextDecoder().decode(payload)

/** Publishes as a client does, with all that QoS 2 needs. */
class Publisher {
  readonly #peer: TestPeer

  constructor(broker: TestBroker) {
    this.#peer = broker.open().connect({ clientIdentifier: 'publisher' })
  }

  publish(topicName: string, payload: string, fields: Partial<Publish> = {}): void {
    const packet = publish(topicName, { ...fields, payload: bytes(payload) })
    this.#peer.send(packet)
    const { qos, packetIdentifier } = packet
    if (qos === 2) this.#peer.send({ type: 'pubrel', packetIdentifier, ...acknowledgement })
  }

  retain(qos: QoS, count = retained): void {
    for (let i = 0; i < count; i++) this.publish(`kept/${i}`, 'old', { qos, retain: true })
  }
}

/** Reads as a client does, and keeps what came. */
class Reader {
  readonly received: Publish[] = []
  readonly peer: TestPeer
  #seen = 0

  constructor(peer: TestPeer) {
    this.peer = peer
  }

  /** Acknowledges at most so many packets. */
  acknowledge(atMost = Number.POSITIVE_INFINITY): void {
    const { peer } = this
    for (let count = 0; count < atMost && this.#seen < peer.received.length; count++) {
      const packet = peer.received[this.#seen++]
      if (packet?.type === 'publish') {
        const { qos, packetIdentifier } = packet
        this.received.push(packet)
        if (qos === 1) peer.send({ type: 'puback', packetIdentifier, ...acknowledgement })
        if (qos === 2) peer.send({ type: 'pubrec', packetIdentifier, ...acknowledgement })
      } else if (packet?.type === 'pubrel') {
        const { packetIdentifier } = packet
        peer.send({ type: 'pubcomp', packetIdentifier, ...acknowledgement })
      }
    }
  }

  /** Reads and acknowledges until nothing more comes. */
  drain(): this {
    for (let before = -1; before !== this.#seen; ) {
      before = this.#seen
      this.peer.startReading()
      this.acknowledge()
    }
    return this
  }

  get topics(): string[] {
    return this.received.map(({ topicName }) => topicName)
  }
}

function slowReader(broker: TestBroker, qos: QoS, clientIdentifier = 'reader'): Reader {
  const peer = broker.open().connect({ clientIdentifier })
  peer.stopReading()
  return new Reader(peer.send(subscribe('kept/#', qos)))
}

const all = Array.from({ length: retained }, (_, i) => `kept/${i}`).sort()

for (const qos of levels) {
  test(`QoS ${qos}: all that is retained arrives once, however little may wait`, async () => {
    await using broker = await startTestBroker(config)
    new Publisher(broker).retain(qos)
    const reader = slowReader(broker, qos)
    const { statistics, losses } = broker.core
    assert.ok(statistics.queuedMessages <= 10, 'it fills half of the queue')
    reader.drain()
    assert.deepEqual(reader.topics.sort(), all)
    assert.ok(reader.received.every((message) => message.retain && message.qos === qos))
    assert.equal(losses.total().messages, 0)
    assert.equal(statistics.queuedMessages, 0)
    assert.equal(statistics.queuedBytes, 0)
  })

  test(`QoS ${qos}: what is published later does not overtake what is retained of its topic`, async () => {
    await using broker = await startTestBroker(config)
    const publisher = new Publisher(broker)
    publisher.retain(qos)
    const reader = slowReader(broker, qos)
    for (const topic of ['kept/299', 'kept/150', 'kept/1']) publisher.publish(topic, 'new', { qos })
    assert.equal(broker.core.losses.total().messages, 0)
    reader.drain()
    for (const topic of ['kept/299', 'kept/150', 'kept/1']) {
      const messages = reader.received.filter(({ topicName }) => topicName === topic)
      assert.deepEqual(
        messages.map(({ payload }) => text(payload)),
        ['old', 'new'],
      )
    }
    assert.equal(reader.received.length, retained + 3)
  })

  test(`QoS ${qos}: what is replaced or removed meanwhile does not come as it was`, async () => {
    await using broker = await startTestBroker(config)
    const publisher = new Publisher(broker)
    publisher.retain(qos)
    const reader = slowReader(broker, qos)
    publisher.publish('kept/299', 'new', { qos, retain: true })
    publisher.publish('kept/298', '', { qos, retain: true })
    // The numbers that these had are free for others, which nobody asked for.
    for (let i = 0; i < 50; i++) publisher.publish(`other/${i}`, 'other', { qos, retain: true })
    reader.drain()
    assert.deepEqual(reader.topics.sort(), all)
    const payloadOf = (topic: string) =>
      reader.received.filter(({ topicName }) => topicName === topic).map((m) => text(m.payload))
    assert.deepEqual(payloadOf('kept/299'), ['new'])
    assert.deepEqual(payloadOf('kept/298'), [''])
    assert.deepEqual(payloadOf('kept/297'), ['old'])
  })

  test(`QoS ${qos}: in any order of events the last of each topic comes last`, async () => {
    for (let seed = 1; seed <= 10; seed++) await anyOrder(qos, seed)
  })
}

/** Publishes, removes, reads and acknowledges by turns; nothing is lost, doubled or out of order. */
async function anyOrder(qos: QoS, seed: number): Promise<void> {
  let state = seed
  const random = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  await using broker = await startTestBroker({
    ...config,
    limits: { ...config.limits, queue: { messages: 100 } },
  })
  const publisher = new Publisher(broker)
  const last = new Map<string, string>()
  let published = 0
  const publishOne = (retain: boolean, isRemoval = false) => {
    const topic = `kept/${random(retained)}`
    const payload = isRemoval ? '' : String(++published)
    publisher.publish(topic, payload, { qos, retain })
    last.set(topic, payload)
  }
  for (let i = 0; i < 600; i++) publishOne(true)
  const before = new Map(last)
  last.clear()
  const reader = slowReader(broker, qos)
  for (let step = 0; step < 400; step++) {
    const kind = random(12)
    if (kind < 2) publishOne(false)
    else if (kind === 2) publishOne(true)
    else if (kind === 3) publishOne(true, true)
    else if (kind === 4) reader.peer.stopReading()
    else if (kind < 7) reader.peer.startReading()
    else reader.acknowledge(1 + random(5))
  }
  reader.drain()
  assert.equal(broker.core.losses.total().messages, 0)
  const seen = new Map<string, string>()
  for (const { topicName, payload } of reader.received) {
    const value = text(payload)
    const earlier = Number(seen.get(topicName) ?? 0)
    assert.ok(value === '' || Number(value) > earlier, `${topicName}: ${value} after ${earlier}`)
    seen.set(topicName, value === '' ? String(earlier) : value)
    if (last.get(topicName) === value || before.get(topicName) === value) before.delete(topicName)
  }
  // Whatever was published since has come; and of the others what was retained.
  for (const [topic, value] of last) {
    const values = reader.received.filter(({ topicName }) => topicName === topic)
    assert.equal(text(values.at(-1)?.payload ?? bytes('none')), value, topic)
    before.delete(topic)
  }
  assert.deepEqual([...before.keys()], [])
}

test('the other half of the queue is for what is published meanwhile', async () => {
  await using broker = await startTestBroker(config)
  const publisher = new Publisher(broker)
  publisher.retain(1)
  const reader = slowReader(broker, 1)
  const { losses } = broker.core
  for (let i = 0; i < 10; i++) publisher.publish('kept/live', String(i), { qos: 1 })
  assert.equal(losses.total().messages, 0)
  publisher.publish('kept/live', 'one too many', { qos: 1 })
  assert.equal(losses.total('queue-full').messages, 1)
  assert.equal(reader.drain().received.length, retained + 10)
})

test('what is passed on as it came does not overtake what waits behind another QoS', async () => {
  await using broker = await startTestBroker(config)
  const publisher = new Publisher(broker)
  // From now on this topic is known, and its messages need not be read.
  for (let i = 0; i < 5; i++) publisher.publish('kept/last', 'before')
  publisher.retain(1)
  publisher.publish('kept/last', 'old', { retain: true })
  const reader = new Reader(broker.open().connect({ clientIdentifier: 'reader' }))
  reader.peer.send(subscribe('kept/#', 1))
  publisher.publish('kept/last', 'new')
  reader.drain()
  const last = reader.received.filter(({ topicName }) => topicName === 'kept/last')
  assert.deepEqual(
    last.map(({ payload }) => text(payload)),
    ['old', 'new'],
  )
})

test('a Session goes on where it was when its client is back', async () => {
  for (const qos of [1, 2] as const) {
    await using broker = await startTestBroker(config)
    new Publisher(broker).retain(qos)
    const properties = { sessionExpiryInterval: 100 }
    const first = broker.open().connect({ properties })
    const reader = new Reader(first.send(subscribe('kept/#', qos)))
    first.stopReading()
    first.startReading()
    reader.acknowledge(20)
    first.cut()
    const again = broker.open().connect({ cleanStart: false, properties })
    const received = new Reader(again).drain()
    const topics = new Set([...reader.topics, ...received.topics])
    assert.equal(topics.size, retained)
    // What was not acknowledged comes again, and nothing else.
    assert.ok(received.received.length + reader.received.length <= retained + 5)
    assert.equal(broker.core.losses.total().messages, 0)
  }
})

test('a Session of QoS 0 goes on, too, but for what was under way', async () => {
  await using broker = await startTestBroker(config)
  new Publisher(broker).retain(0)
  const properties = { sessionExpiryInterval: 100 }
  const peer = broker.open().connect({ properties })
  peer.stopReading()
  peer.send(subscribe('kept/#', 0))
  const before = broker.core.statistics.publishSent
  assert.ok(before < 100)
  peer.cut()
  const again = new Reader(broker.open().connect({ cleanStart: false, properties }))
  assert.equal(again.drain().received.length, retained - before)
  assert.equal(broker.core.losses.total().messages, 0)
})

for (const qos of levels) {
  test(`QoS ${qos}: what a lasting Session has yet to be sent survives a restart`, async () => {
    const store = createMemoryStore()
    const lasting = { clientIdentifier: 'reader', properties: { sessionExpiryInterval: 100 } }
    const awaits = async () => {
      const { sessions } = await store.open()
      const reader = sessions.find(({ session }) => session.clientIdentifier === 'reader')
      return reader?.subscriptions.map(({ awaitsRetained = false }) => awaitsRetained)
    }
    const first = await startTestBroker(config, { store })
    new Publisher(first).retain(qos)
    const peer = first.open().connect(lasting)
    peer.stopReading()
    peer.send(subscribe('kept/#', qos))
    assert.deepEqual(await awaits(), [true])
    // As after a crash: the same store.
    await using second = await startTestBroker(config, { store })
    const back = { ...lasting, cleanStart: false }
    const reader = new Reader(second.open().connect(back)).drain()
    assert.deepEqual([...new Set(reader.topics)].sort(), all)
    assert.deepEqual(await awaits(), [false])
    assert.equal(second.core.losses.total().messages, 0)
    // Once it has all of it, that is over.
    await using third = await startTestBroker(config, { store })
    assert.deepEqual(new Reader(third.open().connect(back)).drain().received, [])
  })
}

for (const qos of [1, 2] as const) {
  for (const count of [3, retained]) {
    test(`QoS ${qos}: ${count} survive a crash right after SUBACK`, async () => {
      const store = createMemoryStore()
      const commit = store.commit.bind(store)
      const properties = { sessionExpiryInterval: 100 }
      const lasting = { clientIdentifier: 'reader', cleanStart: false, properties }
      const first = await startTestBroker(config, { store })
      new Publisher(first).retain(qos, count)
      const peer = first.open().connect(lasting)
      let commits = 1
      store.commit = (...given) => {
        if (commits-- > 0) commit(...given)
      }
      peer.send(subscribe('kept/#', qos))
      assert.equal(peer.take('suback').length, 1)
      assert.ok(commits < 0)
      store.commit = commit
      await using second = await startTestBroker(config, { store })
      const reader = new Reader(second.open().connect(lasting)).drain()
      assert.equal(new Set(reader.topics).size, count)
      // And once it has all of it, no more.
      await using third = await startTestBroker(config, { store })
      assert.deepEqual(new Reader(third.open().connect(lasting)).drain().received, [])
    })
  }
}

test('the store knows whether a subscription that is made again awaits something', async () => {
  const store = createMemoryStore()
  await using broker = await startTestBroker(config, { store })
  const awaits = async () => {
    const { sessions } = await store.open()
    return sessions.flatMap(({ subscriptions }) => subscriptions.map((each) => each.awaitsRetained))
  }
  const publisher = new Publisher(broker)
  publisher.retain(1)
  const peer = broker.open().connect({ properties: { sessionExpiryInterval: 100 } })
  const reader = new Reader(peer)
  peer.stopReading()
  const retainHandling = (value: 0 | 2) => {
    const request = subscribe('kept/#', 1)
    const subscriptions = request.subscriptions.map(({ topicFilter, options }) => ({
      topicFilter,
      options: { ...options, retainHandling: value },
    }))
    return { ...request, subscriptions }
  }
  peer.send(retainHandling(0))
  assert.deepEqual(await awaits(), [true])
  peer.send(retainHandling(2))
  assert.deepEqual(await awaits(), [true])
  for (let i = 0; i < retained; i++) publisher.publish(`kept/${i}`, '', { retain: true })
  assert.deepEqual(await awaits(), [undefined])
  reader.drain()
  publisher.retain(1, 10)
  reader.drain()
  peer.send(retainHandling(0))
  assert.deepEqual(await awaits(), [undefined])
})

test('after UNSUBSCRIBE no more of it comes', async () => {
  await using broker = await startTestBroker(config)
  const publisher = new Publisher(broker)
  publisher.retain(1)
  const reader = slowReader(broker, 1)
  const properties = {}
  reader.peer.send({
    type: 'unsubscribe',
    packetIdentifier: 9,
    properties,
    topicFilters: ['kept/#'],
  })
  reader.drain()
  assert.ok(reader.received.length > 0 && reader.received.length <= 15)
  assert.equal(broker.core.losses.total().messages, 0)
})

test('a subscription that is made again begins anew, or goes on where it wants nothing', async () => {
  for (const retainHandling of [0, 1, 2] as const) {
    await using broker = await startTestBroker(config)
    new Publisher(broker).retain(1)
    const reader = slowReader(broker, 1)
    const waiting = broker.core.statistics.queuedMessages
    const [{ topicFilter, options }] = subscribe('kept/#', 1).subscriptions as [never]
    const subscriptions = [{ topicFilter, options: { ...(options as object), retainHandling } }]
    reader.peer.send({ ...subscribe('kept/#', 1), subscriptions } as never)
    reader.drain()
    assert.deepEqual([...new Set(reader.topics)].sort(), all)
    const isTwice = reader.received.length - retained
    if (retainHandling === 0) assert.ok(isTwice > 0 && isTwice <= waiting + 5)
    else assert.equal(isTwice, 0)
  }
})

test('two filters of one Session both get all, each once', async () => {
  await using broker = await startTestBroker(config)
  const publisher = new Publisher(broker)
  publisher.retain(1)
  const reader = slowReader(broker, 1)
  reader.peer.send(subscribe('kept/+', 0))
  publisher.publish('kept/299', 'new', { qos: 1, retain: true })
  reader.drain()
  const count = (qos: QoS) => reader.received.filter((m) => m.retain && m.qos === qos).length
  assert.equal(count(1), retained - 1)
  assert.equal(count(0), retained - 1)
  assert.equal(broker.core.losses.total().messages, 0)
})

test('what may not be received any more, or has expired, does not come', async () => {
  await using broker = await startTestBroker(config)
  const publisher = new Publisher(broker)
  publisher.retain(1, 200)
  for (let i = 200; i < retained; i++) {
    const properties = { messageExpiryInterval: 10 }
    publisher.publish(`kept/${i}`, 'old', { qos: 1, retain: true, properties })
  }
  const reader = slowReader(broker, 1)
  const access = { default: 'allow', rules: [{ deny: ['receive'], topics: ['kept/150'] }] } as const
  changePolicies(broker.core, await loadPolicies(parseConfig({ access }), false))
  broker.pass(11_000)
  reader.drain()
  assert.ok(!reader.topics.includes('kept/150'))
  assert.ok(reader.topics.includes('kept/151'))
  const { losses } = broker.core
  assert.equal(losses.total('not-authorized').messages, 1)
  const sent = reader.received.length + losses.total('expired').messages
  assert.ok(sent >= 199 && sent <= 199 + 15)
})

test('it takes no more memory than may wait for a Session; the rest is in the ledger', async () => {
  const queue = { messages: 1_000, bytes: 1_024 }
  await using broker = await startTestBroker({ ...config, limits: { ...config.limits, queue } })
  const publisher = new Publisher(broker)
  publisher.retain(1, 10_000)
  const reader = slowReader(broker, 1)
  const { losses } = broker.core
  const lost = losses.total('queue-full').messages
  assert.ok(lost > 0 && lost < 3_000)
  reader.drain()
  assert.equal(reader.received.length + lost, 10_000)
  assert.equal(losses.total().messages, lost)
})

test('where memory is short it goes on, and none begins', async () => {
  await using broker = await startTestBroker(config)
  new Publisher(broker).retain(1)
  const readers = [slowReader(broker, 1), slowReader(broker, 1, 'other')] as const
  Object.defineProperty(broker.core.memory, 'isShort', { get: () => true })
  assert.deepEqual(readers[0].drain().topics.sort(), all)
  const { losses } = broker.core
  assert.equal(losses.total().messages, 0)
  readers[1].peer.send(subscribe('kept/#', 1))
  const lost = losses.total('queue-full').messages
  assert.equal(lost, retained)
  assert.ok(readers[1].drain().received.length < 100)
})
