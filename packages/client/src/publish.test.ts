import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, lazyConnect } from './connect.ts'
import { type ClientError, MqttPublishError } from './errors.ts'
import type { ClientOptions } from './options.ts'
import { memoryStore } from './store/memory.ts'
import { ack, ScriptedPeer, textOf } from './testing/scripted-peer.ts'
import { settle, VirtualClock } from './testing/virtual-clock.ts'

const base = (clock = new VirtualClock()): ClientOptions & { clock: VirtualClock } => ({
  clientId: 'c',
  clock,
  random: () => 0.5,
  reconnect: { minMs: 1_000, jitter: 'none' },
})

const isCode = (code: string) => (error: ClientError) => error.code === code

test('publish resolves at the milestone of its QoS', async () => {
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, base())
  assert.equal((await client.publish('t', 'a')).stage, 'sent')
  const one = client.publish('t', 'b', { qos: 1 })
  const two = client.publish('t', 'c', { qos: 2 })
  await settle()
  peer.last.send(ack('puback', 1, 0x10), ack('pubrec', 2))
  const { stage, noSubscribers, reasonCode } = await one
  assert.deepEqual(
    { stage, noSubscribers, reasonCode },
    {
      stage: 'puback',
      noSubscribers: true,
      reasonCode: 0x10,
    },
  )
  assert.equal((await peer.last.take('pubrel')).length, 1)
  peer.last.send(ack('pubcomp', 2))
  assert.equal((await two).stage, 'pubcomp')
  await client.close()
})

test('a Reason Code of 0x80 or more rejects', async () => {
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, base())
  const one = client.publish('t', 'b', { qos: 1 })
  const two = client.publish('t', 'c', { qos: 2 })
  await settle()
  peer.last.send(ack('puback', 1, 0x87), ack('pubrec', 2, 0x97))
  await assert.rejects(
    one,
    (error) => error instanceof MqttPublishError && error.reasonCode === 0x87,
  )
  await assert.rejects(
    two,
    (error) => error instanceof MqttPublishError && error.reasonCode === 0x97,
  )
  await client.close()
})

test('the Receive Maximum of the server holds, and identifiers come free with acknowledgements', async () => {
  const peer = new ScriptedPeer().accept({ properties: { receiveMaximum: 5 } })
  const client = await connect(peer.target, base())
  const all = Array.from({ length: 12 }, (_, n) =>
    client.publish('t', `${n}`, { qos: n % 2 ? 1 : 2 }),
  )
  const seen: number[] = []
  for (let round = 0; round < 12 && seen.length < 12; round++) {
    const sent = await peer.last.take('publish')
    assert.ok(sent.length <= 5)
    for (const { qos, packetIdentifier, payload } of sent) {
      seen.push(Number(textOf(payload)))
      if (qos === 1) peer.last.send(ack('puback', packetIdentifier))
      else peer.last.send(ack('pubrec', packetIdentifier))
    }
    for (const { packetIdentifier } of await peer.last.take('pubrel')) {
      peer.last.send(ack('pubcomp', packetIdentifier))
    }
  }
  await Promise.all(all)
  assert.deepEqual(seen, [...Array(12).keys()])
  await client.close()
})

test('resume sends PUBREL first, then the whole window with DUP in order, then new messages', async () => {
  const peer = new ScriptedPeer().accept({ sessionPresent: true })
  const options = { ...base(), session: { cleanStart: false } }
  const client = await connect(peer.target, options)
  const all = [1, 2, 1, 1].map((qos, n) => client.publish('t', `${n}`, { qos: qos as 1 | 2 }))
  await settle()
  peer.last.send(ack('pubrec', 2))
  await settle()
  peer.last.cut()
  await settle()
  const later = client.publish('t', 'new', { qos: 1 })
  await options.clock.pass(1_000)
  const packets = peer.last.received
    .slice(1)
    .map((packet) =>
      packet.type === 'publish' ? `${textOf(packet.payload)} ${packet.dup}` : packet.type,
    )
  assert.deepEqual(packets, ['pubrel', '0 true', '2 true', '3 true', 'new false'])
  peer.last.send(ack('puback', 1), ack('pubcomp', 2), ack('puback', 3), ack('puback', 4))
  await Promise.all(all)
  peer.last.send(ack('puback', 5))
  await later
  await client.close()
})

