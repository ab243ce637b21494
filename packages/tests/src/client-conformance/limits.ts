import assert from 'node:assert/strict'
import { property, puback, pubcomp, publish, pubrec } from '@busbar/conformance/bytes'
import type { ClientCase } from './case.ts'
import { suback } from './raw-server.ts'
import { ignore, textOf } from './send.ts'

const maximumQoS: ClientCase = {
  id: 'limits/maximum-qos',
  title: 'no PUBLISH above the Maximum QoS',
  statements: ['MQTT5-3.2.2-11'],
  versions: [5],
  async run(trial) {
    for (const maximum of [0, 1] as const) {
      const properties = [property.maximumQoS(maximum)]
      const { client, peer } = await trial.connect({}, { properties })
      for (const qos of [1, 2] as const) {
        if (qos <= maximum) continue
        await assert.rejects(client.publish('t', 'x', { qos }), { code: 'qos-not-supported' })
      }
      await peer.quiet()
      ignore(client.publish('t', 'x', { qos: maximum }))
      await peer.expect('publish')
    }
    // What waited before the limit was known as well.
    const client = trial.start()
    const waiting = client.publish('t', 'x', { qos: 2 })
    const refused = assert.rejects(waiting, { code: 'qos-not-supported' })
    const peer = await trial.reconnect({ properties: [property.maximumQoS(1)] })
    await refused
    await peer.quiet()
  },
}

const retain: ClientCase = {
  id: 'limits/retain',
  title: 'no PUBLISH with RETAIN after Retain Available 0',
  statements: ['MQTT5-3.2.2-14'],
  versions: [5],
  async run(trial) {
    const client = trial.start()
    const waiting = client.publish('t', 'x', { qos: 1, retain: true })
    const refused = assert.rejects(waiting, { code: 'retain-not-supported' })
    const peer = await trial.reconnect({ properties: [property.retainAvailable(0)] })
    await refused
    for (const qos of [0, 1] as const) {
      const call = client.publish('t', 'x', { qos, retain: true })
      await assert.rejects(call, { code: 'retain-not-supported' })
    }
    await peer.quiet()
    await client.publish('t', 'x')
    assert.equal((await peer.expect('publish')).firstByte, 0x30)
  },
}

const packetSize: ClientCase = {
  id: 'limits/maximum-packet-size',
  title: "no packet larger than the server's Maximum Packet Size",
  statements: ['MQTT5-3.2.2-15'],
  versions: [5],
  async run(trial) {
    const properties = [property.maximumPacketSize(50)]
    const { client, peer } = await trial.connect({}, { properties })
    for (const qos of [0, 1] as const) {
      const fits = 50 - 2 - 3 - 1 - (qos > 0 ? 2 : 0)
      const tooLarge = client.publish('t', new Uint8Array(fits + 1), { qos })
      await assert.rejects(tooLarge, { code: 'packet-too-large' })
      await peer.quiet()
      ignore(client.publish('t', new Uint8Array(fits), { qos }))
      assert.equal((await peer.expect('publish')).bytes.length, 50)
    }
    await assert.rejects(client.subscribe('a'.repeat(50)), { code: 'packet-too-large' })
    await peer.quiet()
  },
}

const reasonStrings: ClientCase = {
  id: 'limits/no-reason-strings',
  title:
    'acknowledgements and DISCONNECT have no Reason String or User Property that could be too long',
  statements: [
    ...['MQTT5-3.4.2-2', 'MQTT5-3.4.2-3', 'MQTT5-3.5.2-2', 'MQTT5-3.5.2-3', 'MQTT5-3.6.2-2'],
    ...['MQTT5-3.6.2-3', 'MQTT5-3.7.2-2', 'MQTT5-3.7.2-3', 'MQTT5-3.14.2-3', 'MQTT5-3.14.2-4'],
    ...['MQTT5-3.6.2-1', 'MQTT5-3.7.2-1'],
  ],
  versions: [5],
  async run(trial) {
    // As small as lets a SUBSCRIBE through.
    const properties = [property.maximumPacketSize(12)]
    const { peer, subscription } = await trial.subscribe({}, { properties })
    for (const qos of [1, 2] as const) {
      peer.send(publish({ version: 5, topic: 'a', qos, packetId: 1 }))
      ;(await subscription.next()).value?.reject(0x80)
      const { bytes, reasonCode } = await peer.expect(qos === 1 ? 'puback' : 'pubrec')
      assert.ok(bytes.length <= 12)
      assert.equal(reasonCode, 0x80)
    }
    peer.send(pubrec(77))
    const pubrel = await peer.expect('pubrel')
    assert.ok(pubrel.bytes.length <= 12)
    assert.equal(pubrel.reasonCode, 0x92)
    peer.send(Uint8Array.of(0x62, 2, 0, 78))
    const released = await peer.expect('pubcomp')
    assert.ok(released.bytes.length <= 12)
    assert.equal(released.reasonCode, 0x92)
    peer.send(Uint8Array.of(0x00, 0x00))
    const { bytes } = await peer.expect('disconnect')
    assert.ok(bytes.length <= 12)
  },
}

const noAlias: ClientCase = {
  id: 'limits/no-topic-alias',
  title: 'no alias when the Topic Alias Maximum of the server is 0 or absent',
  statements: ['MQTT5-3.2.2-18'],
  versions: [5],
  async run(trial) {
    for (const properties of [[], [property.topicAliasMaximum(0)]]) {
      const { client, peer } = await trial.connect({}, { properties })
      for (let n = 0; n < 3; n++) {
        await client.publish('a/long/enough/topic', 'x')
        const packet = await peer.expect('publish')
        assert.deepEqual([packet.topic, packet.properties.size], ['a/long/enough/topic', 0])
      }
    }
  },
}

