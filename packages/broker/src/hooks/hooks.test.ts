import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Connect, Publish, QoS } from '@busbar/protocol'
import type { Authenticator } from '../access/authenticator.ts'
import { startTestBroker, type TestBroker, type TestPeer } from '../testing/index.ts'
import { subscribe } from '../testing/packets.contract.ts'
import type { Hook } from './hook.ts'

function start(...hooks: readonly (Omit<Hook, 'name'> & { name?: string })[]) {
  const named = hooks.map((hook, at) => ({ name: `hook${at}`, ...hook }))
  return startTestBroker({}, { hooks: named, hookTimeoutMs: 1_000 })
}

function open(broker: TestBroker, clientIdentifier: string, fields: Partial<Connect> = {}) {
  return broker.open().connect({ clientIdentifier, ...fields })
}

function publish(topicName: string, qos: QoS = 0, packetIdentifier = qos === 0 ? 0 : 7): Publish {
  const payload = new TextEncoder().encode(topicName)
  const rest = { dup: false, retain: false, properties: {} }
  return { type: 'publish', qos, topicName, packetIdentifier, payload, ...rest }
}

const topics = (peer: TestPeer) => peer.take('publish').map(({ topicName }) => topicName)

const lostTo = (broker: TestBroker, clientId: string) =>
  broker.core.losses.ofClient(clientId)?.byCause.get('refused-by-hook')?.messages ?? 0

/** Lets promises settle, and the broker end its turn. */
async function settle(broker: TestBroker): Promise<void> {
  await nextTurn()
  broker.endTurn()
}

const throwing = () => {
  throw new Error('out of order')
}
const rejecting = async () => throwing()
const never = () => new Promise<undefined>(() => {})

test('a place without a hook has nothing to call', async () => {
  await using broker = await start({ lost: () => {} })
  const { hooks } = broker.core
  assert.ok(hooks.lost !== undefined)
  for (const point of ['connect', 'authorize', 'publish', 'deliver', 'subscribe'] as const) {
    assert.equal(hooks[point], undefined)
  }
  assert.ok(broker.core.access.isOpen)
})

test('two hooks of one name are a mistake', async () => {
  await assert.rejects(start({ name: 'a' }, { name: 'a' }), /two hooks have one name/)
})

test('connect: passes on, changes, refuses; each sees what the one before it changed', async () => {
  const seen: string[] = []
  await using broker = await start(
    {
      connect: ({ clientIdentifier }) => {
        seen.push(clientIdentifier)
        if (clientIdentifier === 'bad') return { refuse: 0x8a, reason: 'banned' }
        return clientIdentifier === 'old' ? { clientIdentifier: 'new' } : undefined
      },
    },
    { connect: async ({ clientIdentifier }) => void seen.push(`second ${clientIdentifier}`) },
  )
  const bad = open(broker, 'bad')
  const old = open(broker, 'old')
  assert.deepEqual(bad.take('connack')[0]?.reasonCode, 0x8a)
  assert.ok(bad.isClosed)
  assert.deepEqual(old.take('connack'), [], 'the second one thinks')
  await settle(broker)
  assert.equal(old.take('connack')[0]?.reasonCode, 0)
  assert.ok(broker.core.sessions.get('new') !== undefined)
  assert.deepEqual(seen, ['bad', 'old', 'second new'])
})

/** What a hook that is out of order does, and how the broker is told. */
const outOfOrder = [
  ['throws', throwing, 'failures'],
  ['rejects', rejecting, 'failures'],
  ['never answers', never, 'timeouts'],
] as const

