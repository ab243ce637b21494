import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestBroker } from '../testing/test-broker.ts'
import { Flapping } from './flapping.ts'

const limits = { takeovers: 3, withinSeconds: 60, backOffSeconds: 30 }

test('takeovers are counted within their time', () => {
  const flapping = new Flapping(() => limits)
  const at = (seconds: number, name = 'a') => flapping.takeover(name, seconds * 1_000)
  assert.deepEqual(
    [0, 1, 2].map((each) => at(each)),
    ['allowed', 'allowed', 'allowed'],
  )
  assert.deepEqual(
    [3, 4, 32].map((each) => at(each)),
    ['begins', 'blocked', 'blocked'],
  )
  assert.equal(at(5, 'b'), 'allowed')
  assert.equal(at(33), 'allowed')
  assert.deepEqual(
    [60, 92, 93, 94].map((each) => at(each)),
    ['allowed', 'allowed', 'allowed', 'allowed'],
  )
})

test('long Client Identifiers are told apart, and take no more memory than others', () => {
  const flapping = new Flapping(() => limits)
  const [one, other] = ['1', '2'].map((end) => 'x'.repeat(60_000) + end) as [string, string]
  for (let at = 0; at < 4; at++) flapping.takeover(one, 0)
  assert.equal(flapping.takeover(one, 0), 'blocked')
  assert.equal(flapping.takeover(other, 0), 'allowed')
  assert.ok(flapping.characters < 200, `${flapping.characters}`)
})

test('0 sets no limit', () => {
  const flapping = new Flapping(() => ({ ...limits, takeovers: 0 }))
  for (let at = 0; at < 100; at++) assert.equal(flapping.takeover('a', at), 'allowed')
})

test('of clients that fight for one identifier one survives, and nothing is left of the others', async () => {
  await using broker = await startTestBroker({ auth: { flapping: limits } })
  const peers = Array.from({ length: 100 }, () => broker.open().connect({ cleanStart: true }))
  const open = peers.filter((peer) => !peer.isClosed)
  assert.equal(open.length, 1)
  assert.equal(peers.indexOf(open[0] ?? assert.fail()), 3)
  assert.equal(peers[50]?.take('connack')[0]?.reasonCode, 0x9f)
  const { sessions, clientsConnected } = broker.core.statistics
  assert.deepEqual([sessions, clientsConnected], [1, 1])
  assert.equal(broker.logged.filter((line) => line.includes('fight for one')).length, 1)
  broker.pass(30_000)
  broker.open().connect()
  assert.ok(open[0]?.isClosed)
})

test('another user takes nothing over and is not counted', async () => {
  const authenticator = {
    authenticate: ({ username: user }: { username: string | undefined }) =>
      ({ outcome: 'accepted', user }) as const,
  }
  await using broker = await startTestBroker({ auth: { flapping: limits } }, { authenticator })
  const owner = broker.open().connect({ username: 'ada' })
  for (let at = 0; at < 10; at++) {
    const peer = broker.open().connect({ username: 'mallory' })
    assert.equal(peer.take('connack')[0]?.reasonCode, 0x87)
  }
  assert.ok(!owner.isClosed)
  broker.open().connect({ username: 'ada' })
  assert.ok(owner.isClosed)
})