const alias: ClientCase = {
  id: 'limits/topic-alias',
  title:
    'aliases stay within the maximum, are announced before they are used, and end with the connection',
  statements: ['MQTT5-3.2.2-17', 'MQTT5-3.3.2-7', 'MQTT5-3.3.2-8', 'MQTT5-3.3.2-9', 'U5-3.3.2-a'],
  versions: [5],
  async run(trial) {
    const fields = { properties: [property.topicAliasMaximum(2)] }
    const { client, peer } = await trial.connect({ reconnect: { minMs: 1 } }, fields)
    const topics = [0, 1, 2, 3].map((n) => `a/long/enough/topic/${n}`)
    let used = 0
    const publishAll = async (to: typeof peer) => {
      const known = new Map<number, string>()
      for (const expected of [...topics, ...topics, ...topics.toReversed()]) {
        await client.publish(expected, 'x')
        const { topic, properties } = await to.expect('publish')
        const number = properties.get(0x23)?.[0]
        if (typeof number === 'number') {
          used++
          assert.ok(number >= 1 && number <= 2, `alias ${number}`)
          if (topic !== '') known.set(number, topic)
          assert.equal(known.get(number), expected)
        } else assert.equal(topic, expected)
      }
    }
    await publishAll(peer)
    peer.cut()
    const next = await trial.reconnect({ ...fields, sessionPresent: true })
    const events = client.events()
    while (client.state !== 'connected') await events.next()
    await publishAll(next)
    assert.ok(used > 0, 'no alias was used')
  },
}

const receiveMaximum: ClientCase = {
  id: 'limits/receive-maximum',
  title: 'at most Receive Maximum unfinished; PUBACK, PUBCOMP and refusals make room, nothing else',
  statements: ['MQTT5-3.3.4-7', 'MQTT5-4.9.0-1', 'MQTT5-4.9.0-2', 'U5-4.9-a'],
  versions: [5],
  async run(trial) {
    const properties = [property.receiveMaximum(3)]
    const { client, peer } = await trial.connect({}, { properties })
    for (let n = 0; n < 9; n++) {
      ignore(client.publish('t', `${n}`, { qos: n % 2 === 0 ? 1 : 2 }))
    }
    const [one, two, three] = await peer.expectMany('publish', 3)
    assert.ok(one !== undefined && two !== undefined && three !== undefined)
    await peer.quiet()
    peer.send(pubrec(two.packetId))
    await peer.expect('pubrel')
    await peer.quiet() // PUBREC makes no room
    peer.send(pubcomp(two.packetId, 0x92))
    const four = await peer.expect('publish')
    await peer.quiet()
    peer.send(puback(one.packetId, 0x80), pubrec(four.packetId, 0x80))
    const [five] = await peer.expectMany('publish', 2)
    await peer.quiet()
    // An acknowledgement again, or of nothing, makes no room: the quota never rises above its start.
    peer.send(puback(one.packetId === five?.packetId ? 50_000 : 50_001), pubcomp(50_002))
    await peer.quiet()
    peer.send(puback(three.packetId))
    await peer.expect('publish')
    await peer.quiet()
  },
}

const defaultMaximum: ClientCase = {
  id: 'limits/receive-maximum-anew',
  title: 'each connection begins with the Receive Maximum of its CONNACK, for resent messages too',
  statements: ['MQTT5-4.9.0-1', 'MQTT5-4.9.0-2', 'U5-4.9-a'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect({ reconnect: { minMs: 1 } })
    for (let n = 0; n < 6; n++) ignore(client.publish('t', `${n}`, { qos: 1 }))
    await peer.expectMany('publish', 6)
    peer.cut()
    const properties = [property.receiveMaximum(2)]
    const next = await trial.reconnect({ sessionPresent: true, properties })
    const resent = await next.expectMany('publish', 2)
    assert.deepEqual(resent.map(textOf), ['0', '1'])
    await next.quiet()
    next.send(puback(resent[0]?.packetId ?? 0))
    assert.equal(textOf(await next.expect('publish')), '2')
    await next.quiet()
  },
}

const windowFull: ClientCase = {
  id: 'limits/full-window',
  title: 'a full window holds nothing else back',
  statements: ['MQTT5-3.3.4-8', 'MQTT5-4.9.0-3'],
  versions: [5],
  async run(trial) {
    const clock = trial.clock()
    const properties = [property.receiveMaximum(1)]
    const { client, peer } = await trial.connect({ clock, keepAlive: 10 }, { properties })
    for (let n = 0; n < 3; n++) ignore(client.publish('t', `${n}`, { qos: 1 }))
    const first = await peer.expect('publish')
    const subscribing = client.subscribe('a', { qos: 2, ack: 'manual' })
    const { packetId } = await peer.expect('subscribe')
    peer.send(suback(5, packetId, 2), publish({ version: 5, topic: 'a', qos: 1, packetId: 1 }))
    const subscription = await subscribing
    ;(await subscription.next()).value?.ack()
    await peer.expect('puback')
    await client.publish('t', 'zero')
    assert.equal(textOf(await peer.expect('publish')), 'zero')
    clock.pass(10_000)
    await peer.expect('pingreq')
    ignore(subscription.close())
    await peer.expect('unsubscribe')
    peer.send(puback(first.packetId))
    assert.equal(textOf(await peer.expect('publish')), '1')
  },
}

export const limitCases: readonly ClientCase[] = [
  ...[maximumQoS, retain, packetSize, reasonStrings, noAlias, alias, receiveMaximum],
  ...[defaultMaximum, windowFull],
]
