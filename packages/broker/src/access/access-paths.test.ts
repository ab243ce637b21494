import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connect, Publish, Will } from '@busbar/protocol'
import { changePolicies } from '../access-change.ts'
import { type ConfigInput, parseConfig } from '../config.ts'
import { createMemoryStore } from '../store/memory.ts'
import { startTestBroker, type TestBroker } from '../testing/index.ts'
import { publish, subscribe } from '../testing/packets.contract.ts'
import { loadPolicies } from './load-policies.ts'

type AccessInput = NonNullable<ConfigInput['access']>

const everything = { allow: ['publish', 'subscribe'], topics: ['#'] } as const
const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } } as const

/** Everybody is who they say they are; the group is the beginning of the name. */
const authenticator = {
  authenticate: ({ username: user }: { username: string | undefined }) => ({
    outcome: 'accepted' as const,
    user,
    groups: user === undefined ? [] : [user.replace(/\d+$/, '')],
  }),
}

function start(access: AccessInput, more: Parameters<typeof startTestBroker>[1] = {}) {
  return startTestBroker({ access }, { authenticator, ...more })
}

async function change(broker: TestBroker, access: AccessInput): Promise<void> {
  changePolicies(broker.core, await loadPolicies(parseConfig({ access }), false))
  broker.endTurn()
}

function open(broker: TestBroker, user: string, fields: Partial<Connect> = {}) {
  return broker.open().connect({ clientIdentifier: `${user}-id`, username: user, ...fields })
}

const topics = (packets: readonly Publish[]) => packets.map(({ topicName }) => topicName)

function denied(broker: TestBroker, clientId: string): number {
  const losses = broker.core.losses.ofClient(clientId)
  return losses?.byCause.get('not-authorized')?.messages ?? 0
}

test('PUBLISH: 0x87 in 5.0, in PUBACK and PUBREC; nothing at QoS 0; counted and logged', async () => {
  await using broker = await start({ rules: [{ allow: ['subscribe'], topics: ['#'] }] })
  const reader = open(broker, 'reader').send(subscribe('#'))
  const writer = open(broker, 'writer')
  writer.send(publish('a'), publish('a', { qos: 1 }), publish('a', { qos: 2, packetIdentifier: 8 }))
  assert.deepEqual(
    [writer.take('puback')[0]?.reasonCode, writer.take('pubrec')[0]?.reasonCode],
    [0x87, 0x87],
  )
  assert.deepEqual(reader.take('publish'), [])
  assert.equal(denied(broker, 'writer-id'), 3)
  assert.equal(broker.core.statistics.publishDenied, 3)
  const lines = broker.logged.filter((line) => line.includes(' denied '))
  assert.equal(lines.length, 1)
  assert.match(
    lines[0] ?? '',
    /clientId=writer-id user=writer action=publish topic=a rule=access.d/,
  )
  // The identifier of the refused QoS 2 means a new message.
  writer.send(publish('a', { qos: 2, packetIdentifier: 8 }))
  assert.equal(writer.take('pubrec')[0]?.reasonCode, 0x87)
})

for (const version of [3, 4] as const) {
  test(`PUBLISH: 3.x (${version}) is acknowledged, or closed when so configured`, async () => {
    for (const whenPublishDenied of ['ack', 'close'] as const) {
      await using broker = await start({ default: 'deny', whenPublishDenied })
      const writer = open(broker, 'writer', { protocolVersion: version })
      writer.send(publish('a', { qos: 1 }))
      const isClosed = whenPublishDenied === 'close'
      assert.equal(writer.take('puback').length, isClosed ? 0 : 1)
      assert.equal(writer.isClosed, isClosed)
      assert.equal(denied(broker, 'writer-id'), 1)
    }
  })
}

test('PUBLISH: an alias is resolved before the rules are asked', async () => {
  await using broker = await start({ rules: [{ allow: ['publish'], topics: ['open/#'] }] })
  const writer = open(broker, 'writer')
  writer.send(
    publish('secret', { qos: 1, properties: { topicAlias: 1 } }),
    publish('', { qos: 1, packetIdentifier: 8, properties: { topicAlias: 1 } }),
  )
  assert.deepEqual(
    writer.take('puback').map(({ reasonCode }) => reasonCode),
    [0x87, 0x87],
  )
})

test('PUBLISH: nobody publishes to topics that begin with $, whatever the rules', async () => {
  const rules = [{ allow: ['publish'] as const, topics: ['$SYS/#', '#'] }]
  await using broker = await start({ default: 'allow', rules })
  const writer = open(broker, 'writer').send(publish('$SYS/broker/x', { qos: 1, retain: true }))
  assert.equal(writer.take('puback')[0]?.reasonCode, 0x87)
})