test('a lost Session: sent anew with fresh identifiers and without DUP, and said so', async () => {
  const peer = new ScriptedPeer().accept()
  const options = base()
  const client = await connect(peer.target, options)
  const events = client.events()
  const first = client.publish('t', 'one', { qos: 1 })
  const second = client.publish('t', 'two', { qos: 2 })
  await settle()
  peer.last.send(ack('pubrec', 2))
  await settle()
  peer.last.cut()
  await options.clock.pass(1_000)
  const sent = await peer.last.take('publish')
  assert.deepEqual(
    sent.map(({ dup, payload }) => [dup, textOf(payload)]),
    [[false, 'one']],
  )
  assert.equal((await second).stage, 'pubrec') // the server had it
  peer.last.send(ack('puback', sent[0]?.packetIdentifier ?? 0))
  await first
  assert.equal(client.stats.requeued, 1)
  await client.close()
  const seen = []
  for await (const event of events)
    seen.push(event.type === 'connected' ? event.session : event.type)
  assert.deepEqual(seen, ['disconnected', 'connecting', 'lost', 'stopped'])
})

test('a lost Session without requeueWhenLost rejects', async () => {
  const peer = new ScriptedPeer().accept()
  const options = { ...base(), session: { requeueWhenLost: false } }
  const client = await connect(peer.target, options)
  const lost = assert.rejects(client.publish('t', 'one', { qos: 1 }), isCode('session-lost'))
  await settle()
  peer.last.cut()
  await options.clock.pass(1_000)
  await lost
  await client.close()
})

test('an abort before sending takes the message back, afterwards it only detaches', async () => {
  const peer = new ScriptedPeer().accept({ properties: { receiveMaximum: 1 } })
  const client = await connect(peer.target, base())
  const abort = new AbortController()
  const sent = assert.rejects(
    client.publish('t', 'sent', { qos: 1, signal: abort.signal }),
    isCode('aborted'),
  )
  const waits = assert.rejects(
    client.publish('t', 'waits', { qos: 1, signal: abort.signal }),
    isCode('aborted'),
  )
  const last = client.publish('t', 'last', { qos: 1 })
  await settle()
  abort.abort()
  await Promise.all([sent, waits])
  assert.equal(client.stats.inflight, 1)
  peer.last.send(ack('puback', 1))
  const packets = await peer.last.take('publish')
  await settle()
  const more = await peer.last.take('publish')
  assert.deepEqual(
    [...packets, ...more].map(({ payload }) => textOf(payload)),
    ['sent', 'last'],
  )
  peer.last.send(ack('puback', more[0]?.packetIdentifier ?? packets[1]?.packetIdentifier ?? 0))
  await last
  await client.close()
})

const policies = [
  ['reject', 'outbox-full', ['0', '1']],
  ['drop-oldest', 'dropped', ['1', '2']],
] as const
for (const [whenFull, code, kept] of policies) {
  test(`a full outbox with ${whenFull}`, async () => {
    const peer = new ScriptedPeer()
    const client = lazyConnect(peer.target, { ...base(), outbox: { maxMessages: 2, whenFull } })
    const outcomes = Promise.allSettled(
      [0, 1, 2].map((n) => client.publish('t', `${n}`, { qos: 1 })),
    )
    await settle()
    assert.equal(client.stats.outboxMessages, 2)
    peer.serve()
    peer.onPacket(peer.last.received[0] as never, peer.last)
    const settled = await outcomes
    const failures = settled.flatMap((each) =>
      each.status === 'rejected' ? [each.reason.code] : [],
    )
    assert.deepEqual(failures, [code])
    const sent = await peer.last.take('publish')
    assert.deepEqual(
      sent.map(({ payload }) => textOf(payload)),
      kept,
    )
    await client.close()
  })
}

