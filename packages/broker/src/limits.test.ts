import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Publish, QoS, Subscribe } from '@busbar/protocol'
import { startTestBroker } from './testing/index.ts'

function subscribe(...filters: readonly string[]): Subscribe {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = filters.map((topicFilter) => ({ topicFilter, options }))
  return { type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions }
}

function publish(topicName: string, fields: Partial<Publish> = {}): Publish {
  return {
    type: 'publish',
    dup: false,
    qos: 0,
    retain: false,
    topicName,
    packetIdentifier: 0,
    properties: {},
    payload: new Uint8Array(10),
    ...fields,
  }
}

test('subscriptions of one client, and of all, have a limit', async () => {
  const limits = { subscriptionsPerClient: 2, subscriptions: 3 }
  await using broker = await startTestBroker({ limits })
  const first = broker
    .open()
    .connect({ clientIdentifier: 'a' })
    .send(subscribe('1', '2', '3', '1'))
  assert.deepEqual(first.take('suback')[0]?.reasonCodes, [1, 1, 0x97, 1])
  const second = broker.open().connect({ clientIdentifier: 'b', protocolVersion: 4 })
  second.send(subscribe('1', '2'))
  assert.deepEqual(second.take('suback')[0]?.reasonCodes, [1, 0x80])
  first.send({ type: 'unsubscribe', packetIdentifier: 1, properties: {}, topicFilters: ['1'] })
  second.send(subscribe('2'))
  assert.deepEqual(second.take('suback')[0]?.reasonCodes, [1])
})

const retained = (topicName: string, size: number, qos: QoS = 1) =>
  publish(topicName, { retain: true, qos, packetIdentifier: 1, payload: new Uint8Array(size) })

test('retained messages have a limit in number, and one that is there may be replaced', async () => {
  await using broker = await startTestBroker({ limits: { retainedMessages: 2 } })
  const peer = broker.open().connect()
  peer.send(...['a', 'b', 'c', 'a'].map((topicName) => retained(topicName, 10)))
  assert.deepEqual(
    peer.take('puback').map(({ reasonCode }) => reasonCode),
    [0x10, 0x10, 0x97, 0x10],
  )
  assert.equal(broker.core.losses.total('retained-full').messages, 1)
  peer.send(retained('a', 0), retained('c', 10))
  assert.deepEqual(
    peer.take('puback').map(({ reasonCode }) => reasonCode),
    [0x10, 0x10],
  )
})

test('retained messages have a limit in bytes', async () => {
  await using broker = await startTestBroker({ limits: { retainedBytes: 1_000 } })
  const peer = broker.open().connect()
  peer.send(retained('a', 800), retained('b', 800), retained('a', 900), retained('a', 950))
  assert.deepEqual(
    peer.take('puback').map(({ reasonCode }) => reasonCode),
    [0x10, 0x97, 0x10, 0x97],
  )
})

test('a Will that cannot be retained is published all the same', async () => {
  await using broker = await startTestBroker({ limits: { retainedMessages: 1 } })
  const watcher = broker.open().connect({ clientIdentifier: 'w' })
  watcher.send(retained('full', 1), subscribe('will'))
  const payload = new Uint8Array(3)
  const will = { topicName: 'will', payload, qos: 0, retain: true, properties: {} } as const
  broker.open().connect({ clientIdentifier: 'x', will }).cut()
  assert.equal(watcher.take('publish').length, 1)
  assert.equal(broker.core.losses.ofClient('x')?.byCause.get('retained-full')?.messages, 1)
})

test('a client that sends more packets than it may is not read from for a while', async () => {
  await using broker = await startTestBroker({ limits: { messageRate: 10 } })
  const peer = broker.open().connect({ keepAliveSeconds: 1 })
  const { statistics } = broker.core
  assert.equal(statistics.messagesReceived, 1)
  peer.send(...Array.from({ length: 40 }, () => publish('a')))
  assert.equal(peer.isPaused, true)
  assert.equal(statistics.publishReceived, 11, 'as many as come in a second, and the one too many')
  broker.pass(1_000)
  assert.equal(statistics.publishReceived, 21)
  // Longer than its Keep Alive: it could not be heard.
  for (let second = 0; second < 3; second++) broker.pass(1_000)
  assert.equal(peer.isClosed, false)
  assert.equal(statistics.publishReceived, 40)
  assert.equal(peer.isPaused, false)
})

test('a client that sends more bytes than it may is not read from for a while', async () => {
  await using broker = await startTestBroker({ limits: { byteRate: 1_000 } })
  const peer = broker.open().connect()
  peer.send(publish('a', { payload: new Uint8Array(2_000), qos: 1, packetIdentifier: 1 }))
  assert.equal(peer.take('puback').length, 1)
  assert.equal(peer.isPaused, true)
  broker.pass(900)
  assert.equal(peer.isPaused, true)
  broker.pass(300)
  assert.equal(peer.isPaused, false)
})

test('other clients keep their rate, and a flood of PINGREQ counts as well', async () => {
  await using broker = await startTestBroker({ limits: { messageRate: 5 } })
  const flood = broker.open().connect({ clientIdentifier: 'flood' })
  for (let i = 0; i < 100; i++) flood.send({ type: 'pingreq' })
  assert.ok(flood.take('pingresp').length <= 6)
  const other = broker.open().connect({ clientIdentifier: 'other' }).send({ type: 'pingreq' })
  assert.equal(other.take('pingresp').length, 1)
  flood.cut()
  broker.pass(60_000)
})

test('a rate that is taken back while the broker runs lets a client go on', async () => {
  await using broker = await startTestBroker({ limits: { messageRate: 1 } })
  const peer = broker.open().connect()
  peer.send(...Array.from({ length: 5 }, () => publish('a')))
  assert.equal(peer.isPaused, true)
  const { config } = broker.core
  broker.core.config = { ...config, limits: { ...config.limits, messageRate: 0 } }
  broker.pass(2_000)
  assert.equal(broker.core.statistics.publishReceived, 5)
})