test('SUBSCRIBE: 0x87, in 3.1.1 0x80, in 3.1 nothing but no message; and on the filter behind $share', async () => {
  await using broker = await start({ rules: [{ allow: ['subscribe'], topics: ['a/#'] }] })
  for (const [version, failure] of [
    [5, 0x87],
    [4, 0x80],
    [3, 2],
  ] as const) {
    const reader = open(broker, `reader${version}`, { protocolVersion: version })
    for (const filter of ['a/+', 'secret', '#', '$share/g/secret', '$share/g/a/b', '$SYS/#']) {
      reader.send(subscribe(filter))
    }
    assert.deepEqual(
      reader.take('suback').flatMap(({ reasonCodes }) => reasonCodes),
      [2, failure, failure, failure, 2, failure],
    )
  }
  assert.equal(broker.core.statistics.subscribeDenied, 12)
  assert.equal(broker.core.statistics.subscriptions, 6)
})

const will: Will = {
  topicName: 'gone',
  payload: new Uint8Array(1),
  qos: 1,
  retain: false,
  properties: {},
}

test('Will: refused at CONNECT', async () => {
  await using broker = await start({ rules: [{ allow: ['publish'], topics: ['other'] }] })
  for (const [protocolVersion, code] of [
    [5, 0x87],
    [4, 5],
    [3, 5],
  ] as const) {
    const peer = open(broker, 'dying', { will, protocolVersion })
    assert.equal(peer.take('connack')[0]?.reasonCode, code)
    assert.ok(peer.isClosed)
  }
})

test('Will: asked again when it is due', async () => {
  await using broker = await start({ rules: [everything] })
  const reader = open(broker, 'reader').send(subscribe('#'))
  const dying = open(broker, 'dying', { will })
  await change(broker, {
    rules: [{ deny: ['publish'], users: ['dying'], topics: ['#'] }, everything],
  })
  dying.cut()
  assert.deepEqual(reader.take('publish'), [])
  assert.equal(denied(broker, 'dying-id'), 1)
})

test('a delivery is decided each time: live, retained', async () => {
  const rules = [
    { deny: ['receive'] as const, users: ['reader'], topics: ['a/secret'] },
    everything,
  ]
  await using broker = await start({ rules })
  const writer = open(broker, 'writer').send(publish('a/secret', { retain: true }))
  const reader = open(broker, 'reader').send(subscribe('a/#'))
  const other = open(broker, 'other').send(subscribe('a/#'))
  writer.send(publish('a/secret', { qos: 1 }), publish('a/open', { qos: 1, packetIdentifier: 8 }))
  assert.deepEqual(topics(reader.take('publish')), ['a/open'])
  assert.deepEqual(topics(other.take('publish')), ['a/secret', 'a/secret', 'a/open'])
  assert.equal(denied(broker, 'reader-id'), 2, 'the retained one, and the one sent later')
})

test('a shared message goes to a member that may have it', async () => {
  const rules = [{ deny: ['receive'] as const, users: ['one'], topics: ['a/secret'] }, everything]
  await using broker = await start({ rules })
  const one = open(broker, 'one').send(subscribe('$share/g/a/#'))
  const two = open(broker, 'two').send(subscribe('$share/g/a/#'))
  const writer = open(broker, 'writer')
  for (let i = 0; i < 4; i++) writer.send(publish('a/secret'))
  assert.equal(one.take('publish').length, 0)
  assert.equal(two.take('publish').length, 4)
  assert.equal(denied(broker, 'one-id'), 0)
})

test('what another member left is not passed on to one that may not have it', async () => {
  await using broker = await start({ rules: [everything] })
  const one = open(broker, 'one').send(subscribe('$share/g/a/#', 1))
  open(broker, 'writer').send(publish('a/secret', { qos: 1 }))
  assert.equal(one.take('publish').length, 1)
  const two = open(broker, 'two').send(subscribe('$share/g/a/#', 1))
  const rules = [{ deny: ['receive'] as const, users: ['two'], topics: ['a/secret'] }, everything]
  await change(broker, { rules })
  one.cut()
  assert.deepEqual(two.take('publish'), [])
  assert.equal(denied(broker, 'two-id'), 1)
})

