import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parts } from '#platform'
import { connect, lazyConnect } from './connect.ts'
import { ClientError, MqttSubscribeError } from './errors.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { ack, connack, publish, ScriptedPeer, suback, textOf } from './testing/scripted-peer.ts'
import { settle } from './testing/virtual-clock.ts'

// As in a page, which loads `upkeep` behind the first CONNACK: here it comes when the test says so.

/** Holds `upkeep` back until it is released. */
function heldUpkeep() {
  const { upkeep } = parts
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  parts.upkeep = async () => {
    await released
    return await upkeep()
  }
  return {
    async release() {
      release()
      await settle()
    },
    [Symbol.dispose]() {
      parts.upkeep = upkeep
    },
  }
}

const identified = (packetIdentifier: number, qos: 0 | 1 | 2) =>
  publish(packetIdentifier, qos, { properties: { subscriptionIdentifiers: [1] } })

test('the first messages need no upkeep', async () => {
  using held = heldUpkeep()
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, testOptions())
  const subscription = await client.subscribe('t')
  assert.equal((await client.publish('t', 'x', { qos: 1 })).stage, 'puback')
  assert.equal((await client.publish('t', 'x')).stage, 'sent')
  peer.last.send(identified(7, 1))
  assert.equal((await subscription.next()).value?.text(), '7')
  void subscription.next()
  assert.equal((await peer.last.take('puback'))[0]?.packetIdentifier, 7)
  await client.close()
  assert.equal((await peer.last.types()).at(-1), 'disconnect')
  await held.release()
})

const laterPackets = [
  ['QoS 2', () => identified(2, 2)],
  ['a Topic Alias', () => publish(2, 1, { topicName: 't', properties: { topicAlias: 1 } })],
  ['no Subscription Identifier', () => publish(2, 1)],
] as const
for (const [name, packet] of laterPackets) {
  test(`a PUBLISH with ${name} waits for upkeep, and all behind it`, async () => {
    using held = heldUpkeep()
    const peer = new ScriptedPeer().serve()
    const client = await connect(peer.target, testOptions())
    const subscription = await client.subscribe('t', { qos: 2 })
    peer.last.send(identified(1, 1), packet(), identified(3, 1))
    assert.equal((await subscription.next()).value?.text(), '1')
    peer.last.send(identified(4, 1))
    await settle()
    assert.equal(subscription.buffered, 0)
    await held.release()
    const read = []
    for (let n = 0; n < 3; n++) read.push((await subscription.next()).value?.text())
    assert.deepEqual(read, ['2', '3', '4'])
    assert.equal(client.stats.received, 4)
    await client.close()
  })
}

test('QoS 2, refusals and UNSUBSCRIBE wait for upkeep', async () => {
  using held = heldUpkeep()
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, testOptions())
  const settled: string[] = []
  const note = (name: string, promise: Promise<unknown>) =>
    promise.then(
      () => settled.push(name),
      ({ code }: ClientError) => settled.push(`${name} ${code}`),
    )
  const all = [
    note('qos 2', client.publish('t', '', { qos: 2 })),
    note('refused', client.publish('t', '', { qos: 1 })),
    note('denied', client.subscribe('denied')),
  ]
  const granted = client.subscribe('granted')
  const [, subscribe] = await peer.last.take('subscribe')
  assert.ok(subscribe)
  peer.last.send(suback(subscribe))
  all.push(note('left', (await granted).close()))
  const packetIdentifier = subscribe.packetIdentifier - 1
  peer.last.send(
    ack('pubrec', 1),
    ack('puback', 2, 0x87),
    { type: 'suback', packetIdentifier, properties: {}, reasonCodes: [0x87] },
    ack('pubcomp', 1),
  )
  await settle()
  assert.deepEqual(settled, [])
  assert.equal((await peer.last.types()).includes('unsubscribe'), false)
  await held.release()
  const [unsubscribe] = await peer.last.take('unsubscribe')
  assert.deepEqual(unsubscribe?.topicFilters, ['granted'])
  peer.last.send({
    type: 'unsuback',
    packetIdentifier: unsubscribe?.packetIdentifier ?? 0,
    properties: {},
    reasonCodes: [0],
  })
  await Promise.all(all)
  assert.deepEqual(settled.toSorted(), [
    'denied subscribe-refused',
    'left',
    'qos 2',
    'refused publish-refused',
  ])
  await client.close()
})