for (const [name, answer, counted] of outOfOrder) {
  test(`a hook that ${name}: CONNECT, PUBLISH and SUBSCRIBE are refused, and it is named`, async () => {
    let isBroken = false
    const hook = () => (isBroken ? answer() : undefined)
    await using broker = await start({
      name: 'fragile',
      connect: hook,
      publish: hook,
      subscribe: hook,
    })
    const reader = open(broker, 'reader').send(subscribe('#'))
    const writer = open(broker, 'writer')
    isBroken = true
    const late = open(broker, 'late')
    writer.send(publish('a', 1), publish('b', 2, 8))
    reader.send(subscribe('x'))
    for (let i = 0; i < 3; i++) {
      await settle(broker)
      broker.pass(1_100)
    }
    assert.equal(late.take('connack')[0]?.reasonCode, 0x83)
    assert.equal(writer.take('puback')[0]?.reasonCode, 0x83)
    assert.equal(writer.take('pubrec')[0]?.reasonCode, 0x83)
    assert.deepEqual(
      reader.take('suback').map(({ reasonCodes }) => reasonCodes),
      [[2], [0x83]],
    )
    assert.deepEqual(topics(reader), [])
    assert.equal(lostTo(broker, 'writer'), 2)
    const [report] = broker.core.hooks.health.list()
    assert.equal(report?.[counted], 4)
    const lines = broker.logged.filter((line) => line.includes('hook=fragile'))
    assert.equal(lines.length, 3, 'once for each place')
    // And it goes on when the hook does.
    isBroken = false
    writer.send(publish('c'))
    assert.deepEqual(topics(reader), ['c'])
  })
}

test('authenticate: the hooks decide, or pass on to the authenticator', async () => {
  const authenticate: Hook['authenticate'] = async ({ username }) => {
    if (username === 'ann') return { outcome: 'accepted', user: 'ann', groups: ['staff'] }
    if (username === 'bob') return { outcome: 'refused', reasonCode: 0x86, reason: 'no' }
    if (username === 'odd') return {} as unknown as undefined
    return username === 'broken' ? throwing() : undefined
  }
  await using broker = await start({ authenticate })
  const codes: (number | undefined)[] = []
  for (const username of ['ann', 'bob', 'broken', 'odd', 'else']) {
    const peer = open(broker, username, { username })
    await settle(broker)
    codes.push(peer.take('connack')[0]?.reasonCode)
  }
  assert.deepEqual(codes, [0, 0x86, 0x88, 0x88, 0])
  assert.deepEqual(broker.core.sessions.get('ann')?.groups, ['staff'])
})

test('authenticate: wrong passwords are told to whoever counts them', async () => {
  const seen: string[] = []
  const guarding = {
    authenticate: () => ({ outcome: 'accepted', user: undefined }) as const,
    guarded: ({ authenticate }: Authenticator): Authenticator => ({
      authenticate: async (credentials, attempt) => {
        const answer = await authenticate(credentials, attempt)
        seen.push(answer.outcome)
        return answer
      },
    }),
  }
  const wrong = { outcome: 'refused', reasonCode: 0x86, reason: 'no' } as const
  const hooks = [
    { name: 'gate', authenticate: ({ username = '' }) => (username === 'bob' ? wrong : undefined) },
  ]
  await using broker = await startTestBroker({}, { authenticator: guarding, hooks })
  for (const username of ['bob', 'ann']) {
    open(broker, username, { username })
    await settle(broker)
  }
  assert.deepEqual(seen, ['refused', 'passed-on'])
})

test('authorize: comes before the rules, at once; a failure is a no', async () => {
  const authorize: Hook['authorize'] = ({ action, topic }) => {
    if (topic === 'broken') return throwing()
    if (topic === 'late') return Promise.resolve(true) as unknown as boolean
    return action === 'publish' && topic === 'no' ? false : undefined
  }
  await using broker = await startTestBroker(
    { access: { rules: [{ allow: ['publish'], topics: ['no', 'yes', 'broken', 'late'] }] } },
    { hooks: [{ name: 'gate', authorize }] },
  )
  const writer = open(broker, 'writer')
  for (const topic of ['no', 'yes', 'broken', 'late', 'other']) writer.send(publish(topic, 1))
  assert.deepEqual(
    writer.take('puback').map(({ reasonCode }) => reasonCode),
    [0x87, 0x10, 0x87, 0x87, 0x87],
  )
  assert.ok(broker.logged.some((line) => line.includes('rule="hook gate"')))
})

