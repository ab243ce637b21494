import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestBroker, type TestBroker } from '../testing/test-broker.ts'
import { version } from '../version.ts'
import { type Administered, handle, RequestError, type Status } from './handlers.ts'

const addresses = [{ kind: 'tcp', url: 'mqtt://127.0.0.1:1883' }]

function administered({ core, clock }: TestBroker): Administered {
  return {
    core,
    addresses,
    reload: async () => ({ changed: [], needsRestart: [], files: [] }),
    startedAt: clock.now(),
  }
}

const refused: [name: string, request: string, given: unknown, message: RegExp][] = [
  ['an unknown request', 'statu', {}, /^There is no request "statu"; did you mean status\?$/],
  ['another one', 'xyzzy', {}, /^There is no request "xyzzy"; there are status, losses, /],
  ['what every object has', 'toString', {}, /^There is no request "toString"; /],
  ['what is missing', 'kick', {}, /^kick: clientId is missing; allowed is text$/],
  ['what is of another type', 'kick', { clientId: 1 }, /^kick: clientId is 1; allowed is text$/],
  ['what is too much', 'kick', { clientId: 'a', id: 'b' }, /^kick: id is not a setting/],
  ['no object', 'status', null, /^status: /],
  ['a file beside nobody knows what', 'backup', { file: 'a.db' }, /allowed is an absolute path$/],
  ['a backup of memory', 'backup', { file: '/a.db' }, /keeps everything in memory/],
  ['a client that nobody knows', 'kick', { clientId: 'a\n' }, /is connected as "a\\n", and there/],
]

for (const [name, request, given, message] of refused) {
  test(`refuses ${name}`, async () => {
    await using broker = await startTestBroker()
    await assert.rejects(handle(administered(broker), request, given), (error: Error) => {
      assert.ok(error instanceof RequestError, String(error))
      assert.match(error.message, message)
      return true
    })
  })
}

test('a failure of ours is none of the asker', async () => {
  await using broker = await startTestBroker()
  const at = { ...administered(broker), core: null as never }
  await assert.rejects(handle(at, 'status', {}), TypeError)
})

test('status says how the broker fares', async () => {
  await using broker = await startTestBroker()
  const at = administered(broker)
  broker.open().connect()
  broker.core.losses.record('a', 'expired', 5, 2)
  broker.pass(3_500)
  const status = (await handle(at, 'status', {})) as Status
  assert.equal(status.version, version)
  assert.equal(status.uptimeSeconds, 3)
  assert.equal(Date.parse(status.startedAt), broker.clock.wallNow() - 3_500)
  assert.equal(status.durability, 'memory')
  assert.deepEqual(status.addresses, addresses)
  assert.equal(status.statistics.clientsConnected, 1)
  assert.equal(status.statistics.publishReceived, 0)
  assert.deepEqual(status.losses, { expired: { messages: 2, bytes: 5 } })
  assert.deepEqual(JSON.parse(JSON.stringify(status)), status)
})

test('losses lists all clients, or one', async () => {
  await using broker = await startTestBroker()
  const at = administered(broker)
  broker.core.losses.record('a', 'expired', 5)
  broker.core.losses.record('b', 'queue-full', 7)
  const expired = { messages: 1, bytes: 5 }
  const full = { messages: 1, bytes: 7 }
  const total = { 'queue-full': full, expired }
  const a = { clientId: 'a', byCause: { expired } }
  const b = { clientId: 'b', byCause: { 'queue-full': full } }
  assert.deepEqual(await handle(at, 'losses', {}), { total, clients: [a, b] })
  assert.deepEqual(await handle(at, 'losses', { clientId: 'a' }), { total, clients: [a] })
  assert.deepEqual(await handle(at, 'losses', { clientId: 'c' }), { total, clients: [] })
})

test('kick disconnects with 0x98; the Will is published, the Session stays [MQTT5-4.13.2-1]', async () => {
  await using broker = await startTestBroker()
  const at = administered(broker)
  const watcher = broker.open().connect({ clientIdentifier: 'watcher' })
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter: '#', options }]
  watcher.send({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions })
  const peer = broker.open().connect({
    clientIdentifier: 'kicked',
    properties: { sessionExpiryInterval: 60 },
    will: {
      topicName: 'gone',
      payload: new Uint8Array([1]),
      qos: 0,
      retain: false,
      properties: {},
    },
  })
  assert.deepEqual(await handle(at, 'kick', { clientId: 'kicked' }), { address: 'test' })
  broker.endTurn()
  assert.equal(peer.take('disconnect')[0]?.reasonCode, 0x98)
  assert.ok(peer.isClosed)
  assert.equal(watcher.take('publish')[0]?.topicName, 'gone')
  assert.match(broker.logged.join(''), /client kicked clientId=kicked/)
  await assert.rejects(
    handle(at, 'kick', { clientId: 'kicked' }),
    /The client "kicked" is not connected; its session waits for it/,
  )
})
