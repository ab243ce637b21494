import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import { testOptions } from './testing/client-options.ts'
import { ack, publish, ScriptedPeer } from './testing/scripted-peer.ts'
import { settle } from './testing/virtual-clock.ts'

test('auto: acknowledged when the next one is asked for; a break leaves the rest unacknowledged', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, testOptions())
  const subscription = await client.subscribe('t', { qos: 1 })
  peer.last.send(publish(1, 1), publish(2, 1), publish(3, 1))
  await settle()
  let count = 0
  for await (const _ of subscription) if (++count === 2) break
  const acknowledged = await peer.last.take('puback')
  assert.deepEqual(
    acknowledged.map(({ packetIdentifier }) => packetIdentifier),
    [1],
  )
  assert.equal((await peer.last.take('unsubscribe')).length, 1)
  await client.close()
})

test('manual: any order, the wire keeps the order of arrival', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, testOptions())
  const subscription = await client.subscribe('t', { qos: 2, ack: 'manual' })
  peer.last.send(publish(1, 1), publish(2, 2), publish(3, 1), publish(4, 2))
  const messages = []
  for (let n = 0; n < 4; n++) messages.push((await subscription.next()).value)
  messages[3]?.ack()
  messages[2]?.reject(0x99)
  assert.deepEqual(await peer.last.take('puback'), [])
  messages[1]?.ack()
  messages[0]?.ack()
  messages[0]?.ack()
  const sent = (await peer.last.take('puback')).map(({ packetIdentifier, reasonCode }) => [
    packetIdentifier,
    reasonCode,
  ])
  assert.deepEqual(sent, [
    [1, 0],
    [3, 0x99],
  ])
  assert.deepEqual(
    (await peer.last.take('pubrec')).map(({ packetIdentifier }) => packetIdentifier),
    [2, 4],
  )
  await client.close()
})

test('the window stays closed until the consumer has finished, and more is a violation', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...testOptions(), receiveMaximum: 3 })
  const subscription = await client.subscribe('t', { qos: 1, ack: 'manual' })
  assert.equal((await peer.last.take('connect'))[0]?.properties.receiveMaximum, 3)
  peer.last.send(publish(1, 1), publish(2, 1), publish(3, 1))
  await settle()
  assert.deepEqual(await peer.last.take('puback'), [])
  ;(await subscription.next()).value?.ack()
  assert.equal((await peer.last.take('puback')).length, 1)
  peer.last.send(publish(4, 1), publish(5, 1))
  assert.equal((await peer.last.take('disconnect'))[0]?.reasonCode, 0x93)
  await client.close({ drainMs: 0 })
})

test('QoS 2 is delivered once, whatever is repeated', async () => {
  const peer = new ScriptedPeer().serve({ sessionPresent: true })
  const options = { ...testOptions(), session: { cleanStart: false } }
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 2, ack: 'manual' })
  peer.last.send(publish(1, 2), publish(2, 2))
  const first = (await subscription.next()).value
  const second = (await subscription.next()).value
  peer.last.cut()
  await settle()
  first?.ack() // while there is no connection
  await options.clock.pass(1_000)
  peer.last.send(publish(1, 2, { dup: true }), publish(2, 2, { dup: true }))
  assert.deepEqual(
    (await peer.last.take('pubrec')).map(({ packetIdentifier }) => packetIdentifier),
    [1],
  )
  second?.ack()
  assert.deepEqual(
    (await peer.last.take('pubrec')).map(({ packetIdentifier }) => packetIdentifier),
    [2],
  )
  assert.equal(subscription.buffered, 0)
  peer.last.send(ack('pubrel', 9)) // the others come by themselves
  const completed = (await peer.last.take('pubcomp')).map(({ packetIdentifier, reasonCode }) => [
    packetIdentifier,
    reasonCode,
  ])
  assert.deepEqual(completed, [
    [1, 0],
    [2, 0],
    [9, 0x92],
  ])
  await client.close()
})

test('an acknowledgement of an earlier connection is not sent on this one', async () => {
  const peer = new ScriptedPeer().serve({ sessionPresent: true })
  const options = { ...testOptions(), session: { cleanStart: false } }
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 1, ack: 'manual' })
  peer.last.send(publish(1, 1))
  const old = (await subscription.next()).value
  peer.last.cut()
  await options.clock.pass(1_000)
  old?.ack()
  assert.deepEqual(await peer.last.take('puback'), [])
  peer.last.send(publish(1, 1, { dup: true }))
  const again = (await subscription.next()).value
  assert.equal(again?.dup, true)
  again?.ack()
  assert.equal((await peer.last.take('puback')).length, 1)
  await client.close()
})

test('what a closed subscription has left does not stand in the way of others', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...testOptions(), receiveMaximum: 2 })
  const left = await client.subscribe('left', { qos: 1, ack: 'manual' })
  const right = await client.subscribe('right', { qos: 1, ack: 'manual' })
  peer.last.send(publish(1, 1, { topicName: 'left' }))
  await settle()
  await left.close()
  assert.deepEqual(await peer.last.take('puback'), [])
  peer.last.send(publish(2, 1, { topicName: 'right' }))
  ;(await right.next()).value?.ack()
  assert.deepEqual(
    (await peer.last.take('puback')).map(({ packetIdentifier }) => packetIdentifier),
    [1, 2],
  )
  await client.close()
})

test('3.1.1 stops reading where 5.0 has Receive Maximum', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...testOptions(), version: 4, receiveMaximum: 2 })
  const subscription = await client.subscribe('t', { qos: 1, ack: 'manual' })
  peer.last.send(...[1, 2, 3, 4, 5].map((n) => publish(n, 1)))
  await settle()
  assert.equal(client.stats.received, 2)
  ;(await subscription.next()).value?.ack()
  await settle()
  assert.equal(client.stats.received, 3)
  await client.close()
})