test('publish: changes, refuses, drops; stacked in their order', async () => {
  await using broker = await start(
    {
      publish: ({ topicName, payload }) => {
        if (topicName === 'refused') return { refuse: 0x99, reason: 'not that' }
        if (topicName === 'dropped') return 'drop'
        return topicName === 'changed' ? { topicName: 'first', payload } : undefined
      },
    },
    { publish: ({ topicName }) => (topicName === 'first' ? { topicName: 'second' } : undefined) },
  )
  const reader = open(broker, 'reader').send(subscribe('#'))
  const writer = open(broker, 'writer')
  for (const topic of ['plain', 'refused', 'dropped', 'changed']) writer.send(publish(topic, 1))
  assert.deepEqual(
    writer.take('puback').map(({ reasonCode }) => reasonCode),
    [0, 0x99, 0, 0],
  )
  assert.deepEqual(topics(reader), ['plain', 'second'])
  assert.equal(lostTo(broker, 'writer'), 2)
})

test('a refusal that the answer cannot carry counts as a failure', async () => {
  const refuse = () => ({ refuse: 0x9e })
  await using broker = await start({ publish: refuse, subscribe: refuse })
  const peer = open(broker, 'peer').send(publish('a', 1), subscribe('a'))
  assert.equal(peer.take('puback')[0]?.reasonCode, 0x83)
  assert.deepEqual(peer.take('suback')[0]?.reasonCodes, [0x9e])
  assert.equal(broker.core.hooks.health.list()[0]?.failures, 1)
})

test('a topic that is often used goes through the hooks like any other', async () => {
  for (const point of ['publish', 'deliver'] as const) {
    let seen = 0
    await using broker = await start({ [point]: () => void seen++ })
    const reader = open(broker, 'reader').send(subscribe('a', 0))
    open(broker, 'writer').send(...Array.from({ length: 5 }, () => publish('a')))
    assert.deepEqual([seen, topics(reader).length], [5, 5])
  }
})

test('publish: while a hook thinks nothing overtakes, at any QoS', async () => {
  const waiting: (() => void)[] = []
  const publishHook = () =>
    new Promise<undefined>((resolve) => waiting.push(() => resolve(undefined)))
  await using broker = await start({ publish: publishHook })
  const reader = open(broker, 'reader').send(subscribe('#'))
  const writer = open(broker, 'writer', { properties: { receiveMaximum: 5 } })
  writer.send(publish('a', 2), publish('b', 1, 8), publish('c'), publish('d', 2, 9))
  for (let i = 0; i < 4; i++) {
    assert.equal(waiting.length, i + 1, 'the next is read when this is decided')
    waiting[i]?.()
    await settle(broker)
  }
  assert.deepEqual(
    reader.take('publish').map(({ topicName, qos }) => [topicName, qos]),
    [
      ['a', 2],
      ['b', 1],
      ['c', 0],
      ['d', 2],
    ],
  )
  assert.equal(writer.take('pubrec').length, 2)
  assert.equal(writer.take('puback').length, 1)
})

test('publish: who leaves while a hook thinks may send it again, and it is delivered once', async () => {
  const waiting: (() => void)[] = []
  const publishHook = () =>
    new Promise<undefined>((resolve) => waiting.push(() => resolve(undefined)))
  await using broker = await start({ publish: publishHook })
  const reader = open(broker, 'reader').send(subscribe('#'))
  const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 100 } }
  const writer = open(broker, 'writer', lasting).send(publish('a', 2))
  writer.cut()
  const again = open(broker, 'writer', lasting).send({ ...publish('a', 2), dup: true })
  assert.equal(again.take('pubrec').length, 0, 'nothing is acknowledged before it is decided')
  for (const decide of waiting) decide()
  await settle(broker)
  assert.equal(again.take('pubrec').length, 1)
  assert.deepEqual(topics(reader), ['a'])
})

