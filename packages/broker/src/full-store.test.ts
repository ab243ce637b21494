import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QoS, Will } from '@busbar/protocol'
import { lasting, startOnFallible } from './testing/fallible-store.contract.ts'
import { bytes, publish, subscribe } from './testing/packets.contract.ts'

const will = (qos: QoS, more: Partial<Will> = {}): Will => {
  return { topicName: 'w', payload: bytes('gone'), qos, retain: false, properties: {}, ...more }
}
const unsubscribe = { type: 'unsubscribe', packetIdentifier: 2, properties: {} } as const
const leaving = { type: 'disconnect', reasonCode: 0, properties: {} } as const

test('an UNSUBSCRIBE that found no room is not acknowledged before it has', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('s')).send(subscribe('t'))
  store.isFull = true
  client.send({ ...unsubscribe, topicFilters: ['t'] })
  assert.deepEqual([client.take('unsuback').length, client.isClosed], [0, true])
  store.isFull = false
  const again = broker.open().connect(lasting('s'))
  assert.equal((await store.open()).sessions[0]?.subscriptions.length, 1)
  again.send({ ...unsubscribe, topicFilters: ['t'] })
  assert.equal(again.take('unsuback').length, 1)
  assert.equal((await store.open()).sessions[0]?.subscriptions.length, 0)
})

test('nor is the deletion of a retained message', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('p'))
  client.send(publish('t', { qos: 1, retain: true }))
  const deletion = publish('t', { qos: 1, retain: true, payload: bytes('') })
  store.isFull = true
  client.send(deletion)
  store.isFull = false
  assert.equal((await store.open()).retained.length, 1)
  client.send(deletion)
  const codes = client.take('puback').map(({ reasonCode }) => reasonCode)
  assert.deepEqual(codes, [0x10, 0x97, 0x10])
  assert.equal((await store.open()).retained.length, 0)
})

test('QoS 2 that waits for a batch of others is not acknowledged when that batch fails', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  // Neither Session is stored, and the batch has a retained message of somebody else.
  const subscriber = broker.open().connect({ clientIdentifier: 's' }).send(subscribe('t'))
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  store.isFull = true
  publisher.send(publish('r', { retain: true }), publish('t', { qos: 2 }))
  const refused = publisher.take('pubrec').map(({ reasonCode }) => reasonCode)
  assert.deepEqual([refused, subscriber.take('publish').length], [[0x97], 0])
  store.isFull = false
  publisher.send(publish('t', { qos: 2 }))
  const taken = publisher.take('pubrec').map(({ reasonCode }) => reasonCode)
  assert.deepEqual([taken, subscriber.take('publish').length], [[0], 1])
})

test('what nobody asks for again is stored when there is room', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('p')).send(subscribe('a'), subscribe('b'))
  client.send(publish('t', { retain: true }), publish('u', { retain: true }))
  store.isFull = true
  client.send(publish('t', { retain: true, payload: bytes('') }))
  client.send(publish('u', { retain: true, payload: bytes('new') }))
  client.send({ ...unsubscribe, topicFilters: ['a'] })
  broker.pass(1_000)
  store.isFull = false
  broker.pass(300)
  const { sessions, retained } = await store.open()
  assert.deepEqual(
    sessions.map(({ subscriptions }) => subscriptions.map(({ text }) => text)),
    [['b']],
  )
  assert.deepEqual(
    retained.map(({ topicName, payload }) => [topicName, new TextDecoder().decode(payload)]),
    [['u', 'new']],
  )
})

test('a connection whose Will was dropped ends when that is stored, also without room', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('s', { will: will(1) }))
  store.isFull = true
  client.send(leaving)
  broker.pass(2_000)
  assert.equal(client.isClosed, false)
  store.isFull = false
  broker.pass(300)
  assert.equal(client.isClosed, true)
  assert.equal((await store.open()).sessions[0]?.session.will, undefined)
})

for (const qos of [0, 1, 2] as const) {
  test(`a Will of QoS ${qos} leaves when its end is stored, and once`, async () => {
    await using scene = await startOnFallible()
    const { broker, store } = scene
    const watcher = broker.open().connect(lasting('s')).send(subscribe('w'))
    const client = broker.open().connect(lasting('p', { will: will(qos) }))
    store.isLate = true
    store.isFull = true
    client.cut()
    broker.pass(500)
    assert.equal(watcher.take('publish').length, 0)
    store.catchUp()
    broker.endTurn()
    broker.pass(100)
    assert.equal(watcher.take('publish').length, 0) // there was no room for it
    store.isFull = false
    broker.pass(2_000)
    assert.deepEqual(
      watcher.take('publish').map((packet) => packet.qos),
      [qos],
    )
    assert.equal((await store.open()).sessions.filter(({ session }) => session.will).length, 0)
  })
}

test('the Will of a CONNECT that was not accepted is not published', async () => {
  await using scene = await startOnFallible()
  const { broker, store } = scene
  const watcher = broker.open().connect({ clientIdentifier: 's' }).send(subscribe('w'))
  store.isFull = true
  const refused = broker.open().connect(lasting('p', { will: will(0) }))
  assert.equal(refused.take('connack')[0]?.reasonCode, 0x88)
  store.isFull = false
  broker.pass(5_000)
  assert.equal(watcher.take('publish').length, 0)
})

for (const isFull of [false, true]) {
  const outcome = isFull ? 'is not passed on when it is not' : 'is passed on when it is'
  test(`what may not be stored when its Session ends ${outcome}`, async () => {
    await using scene = await startOnFallible()
    const { broker, store } = scene
    const filter = '$share/g/t'
    const first = broker.open().connect(lasting('a')).send(subscribe(filter))
    const publisher = broker.open().connect({ clientIdentifier: 'p' })
    const second = broker.open().connect(lasting('b'))
    store.isLate = true
    store.isFull = isFull
    publisher.send(publish('t', { qos: 2 }))
    store.isFull = false
    second.send(subscribe(filter))
    first.send({ ...leaving, properties: { sessionExpiryInterval: 0 } })
    // It begins anew when its predecessor has nothing left to give.
    const successor = broker.open().connect(lasting('a', { cleanStart: true }))
    assert.equal(second.take('publish').length, 0)
    store.catchUp()
    broker.endTurn()
    assert.equal(publisher.take('pubrec')[0]?.reasonCode, isFull ? 0x97 : 0)
    assert.equal(second.take('publish').length, isFull ? 0 : 1)
    assert.equal(first.take('publish').length, 0)
    assert.equal(successor.take('connack')[0]?.sessionPresent, false)
    const { sessions } = await store.open()
    assert.deepEqual(
      sessions.map(({ session, inFlight }) => [session.clientIdentifier, inFlight.length]).sort(),
      [
        ['a', 0],
        ['b', isFull ? 0 : 1],
      ],
    )
  })
}

test('a Session whose time is over is not resumed, also when nobody has looked yet', async () => {
  await using scene = await startOnFallible()
  const { broker } = scene
  broker.open().connect(lasting('s')).cut()
  broker.clock.advance(1_000_001)
  assert.equal(broker.open().connect(lasting('s')).take('connack')[0]?.sessionPresent, false)
})
