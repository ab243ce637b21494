import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Publish, QoS } from '@busbar/protocol'
import { createMemoryStore } from '../store/memory.ts'
import { startTestBroker, type TestBroker } from '../testing/index.ts'
import { Program } from './program.ts'
import type { ReceivedMessage } from './subscriber.ts'

/** Settles a promise that waits for turns of the broker. */
async function turning<T>(broker: TestBroker, promise: Promise<T>): Promise<T> {
  let isSettled = false
  const settled = () => {
    isSettled = true
  }
  promise.then(settled, settled)
  for (let i = 0; i < 100 && !isSettled; i++) {
    broker.endTurn()
    await nextTurn()
  }
  assert.ok(isSettled, 'it settles')
  return await promise
}

function publish(topicName: string, qos: QoS, packetIdentifier: number): Publish {
  const rest = { dup: false, retain: false, properties: {}, payload: new Uint8Array(3) }
  return { type: 'publish', qos, topicName, packetIdentifier, ...rest }
}

const topics = (messages: readonly ReceivedMessage[]) => messages.map(({ topicName }) => topicName)

test('publish resolves when the message is stored, and not before', async () => {
  const store = createMemoryStore()
  const late: (() => void)[] = []
  const slow = Object.assign(Object.create(store), {
    level: 'disk',
    commit: (...given: Parameters<typeof store.commit>) => late.push(() => store.commit(...given)),
    open: () => store.open(),
    readQueue: (...given: Parameters<typeof store.readQueue>) => store.readQueue(...given),
    [Symbol.asyncDispose]: async () => {},
  })
  const broker = await startTestBroker({}, { store: slow })
  const program = new Program(broker.core)
  let code: number | undefined
  const published = program.publish('a', 'x', { retain: true }).then((reasonCode) => {
    code = reasonCode
  })
  await nextTurn()
  broker.endTurn()
  await nextTurn()
  assert.equal(code, undefined)
  for (const commit of late.splice(0)) commit()
  await published
  assert.equal(code, 0x10, 'nobody has subscribed')
})

test('publish rejects what is no topic, and what nobody could take', async () => {
  await using broker = await startTestBroker({ limits: { queue: { messages: 1 } } })
  const program = new Program(broker.core)
  await assert.rejects(program.publish('a/#', 'x'), { name: 'ProtocolError' })
  const peer = broker.open().connect({ properties: { sessionExpiryInterval: 100 } })
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter: 'a', options }]
  peer.send({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions }).cut()
  assert.equal(await turning(broker, program.publish('a', 'x')), 0)
  await assert.rejects(turning(broker, program.publish('a', 'x')), {
    name: 'PublishError',
    reasonCode: 0x97,
  })
})

test('publish goes through the hooks', async () => {
  const hook = {
    name: 'h',
    publish: ({ topicName }: { topicName: string }) =>
      topicName === 'no' ? { refuse: 0x99 } : undefined,
  }
  await using broker = await startTestBroker({}, { hooks: [hook] })
  const program = new Program(broker.core)
  await assert.rejects(turning(broker, program.publish('no', 'x')), { reasonCode: 0x99 })
  assert.equal(await turning(broker, program.publish('yes', 'x')), 0x10)
})

for (const qos of [0, 1, 2] as const) {
  test(`a consumer gets messages of QoS ${qos} in order, one at a time`, async () => {
    await using broker = await startTestBroker()
    const program = new Program(broker.core)
    const received: string[] = []
    let running = 0
    const consumer = async ({ topicName, qos: given }: ReceivedMessage) => {
      assert.equal(++running, 1)
      await nextTurn()
      received.push(`${topicName} ${given}`)
      running--
    }
    const subscription = await turning(broker, program.subscribe('a/#', consumer, { qos }))
    const writer = broker.open().connect()
    for (let i = 1; i <= 250; i++) writer.send(publish(`a/${i}`, 2, i))
    for (let i = 0; i < 2_000 && received.length < 250; i++) await turning(broker, nextTurn())
    assert.deepEqual(
      received,
      Array.from({ length: 250 }, (_, i) => `a/${i + 1} ${qos}`),
    )
    await turning(broker, Promise.resolve())
    assert.equal(broker.core.statistics.inFlight, 0)
    await turning(broker, subscription.close())
    assert.equal(broker.core.statistics.sessions, 1, 'that of the writer')
    assert.equal(broker.core.statistics.subscriptions, 0)
  })
}

test('a consumer that fails is named, its message counted, and the next one comes', async () => {
  await using broker = await startTestBroker()
  const program = new Program(broker.core)
  const received: string[] = []
  const consumer = ({ topicName }: ReceivedMessage) => {
    received.push(topicName)
    if (topicName === 'a') throw new Error('cannot use that')
  }
  await turning(broker, program.subscribe('#', consumer))
  broker
    .open()
    .connect()
    .send(publish('a', 1, 1), publish('b', 1, 2))
  await turning(broker, nextTurn())
  await turning(broker, nextTurn())
  assert.deepEqual(received, ['a', 'b'])
  assert.ok(broker.logged.some((line) => line.includes('subscriber of the program failed')))
  assert.equal(broker.core.losses.total('refused-by-client').messages, 1)
})

