import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import { MqttPublishError } from './errors.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { ack, ScriptedPeer, textOf } from './testing/scripted-peer.ts'
import { settle } from './testing/virtual-clock.ts'

test('publish resolves at the milestone of its QoS', async () => {
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, testOptions())
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
  const client = await connect(peer.target, testOptions())
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
  const client = await connect(peer.target, testOptions())
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

test('what the server does not take is refused here', async () => {
  const properties = { maximumQoS: 1, retainAvailable: 0, maximumPacketSize: 60 } as const
  const peer = new ScriptedPeer().accept({ properties })
  const client = await connect(peer.target, testOptions())
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
  const client = await connect(new ScriptedPeer().accept().target, testOptions())
  await assert.rejects(client.publish('a/+', 'x'), isCode('invalid-topic'))
  await assert.rejects(client.publish('', 'x'), isCode('invalid-topic'))
  for (const payload of [{ a: 1 }, undefined, null, 7, new Float64Array(1), new ArrayBuffer(1)]) {
    for (const qos of [0, 1] as const) {
      const published = client.publish('t', payload as unknown as string, { qos })
      await assert.rejects(published, isCode('invalid-argument'))
    }
  }
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
  const options = testOptions()
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

test('what only JavaScript can ask for is refused here', async () => {
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, testOptions())
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