test('a right that is taken away: subscriptions end, and what waits is purged and counted', async () => {
  const store = createMemoryStore()
  await using broker = await start({ rules: [everything] }, { store })
  const reader = open(broker, 'reader', lasting).send(subscribe('a/#'), subscribe('b'))
  reader.cut()
  const writer = open(broker, 'writer')
  // More than a page of the queue, so that some are in the store only.
  for (let i = 1; i <= 400; i++) {
    writer.send(
      publish('a/x', { qos: 1, packetIdentifier: i }),
      publish('b', { qos: 1, packetIdentifier: i }),
    )
  }
  assert.equal(broker.core.statistics.queuedMessages, 800)
  const rules = [{ deny: ['subscribe'] as const, users: ['reader'], topics: ['a/#'] }, everything]
  await change(broker, { rules })
  const left = broker.core.sessions.get('reader-id')?.subscriptions
  assert.deepEqual(
    left?.map(({ text }) => text),
    ['b'],
  )
  assert.equal(broker.core.statistics.queuedMessages, 400)
  assert.equal(broker.core.statistics.subscriptionsRevoked, 1)
  assert.equal(denied(broker, 'reader-id'), 400)
  const { sessions } = await store.open()
  const kept = sessions.find(({ session }) => session.clientIdentifier === 'reader-id')
  assert.deepEqual(
    kept?.subscriptions.map(({ text }) => text),
    ['b'],
  )
  assert.equal(kept?.queuedCount, 400)
  const again = open(broker, 'reader', lasting)
  assert.equal(again.take('connack')[0]?.sessionPresent, true)
  const received: string[] = []
  for (;;) {
    const packets = again.take('publish')
    if (packets.length === 0) break
    received.push(...topics(packets))
    for (const { packetIdentifier } of packets) {
      again.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
    }
  }
  assert.deepEqual([received.length, new Set(received)], [400, new Set(['b'])])
  assert.equal(broker.core.statistics.queuedMessages, 0)
})

test('a right that is taken away: live subscriptions end at once', async () => {
  await using broker = await start({ rules: [everything] })
  const reader = open(broker, 'reader').send(subscribe('a'))
  await change(broker, { rules: [{ ...everything, users: ['writer'] }] })
  open(broker, 'writer').send(publish('a'))
  assert.deepEqual(reader.take('publish'), [])
  assert.equal(broker.core.statistics.subscriptions, 0)
})

test('a right that is taken away: what was sent and not acknowledged is not sent again', async () => {
  for (const qos of [1, 2] as const) {
    await using broker = await start({ rules: [everything] })
    const reader = open(broker, 'reader', lasting).send(subscribe('#', qos))
    open(broker, 'writer').send(publish('a', { qos }), publish('b', { qos, packetIdentifier: 9 }))
    assert.equal(reader.take('publish').length, 2)
    reader.cut()
    await change(broker, {
      rules: [{ deny: ['receive'], users: ['reader'], topics: ['a'] }, everything],
    })
    const again = open(broker, 'reader', lasting)
    assert.deepEqual(topics(again.take('publish')), ['b'])
    assert.equal(broker.core.statistics.inFlight, 1)
    assert.equal(denied(broker, 'reader-id'), 1)
  }
})

test('a right that is taken away while the broker is down', async () => {
  const store = createMemoryStore()
  const first = await start({ rules: [everything] }, { store })
  open(first, 'reader', lasting).send(subscribe('a'), subscribe('b')).cut()
  const rules = [{ ...everything, topics: ['b'] }]
  await using second = await start({ rules }, { store })
  second.endTurn()
  assert.equal(second.core.statistics.subscriptions, 1)
  const { sessions } = await store.open()
  assert.deepEqual(
    sessions[0]?.subscriptions.map(({ text }) => text),
    ['b'],
  )
})

test('another group at the next CONNECT ends subscriptions, too', async () => {
  let groups = ['staff']
  const changing = { authenticate: () => ({ outcome: 'accepted' as const, user: 'u', groups }) }
  const rules = [{ ...everything, groups: ['staff'] }]
  await using broker = await start({ rules }, { authenticator: changing })
  const peer = open(broker, 'u', lasting).send(subscribe('a'))
  assert.deepEqual(peer.take('suback')[0]?.reasonCodes, [2])
  peer.cut()
  groups = []
  open(broker, 'u', lasting)
  assert.equal(broker.core.statistics.subscriptions, 0)
})

