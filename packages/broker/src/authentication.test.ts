import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  Authentication,
  AuthenticationMethod,
  Credentials,
  ExchangeStep,
} from './access/authenticator.ts'
import { startTestBroker, type TestBroker } from './testing/test-broker.ts'
import type { TestPeer } from './testing/test-peer.ts'

function startWith(
  authenticate: (credentials: Credentials) => Authentication | Promise<Authentication>,
) {
  return startTestBroker({}, { authenticator: { authenticate } })
}

function codeOf(peer: TestPeer): number | undefined {
  return peer.take('connack')[0]?.reasonCode
}

test('groups and variables are those of the Session', async () => {
  let groups = ['ops']
  await using broker = await startWith(() => ({
    outcome: 'accepted',
    user: 'ada',
    groups,
    variables: new Map([['site', 'n1']]),
  }))
  broker
    .open()
    .connect({ properties: { sessionExpiryInterval: 100 } })
    .cut()
  const session = broker.core.sessions.get('peer')
  assert.deepEqual(session?.groups, ['ops'])
  assert.equal(session?.variables?.get('site'), 'n1')
  groups = []
  broker.open().connect({ cleanStart: false })
  assert.equal(broker.core.sessions.get('peer'), session)
  assert.deepEqual(session?.groups, [], 'as the last authentication gave them')
})

test('the certificate of the transport is among the credentials', async () => {
  const seen: Credentials[] = []
  await using broker = await startWith((credentials) => {
    seen.push(credentials)
    return { outcome: 'accepted', user: undefined }
  })
  const peer = broker.open()
  peer.certificate = { commonNames: ['ada'], alternativeNames: [], fingerprint: 'AA' }
  peer.connect()
  broker.open().connect({ clientIdentifier: 'other' })
  assert.deepEqual(
    seen.map(({ certificate }) => certificate),
    [peer.certificate, undefined],
  )
})

const noDecisions: readonly (readonly [
  string,
  () => Authentication | Promise<Authentication>,
  number,
])[] = [
  ['that passes on', () => ({ outcome: 'passed-on' }), 0x87],
  ['that throws', () => assert.fail('down'), 0x88],
  ['that fails later', async () => assert.fail('down'), 0x88],
]
for (const [name, authenticate, code] of noDecisions) {
  test(`an authenticator ${name} lets nobody in`, async () => {
    await using broker = await startWith(authenticate)
    const peer = broker.open().connect()
    await Promise.resolve().then(() => {})
    await new Promise(setImmediate)
    broker.endTurn()
    assert.equal(codeOf(peer), code)
    assert.equal(broker.core.statistics.authenticationsRefused, 1)
    assert.equal(broker.core.statistics.sessions, 0)
  })
}

test('a connection ends with the identity, whatever becomes of the wall clock', async () => {
  await using broker = await startTestBroker(
    {},
    {
      authenticator: {
        authenticate: () => ({ outcome: 'accepted', user: 'ada', expiresAt: endsAt }),
      },
    },
  )
  const endsAt = broker.clock.wallNow() + 60_000
  const peer = broker.open().connect()
  broker.clock.jump(3_600_000)
  broker.pass(59_900)
  assert.ok(!peer.isClosed)
  broker.pass(200)
  assert.ok(peer.isClosed)
  assert.equal(peer.take('disconnect')[0]?.reasonCode, 0xa0)
})

test('what is held for an identity is given back once, however the connection ends', async () => {
  let held = 0
  await using broker = await startWith(({ username }) => {
    held++
    const ended = () => {
      held--
    }
    return { outcome: 'accepted', user: username, ended }
  })
  const { core } = broker
  const ends: readonly ((peer: TestPeer) => void)[] = [
    (peer) => peer.cut(),
    (peer) => peer.send({ type: 'disconnect', reasonCode: 0, properties: {} }),
    () => core.connectionOf('peer')?.disconnect(0x98, 'kicked'),
    () => broker.open().connect().cut(),
    (peer) => peer.sendBytes(Uint8Array.of(0)),
  ]
  for (const end of ends) {
    const peer = broker.open().connect()
    assert.equal(held, 1)
    end(peer)
    assert.equal(held, 0)
  }
  broker
    .open()
    .connect({ properties: { sessionExpiryInterval: 10 } })
    .cut()
  const stranger = broker.open().connect({ username: 'eve' })
  assert.equal(codeOf(stranger), 0x87)
  assert.equal(held, 0, 'nor for a client that was refused after all')
})