test('a full outbox with wait, bounded in bytes: every promise settles, every message is sent once', async () => {
  const peer = new ScriptedPeer().serve({ properties: { receiveMaximum: 10 } })
  const client = await connect(peer.target, { ...base(), outbox: { maxBytes: 100 } })
  const all = Array.from({ length: 500 }, (_, n) =>
    client.publish('t', `${n}`.padStart(9, '0'), { qos: 2 }),
  )
  assert.equal(client.stats.outboxMessages, 10)
  assert.equal(client.stats.waitingCalls, 490)
  await Promise.all(all)
  const sent = await peer.last.take('publish')
  assert.deepEqual(
    sent.map(({ payload }) => Number(textOf(payload))),
    [...Array(500).keys()],
  )
  await assert.rejects(client.publish('t', 'x'.repeat(101), { qos: 1 }), isCode('outbox-full'))
  await client.close()
})

test('QoS 0 without a connection: reject, drop or keep', async () => {
  for (const qos0WhileOffline of ['reject', 'drop', 'keep'] as const) {
    const peer = new ScriptedPeer()
    const client = lazyConnect(peer.target, { ...base(), outbox: { qos0WhileOffline } })
    const outcome = client.publish('t', 'x').then(
      ({ stage }) => stage,
      ({ code }) => code,
    )
    await settle()
    peer.serve()
    peer.onPacket(peer.last.received[0] as never, peer.last)
    assert.equal(
      await outcome,
      { reject: 'offline', drop: 'dropped', keep: 'sent' }[qos0WhileOffline],
    )
    assert.equal((await peer.last.take('publish')).length, qos0WhileOffline === 'keep' ? 1 : 0)
    await client.close()
  }
})

test('what the server does not take is refused here', async () => {
  const properties = { maximumQoS: 1, retainAvailable: 0, maximumPacketSize: 60 } as const
  const peer = new ScriptedPeer().accept({ properties })
  const client = await connect(peer.target, base())
  await assert.rejects(client.publish('t', 'x', { qos: 2 }), isCode('qos-not-supported'))
  await assert.rejects(client.publish('t', 'x', { retain: true }), isCode('retain-not-supported'))
  for (const qos of [0, 1] as const) {
    await assert.rejects(client.publish('t', 'x'.repeat(60), { qos }), isCode('packet-too-large'))
  }
  assert.equal(client.stats.inflight, 0)
  await client.publish('t', 'x'.repeat(52)) // 2 + 3 + 1 + 52, near the limit
  assert.equal((await peer.last.take('publish')).length, 1)
  await client.close()
})

test('arguments that no server would take', async () => {
  const client = await connect(new ScriptedPeer().accept().target, base())
  await assert.rejects(client.publish('a/+', 'x'), isCode('invalid-topic'))
  await assert.rejects(client.publish('', 'x'), isCode('invalid-topic'))
  const contentType = 'a\0b'
  await assert.rejects(
    client.publish('t', 'x', { properties: { contentType } }),
    isCode('invalid-argument'),
  )
  await assert.rejects(client.subscribe('a/#/b'), isCode('invalid-topic'))
  await assert.rejects(client.subscribe([]), isCode('invalid-argument'))
  await client.close()
  await assert.rejects(client.publish('t', 'x'), isCode('closed'))
})

test("topic aliases are used within the server's maximum, and start anew", async () => {
  const peer = new ScriptedPeer().accept({ properties: { topicAliasMaximum: 1 } })
  const options = base()
  const client = await connect(peer.target, options)
  for (const name of ['long/topic/a', 'long/topic/a', 'long/topic/b', 'long/topic/a'])
    await client.publish(name, '')
  const names = (await peer.last.take('publish')).map(({ topicName, properties }) => [
    topicName,
    properties.topicAlias,
  ])
  assert.deepEqual(names, [
    ['long/topic/a', 1],
    ['', 1],
    ['long/topic/b', 1],
    ['long/topic/a', 1],
  ])
  peer.last.cut()
  await options.clock.pass(1_000)
  await client.publish('long/topic/a', '')
  assert.equal((await peer.last.take('publish'))[0]?.topicName, 'long/topic/a')
  await client.close()
})

test('a message that waits loses of its expiry, and expires', async () => {
  const peer = new ScriptedPeer().accept({ properties: { receiveMaximum: 1 } })
  const options = base()
  const client = await connect(peer.target, options)
  const first = client.publish('t', '1', { qos: 1 })
  const properties = (messageExpiryInterval: number) =>
    ({ qos: 1, properties: { messageExpiryInterval } }) as const
  const expires = assert.rejects(client.publish('t', '2', properties(5)), isCode('expired'))
  const third = client.publish('t', '3', properties(60))
  await options.clock.pass(10_000)
  peer.last.send(ack('puback', 1))
  await first
  await expires
  const [, left] = await peer.last.take('publish')
  assert.equal(left?.properties.messageExpiryInterval, 50)
  peer.last.send(ack('puback', left?.packetIdentifier ?? 0))
  await third
  await client.close()
})