test('after a restart groups are unknown until the client is back: nothing is lost for that', async () => {
  const store = createMemoryStore()
  const rules = [
    { ...everything, groups: ['reader'] },
    { ...everything, users: ['writer'] },
  ]
  const first = await start({ rules }, { store })
  open(first, 'reader', {
    ...lasting,
    will: { ...will, properties: { willDelayInterval: 5 } },
  }).send(subscribe('a'))
  first.endTurn()
  // As after a crash: the same store, and nobody has said goodbye.
  const restarted = await start({ rules }, { store })
  const writer = open(restarted, 'writer').send(subscribe('gone'), publish('a', { qos: 1 }))
  assert.equal(writer.take('puback')[0]?.reasonCode, 0)
  restarted.pass(6_000)
  assert.deepEqual(topics(writer.take('publish')), ['gone'], 'its Will, too')
  assert.deepEqual(topics(open(restarted, 'reader', lasting).take('publish')), ['a'])
})

test('a retained message whose publisher may not publish it any more is withheld, if so configured', async () => {
  const denying = [{ deny: ['publish'] as const, users: ['writer'], topics: ['a'] }, everything]
  for (const checkRetainedSource of [true, false]) {
    await using broker = await start({ rules: [everything] })
    open(broker, 'writer')
      .send(publish('a', { retain: true }))
      .cut()
    open(broker, 'keeper').send(publish('b', { retain: true }))
    Object.assign(broker.core.config.access, { checkRetainedSource })
    await change(broker, { rules: denying, checkRetainedSource })
    const reader = open(broker, 'reader').send(subscribe('#'))
    assert.deepEqual(topics(reader.take('publish')), checkRetainedSource ? ['b'] : ['a', 'b'])
  }
})

test('a topic that is often used is decided like any other', async () => {
  await using broker = await start({ rules: [everything] })
  const reader = open(broker, 'reader').send(subscribe('a', 0))
  const writer = open(broker, 'writer')
  const often = Array.from({ length: 5 }, () => publish('a'))
  writer.send(...often)
  assert.equal(reader.take('publish').length, 5)
  await change(broker, {
    rules: [{ deny: ['receive'], users: ['reader'], topics: ['a'] }, everything],
  })
  writer.send(...often)
  assert.equal(reader.take('publish').length, 0)
  assert.equal(denied(broker, 'reader-id'), 5)
  await change(broker, {
    rules: [{ deny: ['publish'], users: ['writer'], topics: ['a'] }, everything],
  })
  writer.send(...often)
  assert.equal(reader.take('publish').length, 0)
  assert.equal(denied(broker, 'writer-id'), 5)
})

test('a shadow policy denies nothing, and says what it would deny', async () => {
  await using broker = await start({
    default: 'allow',
    shadow: { rules: [{ allow: ['publish', 'subscribe'], topics: ['a/%u'] }] },
  })
  const peer = open(broker, 'ann').send(subscribe('#'), publish('a/ann', { qos: 1 }))
  peer.send(publish('b', { qos: 1, packetIdentifier: 8 }))
  assert.deepEqual(peer.take('suback')[0]?.reasonCodes, [2])
  assert.deepEqual(
    peer.take('puback').map(({ reasonCode }) => reasonCode),
    [0, 0],
  )
  assert.equal(broker.core.statistics.publishDenied, 0)
  assert.deepEqual(
    broker.core.access.denials
      .list()
      .map(({ action, topic, isShadow }) => [action, topic, isShadow]),
    [
      ['subscribe', '#', true],
      ['publish', 'b', true],
      ['receive', 'b', true],
    ],
  )
})

for (const [protocolVersion, code] of [
  [5, 0x87],
  [4, 5],
  [3, 5],
] as const) {
  for (const cleanStart of [false, true]) {
    test(`the Session of another user: ${code} (${protocolVersion}, Clean Start ${cleanStart})`, async () => {
      await using broker = await start({ default: 'allow' })
      const victim = open(broker, 'victim', lasting).send(subscribe('a'))
      const fields = { clientIdentifier: 'victim-id', protocolVersion, cleanStart }
      for (const user of ['thief', undefined]) {
        const thief = broker.open().connect({ ...fields, username: user })
        assert.equal(thief.take('connack')[0]?.reasonCode, code)
        assert.ok(thief.isClosed)
      }
      assert.ok(!victim.isClosed)
      open(broker, 'writer').send(publish('a'))
      assert.deepEqual(topics(victim.take('publish')), ['a'])
      // Neither when its owner is away.
      victim.cut()
      const thief = broker.open().connect({ ...fields, username: 'thief' })
      assert.equal(thief.take('connack')[0]?.reasonCode, code)
      const back = open(broker, 'victim', lasting)
      assert.equal(back.take('connack')[0]?.sessionPresent, true)
    })
  }
}