test('publish: a Will goes through it, too', async () => {
  await using broker = await start({
    publish: (_, { origin, clientIdentifier }) =>
      origin === 'will' ? { topicName: `gone/${clientIdentifier}` } : undefined,
  })
  const reader = open(broker, 'reader').send(subscribe('#'))
  const rest = { qos: 1 as const, retain: false, properties: {} }
  open(broker, 'dying', { will: { topicName: 'w', payload: new Uint8Array(1), ...rest } }).cut()
  assert.deepEqual(topics(reader), ['gone/dying'])
})

test('deliver: changes or drops for one client only; a failure is a drop', async () => {
  const deliver: Hook['deliver'] = ({ topicName }, { clientIdentifier }) => {
    if (clientIdentifier === 'broken') return throwing()
    if (clientIdentifier === 'short') return { payload: new Uint8Array(1) }
    return clientIdentifier === 'none' && topicName === 'a' ? 'drop' : undefined
  }
  await using broker = await start({ deliver })
  const peers = ['broken', 'short', 'none', 'all'].map((name) =>
    open(broker, name).send(subscribe('#')),
  )
  open(broker, 'writer').send({ ...publish('abc', 1), retain: true }, publish('a', 1, 8))
  assert.deepEqual(
    peers.map((peer) => peer.take('publish').map(({ payload }) => payload.length)),
    [[], [1, 1], [3], [3, 1]],
  )
  assert.deepEqual([lostTo(broker, 'broken'), lostTo(broker, 'none')], [2, 1])
  const later = open(broker, 'short2').send(subscribe('#'))
  assert.equal(later.take('publish').length, 1)
})

test('subscribe: each filter for itself', async () => {
  await using broker = await start({
    subscribe: async ({ topicFilter }) => {
      if (topicFilter === 'no') return { refuse: 0x87 }
      return topicFilter === 'low' ? { qos: 0 } : undefined
    },
  })
  const peer = open(broker, 'peer')
  const subscriptions = ['yes', 'no', 'low'].flatMap((filter) => subscribe(filter).subscriptions)
  peer.send({ ...subscribe('x'), subscriptions }, { type: 'pingreq' })
  assert.equal(peer.take('pingresp').length, 0, 'what follows waits')
  await settle(broker)
  assert.deepEqual(peer.take('suback')[0]?.reasonCodes, [2, 0x87, 0])
  assert.equal(peer.take('pingresp').length, 1)
})

test('events: told of connections, Sessions and losses; what goes wrong there is named only', async () => {
  const told: string[] = []
  const tell = (what: string) => (client: { clientIdentifier: string }) =>
    void told.push(`${what} ${client.clientIdentifier}`)
  await using broker = await start(
    {
      connected: throwing,
      disconnected: rejecting,
      lost: throwing,
    },
    {
      connected: tell('connected'),
      disconnected: tell('disconnected'),
      sessionBegan: tell('began'),
      sessionEnded: tell('ended'),
      lost: ({ clientIdentifier, cause }) => void told.push(`lost ${clientIdentifier} ${cause}`),
    },
  )
  const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 10 } }
  const peer = open(broker, 'p', lasting).send(subscribe('#', 0))
  peer.cut()
  open(broker, 'w').send(publish('a'))
  broker.pass(11_000)
  await settle(broker)
  assert.deepEqual(told, [
    'began p',
    'connected p',
    'disconnected p',
    'began w',
    'connected w',
    'lost p offline-qos-0',
    'ended p',
  ])
  assert.deepEqual(
    broker.core.hooks.health.list().map(({ failures }) => failures),
    [4, 0],
  )
})