test('a message that can expire waits for upkeep, in its order', async () => {
  using held = heldUpkeep()
  const peer = new ScriptedPeer().serve()
  const options = testOptions()
  const client = await connect(peer.target, options)
  const properties = { messageExpiryInterval: 60 }
  const all = [
    client.publish('t', '1', { qos: 1 }),
    client.publish('t', '2', { qos: 1, properties }),
    client.publish('t', '3', { qos: 1 }),
    client.publish('t', 'too late', { qos: 0, properties: { messageExpiryInterval: 5 } }),
  ]
  const late = assert.rejects(all[3] as Promise<unknown>, isCode('expired'))
  await options.clock.pass(10_000)
  assert.equal((await peer.last.take('publish')).length, 1)
  await held.release()
  await Promise.all(all.slice(0, 3))
  await late
  const sent = await peer.last.take('publish')
  assert.deepEqual(
    sent.map((packet) => [textOf(packet.payload), packet.properties.messageExpiryInterval]),
    [
      ['2', 50],
      ['3', undefined],
    ],
  )
  await client.close()
})

test('nothing is sent before what keeps the limits of the server is there', async () => {
  using held = heldUpkeep()
  const peer = new ScriptedPeer().serve({ properties: { maximumQoS: 1 } })
  const client = lazyConnect(peer.target, testOptions())
  const taken = client.publish('t', 'x', { qos: 1 })
  const refused = assert.rejects(client.publish('t', 'x', { qos: 2 }), isCode('qos-not-supported'))
  await settle()
  assert.deepEqual([client.state, await peer.last.types()], ['connecting', ['connect']])
  await held.release()
  await taken
  await refused
  assert.equal(client.state, 'connected')
  await client.close()
})

test('a refused connection is told of when upkeep is there', async () => {
  using held = heldUpkeep()
  const peer = new ScriptedPeer().accept({ reasonCode: 0x87 })
  const opening = assert.rejects(connect(peer.target, testOptions()), isCode('connect-refused'))
  await settle()
  await held.release()
  await opening
})

test('a page that cannot load upkeep gives up the connection, and tries again every second', async () => {
  const { upkeep } = parts
  parts.upkeep = () => Promise.reject(new ClientError('transport-failed', 'not there'))
  const peer = new ScriptedPeer().serve()
  const options = testOptions()
  const client = lazyConnect(peer.target, options)
  const events = client.events()
  try {
    await settle()
    const held = client.publish('t', 'kept', { qos: 1 })
    await options.clock.pass(3_000)
    assert.equal(peer.connections.length, 1)
    parts.upkeep = upkeep
    await options.clock.pass(3_000)
    assert.equal((await held).stage, 'puback')
    assert.equal(peer.connections.length, 2)
  } finally {
    parts.upkeep = upkeep
  }
  await client.close()
  const reasons = new Set<string>()
  for await (const event of events) {
    if (event.type === 'disconnected') reasons.add(event.error.message)
  }
  assert.deepEqual([...reasons], ['not there'])
})

test('the client ends while upkeep is not there', async () => {
  using held = heldUpkeep()
  const peer = new ScriptedPeer()
  peer.onPacket = (packet, connection) => {
    if (packet.type === 'connect') connection.send(connack())
    if (packet.type === 'subscribe') connection.send(suback(packet))
  }
  const client = await connect(peer.target, testOptions())
  const subscription = await client.subscribe('t')
  const left = subscription.close()
  const lost = assert.rejects(client.publish('t', '', { qos: 2 }), isCode('closed'))
  const denied = assert.rejects(
    client.subscribe('u', { signal: AbortSignal.abort() }),
    (error) => !(error instanceof MqttSubscribeError),
  )
  await client.close({ drainMs: 0 })
  await Promise.all([left, lost, denied])
  assert.equal((await peer.last.types()).at(-1), 'disconnect')
  await held.release()
})
