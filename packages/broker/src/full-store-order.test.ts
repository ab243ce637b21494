import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Publish } from '@busbar/protocol'
import { loadPolicies } from './access/load-policies.ts'
import { changePolicies } from './access-change.ts'
import { parseConfig } from './config.ts'
import { lasting, startOnFallible } from './testing/fallible-store.contract.ts'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'
import { bytes, publish, subscribe } from './testing/packets.contract.ts'

test('what could not be stored as sent is not overtaken', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  broker.open().connect(lasting('s')).send(subscribe('t')).cut()
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  publisher.send(publish('t', { qos: 2, payload: bytes('first') }))
  store.isLate = true
  const client = broker.open().connect(lasting('s'))
  store.catchUp() // CONNACK leaves, and the first is on its way
  store.isLate = true
  store.isFull = true
  broker.endTurn()
  store.isFull = false
  publisher.send(publish('t', { qos: 2, payload: bytes('second'), packetIdentifier: 10 }))
  store.catchUp()
  broker.endTurn()
  assert.deepEqual([client.take('publish').length, client.isClosed], [0, true])
  const again = broker.open().connect(lasting('s'))
  assert.deepEqual(
    again.take('publish').map(({ payload }) => new TextDecoder().decode(payload)),
    ['first', 'second'],
  )
})

test('what is sent again behind it is not overtaken either', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  const texts = (peer: TestPeer) =>
    peer.take('publish').map(({ payload }) => new TextDecoder().decode(payload))
  broker.open().connect(lasting('s')).send(subscribe('t')).cut()
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  publisher.send(publish('t', { qos: 2, payload: bytes('first') }))
  store.isLate = true
  const client = broker.open().connect(lasting('s'))
  store.catchUp()
  store.isLate = true
  store.isFull = true
  broker.endTurn()
  store.isFull = false
  publisher.send(publish('t', { qos: 1, payload: bytes('second'), packetIdentifier: 10 }))
  store.catchUp()
  broker.endTurn()
  assert.deepEqual([texts(client), client.isClosed], [['second'], true])
  store.isLate = true
  const again = broker.open().connect(lasting('s'))
  store.catchUp()
  store.isLate = true
  broker.endTurn()
  publisher.send(publish('t', { qos: 1, payload: bytes('third'), packetIdentifier: 11 }))
  broker.endTurn()
  assert.deepEqual(texts(again), [])
  store.catchUp()
  broker.endTurn()
  store.catchUp()
  broker.endTurn()
  assert.deepEqual(texts(again), ['first', 'second', 'third'])
})

for (const qos of [1, 2] as const) {
  test(`nor is it after a restart, at QoS ${qos}`, async () => {
    await using scene = await startOnFallible()
    const { broker, store } = scene
    broker.open().connect(lasting('s')).send(subscribe('t')).cut()
    const publisher = broker.open().connect({ clientIdentifier: 'p' })
    const send = (text: string, packetIdentifier: number, more: Partial<Publish> = {}) =>
      publisher.send(publish('t', { qos, payload: bytes(text), packetIdentifier, ...more }))
    send('first', 9)
    send('expiring', 10, { properties: { messageExpiryInterval: 10 } })
    store.isLate = true
    broker.open().connect(lasting('s'))
    store.catchUp()
    store.isLate = true
    store.isFull = true
    broker.endTurn()
    store.isFull = false
    send('second', 11)
    store.catchUp()
    broker.endTurn()
    const { sessions } = await store.open()
    assert.deepEqual(
      sessions.map(({ inFlight, queuedCount }) => [
        inFlight.map(({ state }) => state),
        queuedCount,
      ]),
      [[['queued', 'queued', 'sent'], 0]],
    )
    await using restarted = await startTestBroker({}, { store })
    restarted.pass(11_000)
    const client = restarted.open().connect(lasting('s'))
    const sent = client.take('publish')
    assert.deepEqual(
      sent.map(({ payload, dup }) => [new TextDecoder().decode(payload), dup]),
      [
        ['first', false],
        ['second', true],
      ],
    )
    assert.equal(new Set(sent.map(({ packetIdentifier }) => packetIdentifier)).size, 2)
    for (const { packetIdentifier } of sent) {
      const packet = { packetIdentifier, reasonCode: 0, properties: {} }
      if (qos === 1) client.send({ type: 'puback', ...packet })
      else client.send({ type: 'pubrec', ...packet }, { type: 'pubcomp', ...packet })
    }
    const [session] = (await store.open()).sessions
    assert.deepEqual([session?.inFlight.length, session?.queuedCount], [0, 0])
    assert.equal(restarted.core.statistics.inFlight, 0)
  })
}

const rules = (topic: string) => ({
  access: { rules: [{ allow: ['publish', 'subscribe'], topics: [topic, 'after'] }] } as const,
})
const endings = [
  ['expired', (broker: TestBroker) => broker.pass(11_000)],
  [
    'not-authorized',
    async (broker: TestBroker) =>
      changePolicies(broker.core, await loadPolicies(parseConfig(rules('u')), false)),
  ],
] as const

for (const [cause, end] of endings) {
  test(`what could not be stored as sent is not sent any more when it is ${cause}`, async () => {
    await using scene = await startOnFallible(rules('t'))
    const { broker, store } = scene
    broker.open().connect(lasting('s')).send(subscribe('t'), subscribe('after')).cut()
    const publisher = broker.open().connect({ clientIdentifier: 'p' })
    publisher.send(publish('t', { qos: 2, properties: { messageExpiryInterval: 10 } }))
    store.isLate = true
    const client = broker.open().connect(lasting('s'))
    store.catchUp()
    store.isLate = true
    store.isFull = true
    broker.endTurn()
    store.isFull = false
    store.catchUp()
    broker.endTurn()
    assert.deepEqual([client.take('publish').length, client.isClosed], [0, true])
    assert.equal(broker.core.statistics.inFlight, 1)
    await end(broker)
    const again = broker.open().connect(lasting('s'))
    publisher.send(publish('after', { qos: 2, packetIdentifier: 10 }))
    assert.deepEqual(
      again.take('publish').map(({ topicName }) => topicName),
      ['after'],
    )
    const { losses, statistics } = broker.core
    assert.equal(losses.ofClient('s')?.byCause.get(cause)?.messages, 1)
    assert.equal(statistics.inFlight, 1)
    const [session] = (await store.open()).sessions
    assert.deepEqual([session?.inFlight.length, session?.queuedCount], [1, 0])
  })
}