test('for await: acknowledged when the next one is asked for; leaving the loop ends it', async () => {
  await using broker = await startTestBroker()
  const program = new Program(broker.core)
  await turning(broker, program.publish('a/0', 'kept', { retain: true }))
  const subscription = await turning(broker, program.subscribe('a/#'))
  broker
    .open()
    .connect()
    .send(publish('a/1', 1, 1), publish('a/2', 1, 2))
  const received: ReceivedMessage[] = []
  const reading = async () => {
    for await (const message of subscription) {
      received.push(message)
      if (received.length === 2) assert.equal(broker.core.statistics.inFlight, 2)
      if (received.length === 3) break
    }
  }
  await turning(broker, reading())
  assert.deepEqual(topics(received), ['a/0', 'a/1', 'a/2'])
  assert.deepEqual(
    [received[0]?.retain, new TextDecoder().decode(received[0]?.payload)],
    [true, 'kept'],
  )
  assert.equal(broker.core.statistics.subscriptions, 0)
})

test('a named subscription is durable: what came meanwhile is there, also after a restart', async () => {
  const store = createMemoryStore()
  const first = await startTestBroker({}, { store })
  const program = new Program(first.core)
  const options = { name: 'history', qos: 2 } as const
  const subscription = await turning(
    first,
    program.subscribe('a/#', () => {}, options),
  )
  await assert.rejects(turning(first, program.subscribe('b', options)), /subscribed as "history"/)
  await turning(first, subscription.close())
  const writer = first.open().connect({ clientIdentifier: 'writer' })
  writer.send(publish('a/1', 2, 1), publish('a/2', 2, 2))
  assert.equal(first.core.statistics.queuedMessages, 2)
  // As after a crash: the same store.
  await using second = await startTestBroker({}, { store })
  const received: ReceivedMessage[] = []
  const again = await turning(
    second,
    new Program(second.core).subscribe('a/#', (message) => void received.push(message), options),
  )
  for (let i = 0; i < 10; i++) await turning(second, nextTurn())
  assert.deepEqual(topics(received), ['a/1', 'a/2'])
  await turning(second, again.forget())
  assert.equal(second.core.statistics.sessions, 0)
})

test('a consumer that is slow fills its own queue only', async () => {
  await using broker = await startTestBroker({ limits: { queue: { messages: 10 } } })
  const program = new Program(broker.core)
  await turning(
    broker,
    program.subscribe('#', () => new Promise(() => {}), { qos: 0 }),
  )
  const writer = broker.open().connect()
  for (let i = 0; i < 300; i++) writer.send(publish('a', 0, 0))
  assert.equal(broker.core.statistics.queuedMessages, 10)
  assert.ok(broker.core.losses.total('queue-full').messages > 100)
})

test('the program is beyond the rules, and no client takes the place of one of its sessions', async () => {
  await using broker = await startTestBroker({ access: { default: 'deny' } })
  const program = new Program(broker.core)
  const received: ReceivedMessage[] = []
  await turning(
    broker,
    program.subscribe('#', (message) => void received.push(message), { name: 'n' }),
  )
  await turning(broker, program.publish('a', 'x'))
  await turning(broker, nextTurn())
  assert.deepEqual(topics(received), ['a'])
  const thief = broker.open().connect({ clientIdentifier: '$program/named/n' })
  assert.equal(thief.take('connack')[0]?.reasonCode, 0x85)
})

test('a subscription of the program gets all that is retained, more than may wait', async () => {
  for (const qos of [0, 1, 2] as const) {
    await using broker = await startTestBroker({ limits: { queue: { messages: 10 } } })
    const peer = broker.open().connect({ clientIdentifier: 'publisher' })
    for (let i = 0; i < 3_000; i++) {
      peer.send({ ...publish(`kept/${i}`, qos, qos === 0 ? 0 : 1), retain: true })
      const packetIdentifier = 1
      if (qos === 2) peer.send({ type: 'pubrel', packetIdentifier, reasonCode: 0, properties: {} })
    }
    const received: ReceivedMessage[] = []
    const program = new Program(broker.core)
    await turning(
      broker,
      program.subscribe('kept/#', (message) => void received.push(message), { qos }),
    )
    for (let i = 0; i < 5_000 && received.length < 3_000; i++) {
      broker.endTurn()
      await nextTurn()
    }
    assert.equal(new Set(topics(received)).size, 3_000)
    assert.equal(received.length, 3_000)
    assert.equal(broker.core.losses.total().messages, 0)
  }
})