test('nothing is held for a client that left while it was authenticated', async () => {
  let accept = (_answer: Authentication) => {}
  let held = 1
  await using broker = await startWith(
    () =>
      new Promise((resolve) => {
        accept = resolve
      }),
  )
  broker.open().connect().cut()
  const ended = () => {
    held--
  }
  accept({ outcome: 'accepted', user: undefined, ended })
  await new Promise(setImmediate)
  assert.equal(held, 0)
})

const asName: AuthenticationMethod = {
  name: 'NAME',
  start: () => ({
    next: (data): ExchangeStep => {
      const user = new TextDecoder().decode(data)
      if (user === '') return { outcome: 'refused', reasonCode: 0x87, reason: 'no name' }
      held.add(user)
      const ended = () => held.delete(user)
      return { outcome: 'accepted', user, data: undefined, groups: [`of ${user}`], ended }
    },
  }),
}
const held = new Set<string>()

function withMethod(): Promise<TestBroker> {
  return startTestBroker({}, { methods: [asName] })
}

function named(name: string, authenticationMethod = 'NAME') {
  return { authenticationMethod, authenticationData: new TextEncoder().encode(name) }
}

test('re-authentication as the same user goes on, as another ends the connection', async () => {
  await using broker = await withMethod()
  const peer = broker.open().connect({ properties: named('ada') })
  assert.equal(codeOf(peer), 0)
  peer.send({ type: 'auth', reasonCode: 0x19, properties: named('ada') })
  assert.equal(peer.take('auth')[0]?.reasonCode, 0)
  assert.deepEqual(broker.core.sessions.get('peer')?.groups, ['of ada'])
  peer.send({ type: 'auth', reasonCode: 0x19, properties: named('root') })
  assert.equal(peer.take('disconnect')[0]?.reasonCode, 0x87)
  assert.ok(peer.isClosed)
  assert.equal(held.size, 0)
})

const outOfTurn = [
  ['AUTH unasked', 0x18, 'NAME', 0x82],
  ['another method', 0x19, 'OTHER', 0x8c],
  ['a re-authentication that fails', 0x19, 'NAME', 0x87],
] as const
for (const [name, reasonCode, method, code] of outOfTurn) {
  test(`${name} ends the connection with 0x${code.toString(16)}`, async () => {
    await using broker = await withMethod()
    const peer = broker.open().connect({ properties: named('ada') })
    peer.send({ type: 'auth', reasonCode, properties: named('', method) })
    assert.equal(peer.take('disconnect')[0]?.reasonCode, code)
  })
}

test('who was changed or deleted is disconnected, and nobody else', async () => {
  await using broker = await startWith(({ username: user }) => ({ outcome: 'accepted', user }))
  const peers = ['ada', 'bob', undefined].map((username) =>
    broker.open().connect({ clientIdentifier: `of ${username}`, username }),
  )
  broker.core.disconnectUsers(new Set(['ada', 'eve']))
  broker.endTurn()
  assert.deepEqual(
    peers.map(({ isClosed }) => isClosed),
    [true, false, false],
  )
})

test('neither is one in who waits for another connection when the user is deleted', async () => {
  await using broker = await startWith(({ username: user }) => ({ outcome: 'accepted', user }))
  const first = broker.open().connect({ clientIdentifier: 'c', username: 'ada' })
  let goOn = () => {}
  const { transport } = broker.core.connectionOf('c') ?? assert.fail()
  transport.hear = (heard) => {
    goOn = heard
  }
  const second = broker.open().connect({ clientIdentifier: 'c', username: 'ada' })
  broker.core.disconnectUsers(new Set(['ada']))
  broker.endTurn()
  goOn()
  broker.endTurn()
  assert.deepEqual([first.isClosed, second.isClosed], [true, true])
  assert.deepEqual(second.take('connack'), [])
})
