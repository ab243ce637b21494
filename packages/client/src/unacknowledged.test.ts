import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, lazyConnect } from './connect.ts'
import { memoryStore } from './store/memory.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { ack, ScriptedPeer, textOf } from './testing/scripted-peer.ts'
import { settle } from './testing/virtual-clock.ts'

test('resume sends PUBREL first, then the whole window with DUP in order, then new messages', async () => {
  const peer = new ScriptedPeer().accept({ sessionPresent: true })
  const options = { ...testOptions(), session: { cleanStart: false } }
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
  const options = testOptions()
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
  const options = { ...testOptions(), session: { requeueWhenLost: false } }
  const client = await connect(peer.target, options)
  const lost = assert.rejects(client.publish('t', 'one', { qos: 1 }), isCode('session-lost'))
  await settle()
  peer.last.cut()
  await options.clock.pass(1_000)
  await lost
  await client.close()
})

test('a store: sent when it is stored, kept over the end of a client, and resumed', async () => {
  const store = memoryStore()
  const session = { store, expirySeconds: 600 }
  const first = lazyConnect(
    () => {
      throw new Error('no network')
    },
    { ...testOptions(), session },
  )
  await first.enqueue('t', 'kept', { qos: 1 })
  await first.close({ drainMs: 0 })
  assert.equal((await store.load()).messages.length, 1)

  const peer = new ScriptedPeer().accept()
  const second = await connect(peer.target, { ...testOptions(), session })
  const [sent] = await peer.last.take('publish')
  assert.deepEqual([sent?.dup, textOf(sent?.payload)], [false, 'kept'])
  assert.equal((await peer.last.take('connect'))[0]?.cleanStart, false)
  await second.close({ drainMs: 0 })
  assert.deepEqual(
    (await store.load()).messages.map(({ state }) => state),
    ['published'],
  )

  const resumed = new ScriptedPeer().serve({ sessionPresent: true })
  const third = await connect(resumed.target, { ...testOptions(), session })
  const [again] = await resumed.last.take('publish')
  assert.deepEqual([again?.dup, again?.packetIdentifier], [true, sent?.packetIdentifier])
  await settle()
  await third.close()
  assert.deepEqual((await store.load()).messages, [])
})