test('close settles by its deadline and says how many were left', async () => {
  const peer = new ScriptedPeer().accept()
  const options = base()
  const client = await connect(peer.target, options)
  const rejected = [1, 2, 3].map((n) =>
    assert.rejects(client.publish('t', `${n}`, { qos: 1 }), isCode('closed')),
  )
  await settle()
  const closing = client.close({ drainMs: 500 })
  await assert.rejects(client.publish('t', 'x'), isCode('closed'))
  peer.last.send(ack('puback', 1))
  rejected.shift()?.catch(() => {})
  await options.clock.pass(500)
  assert.deepEqual(await closing, { left: 2 })
  await Promise.all(rejected)
  assert.equal((await peer.last.types()).at(-1), 'disconnect')
  assert.equal(options.clock.timers, 0)
})

test('close without a connection settles too', async () => {
  const options = base()
  const client = lazyConnect(() => {
    throw new Error('no network')
  }, options)
  const lost = assert.rejects(client.publish('t', 'x', { qos: 1 }), isCode('closed'))
  await options.clock.pass(10)
  const closing = client.close({ drainMs: 300 })
  await options.clock.pass(300)
  assert.deepEqual(await closing, { left: 1 })
  await lost
  assert.equal(client.state, 'stopped')
})

test('a store: sent when it is stored, kept over the end of a client, and resumed', async () => {
  const store = memoryStore()
  const session = { store, expirySeconds: 600 }
  const first = lazyConnect(
    () => {
      throw new Error('no network')
    },
    { ...base(), session },
  )
  await first.enqueue('t', 'kept', { qos: 1 })
  await first.close({ drainMs: 0 })
  assert.equal((await store.load()).messages.length, 1)

  const peer = new ScriptedPeer().accept()
  const second = await connect(peer.target, { ...base(), session })
  const [sent] = await peer.last.take('publish')
  assert.deepEqual([sent?.dup, textOf(sent?.payload)], [false, 'kept'])
  assert.equal((await peer.last.take('connect'))[0]?.cleanStart, false)
  await second.close({ drainMs: 0 })
  assert.deepEqual(
    (await store.load()).messages.map(({ state }) => state),
    ['published'],
  )

  const resumed = new ScriptedPeer().serve({ sessionPresent: true })
  const third = await connect(resumed.target, { ...base(), session })
  const [again] = await resumed.last.take('publish')
  assert.deepEqual([again?.dup, again?.packetIdentifier], [true, sent?.packetIdentifier])
  await settle()
  await third.close()
  assert.deepEqual((await store.load()).messages, [])
})

test('publishAll settles everything, and stops at the first failure', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, base())
  const items = Array.from({ length: 3_000 }, (_, n) => ({
    topic: 't',
    payload: `${n}`,
    qos: 1 as const,
  }))
  assert.deepEqual(await client.publishAll(items), { published: 3_000 })
  const faulty = [
    { topic: 't', payload: '' },
    { topic: '#', payload: '' },
  ]
  await assert.rejects(client.publishAll(faulty), isCode('invalid-topic'))
  await client.close()
})

test('what only JavaScript can ask for is refused here', async () => {
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, base())
  const own: readonly object[] = [{ topicAlias: 1 }, { subscriptionIdentifiers: [1] }]
  for (const properties of own) {
    await assert.rejects(client.publish('t', '', { properties }), isCode('invalid-argument'))
  }
  await assert.rejects(client.subscribe('t', { qos: 3 as 2 }), isCode('invalid-argument'))
  assert.deepEqual(await peer.last.types(), ['connect'])
  await client.close()
  const will = { topic: 't', payload: '' }
  for (const [wrong, code] of [
    [{ qos: 3 as 2 }, 'invalid-argument'],
    [{ topic: 'a/#' }, 'invalid-topic'],
  ] as const) {
    await assert.rejects(connect(peer.target, { will: { ...will, ...wrong } }), isCode(code))
  }
})
