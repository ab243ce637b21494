import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { publish, ScriptedPeer } from './testing/scripted-peer.ts'
import { settle } from './testing/virtual-clock.ts'

test('QoS 0 beyond the buffer: the oldest go when the reader is too slow, and are counted', async () => {
  const peer = new ScriptedPeer().serve()
  const options = testOptions()
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 0, bufferSize: 4 })
  peer.last.send(...[1, 2, 3, 4, 5, 6].map((n) => publish(0, 0, { payload: new Uint8Array([n]) })))
  await settle()
  assert.equal(client.stats.received, 4) // a reader that is only a little late loses nothing
  await options.clock.pass(20)
  assert.equal(subscription.dropped, 2)
  const read = []
  for (let n = 0; n < 4; n++) read.push((await subscription.next()).value?.payload[0])
  assert.deepEqual(read, [3, 4, 5, 6])
  await client.close()
})

test('QoS 0 with pause loses nothing', async () => {
  const peer = new ScriptedPeer().serve()
  const options = testOptions()
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 0, bufferSize: 4, whenFull: 'pause' })
  peer.last.send(...[1, 2, 3, 4, 5, 6].map((n) => publish(0, 0, { payload: new Uint8Array([n]) })))
  await options.clock.pass(5_000)
  const read = []
  for (let n = 0; n < 6; n++) read.push((await subscription.next()).value?.payload[0])
  assert.deepEqual(read, [1, 2, 3, 4, 5, 6])
  assert.equal(subscription.dropped, 0)
  await client.close()
})

test('next can be aborted and takes nothing then', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, testOptions())
  const subscription = await client.subscribe('t')
  const abort = new AbortController()
  const aborted = assert.rejects(subscription.next({ signal: abort.signal }), isCode('aborted'))
  abort.abort()
  await aborted
  peer.last.send(publish(0, 0))
  assert.equal((await subscription.next()).value?.text(), '0')
  await client.close()
  assert.deepEqual(await subscription.next(), { done: true, value: undefined })
})

test('map, filter, batch and streams', async () => {
  const peer = new ScriptedPeer().serve()
  const options = testOptions()
  const client = await connect(peer.target, options)
  const send = (topicName: string, ...numbers: number[]) =>
    peer.last.send(...numbers.map((n) => publish(n, 1, { topicName })))
  const mapped = (await client.subscribe('map')).map((message) => message.text())
  send('map', 1)
  assert.equal((await mapped.next()).value, '1')
  const filtered = (await client.subscribe('filter')).filter((message) => message.text() !== '2')
  send('filter', 2, 3)
  assert.equal((await filtered.next()).value?.text(), '3')
  const batches = (await client.subscribe('batch')).batch(2, 50)
  send('batch', 4, 5, 6)
  assert.equal((await batches.next()).value?.length, 2)
  const rest = batches.next()
  await options.clock.pass(50)
  assert.deepEqual(
    (await rest).value?.map((message) => message.text()),
    ['6'],
  )
  const reader = (await client.subscribe('stream')).toReadableStream().getReader()
  send('stream', 7)
  assert.equal((await reader.read()).value?.text(), '7')
  const before = (await peer.last.take('puback')).map((packet) => packet.packetIdentifier)
  assert.equal(before.includes(7), false)
  await reader.cancel()
  await client.close()
})
