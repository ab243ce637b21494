import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, lazyConnect } from './connect.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { ack, ScriptedPeer, textOf } from './testing/scripted-peer.ts'
import { settle } from './testing/virtual-clock.ts'

const policies = [
  ['reject', 'outbox-full', ['0', '1']],
  ['drop-oldest', 'dropped', ['1', '2']],
] as const
for (const [whenFull, code, kept] of policies) {
  test(`a full outbox with ${whenFull}`, async () => {
    const peer = new ScriptedPeer()
    const client = lazyConnect(peer.target, {
      ...testOptions(),
      outbox: { maxMessages: 2, whenFull },
    })
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
  const client = await connect(peer.target, { ...testOptions(), outbox: { maxBytes: 100 } })
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
    const client = lazyConnect(peer.target, { ...testOptions(), outbox: { qos0WhileOffline } })
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

test('an abort before sending takes the message back, afterwards it only detaches', async () => {
  const peer = new ScriptedPeer().accept({ properties: { receiveMaximum: 1 } })
  const client = await connect(peer.target, testOptions())
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

test('a message that waits loses of its expiry, and expires', async () => {
  const peer = new ScriptedPeer().accept({ properties: { receiveMaximum: 1 } })
  const options = testOptions()
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
  const options = testOptions()
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
  const options = testOptions()
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

test('publishAll settles everything, and stops at the first failure', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, testOptions())
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
