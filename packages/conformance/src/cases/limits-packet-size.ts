import assert from 'node:assert/strict'
import { hex, property, publish, varint } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'

const limit = [property.maximumPacketSize(100)]

/** A payload with which a PUBLISH on this topic has `size` bytes in all. */
function filling(size: number, topic: string, qos: 0 | 1 | 2 = 0): Uint8Array {
  const without = publish({ version: 5, topic, qos })
  // Two bytes of Remaining Length instead of one.
  const longer = size > 129 ? 1 : 0
  return new Uint8Array(size - without.length - longer).fill(0x78)
}

const clientLimitCases: readonly Case[] = [
  {
    id: 'limits/client-packet-size',
    title: 'sends a client packets up to its Maximum Packet Size, and none that is larger',
    statements: ['MQTT5-3.1.2-24'],
    versions: [5],
    async run(t) {
      await t.each({ 'QoS 0': 0, 'QoS 1': 1, 'QoS 2': 2 } as const, async (qos) => {
        const topic = t.topic(`${qos}`)
        const client = await t.subscriber(topic, { connect: { properties: limit } })
        const publisher = await t.connect()
        await publisher.publish(topic, filling(101, topic, qos), { qos })
        await publisher.publish(topic, filling(100, topic, qos), { qos })
        const { bytes } = await client.message({ payload: filling(100, topic, qos) })
        assert.equal(bytes.length, 100)
        await client.expectNoMessage(500)
      })
    },
  },
  {
    id: 'limits/client-packet-size-properties',
    title: 'counts properties as part of the packet that must fit',
    statements: ['MQTT5-3.1.2-24', 'MQTT5-3.1.2-25'],
    versions: [5],
    async run(t) {
      const client = await t.subscriber(t.topic(), { connect: { properties: limit } })
      const publisher = await t.connect()
      const properties = [property.userProperty('name', 'value'.repeat(20))]
      await publisher.publish(t.topic(), 'with', { qos: 1, properties })
      await publisher.publish(t.topic(), 'without', { qos: 1 })
      await client.message({ payload: 'without' })
      await client.expectNoMessage(500)
    },
  },
  {
    id: 'limits/too-large-is-delivered',
    title: 'drops a message that is too large for one client and takes it for delivered',
    statements: ['MQTT5-3.1.2-25'],
    versions: [5],
    async run(t) {
      const properties = [...limit, property.receiveMaximum(1)]
      const client = await t.subscriber(t.topic(), { connect: lasting(...properties) })
      const other = await t.subscriber()
      const publisher = await t.connect()
      for (const qos of [1, 2] as const) {
        await publisher.publish(t.topic(), filling(200, t.topic(), qos), { qos })
        await publisher.publish(t.topic(), 'small', { qos })
        await client.message({ payload: 'small', qos }, 1_000)
        assert.equal((await other.take(2)).length, 2)
      }
      await client.disconnect()
      const again = await resume(t, client)
      await again.expectNoMessage()
    },
  },
  {
    id: 'limits/too-large-in-queue',
    title: 'drops a message that waited and is too large for the client that comes back',
    statements: ['MQTT5-3.1.2-25', 'MQTT5-3.1.2-24'],
    versions: [5],
    async run(t) {
      const client = await t.subscriber(t.topic(), { connect: lasting() })
      await client.disconnect()
      const publisher = await t.connect()
      for (const qos of [1, 2] as const) {
        await publisher.publish(t.topic(), filling(200, t.topic(), qos), { qos })
        await publisher.publish(t.topic(), `small ${qos}`, { qos })
      }
      const again = await resume(t, client, ...limit, property.receiveMaximum(1))
      await again.message({ payload: 'small 1' })
      await again.message({ payload: 'small 2' })
      await again.expectNoMessage(500)
      await again.disconnect()
      await (await resume(t, client)).expectNoMessage(500)
    },
  },
  {
    id: 'limits/refusal-size',
    title: 'keeps the texts of a CONNACK that refuses within the limit of the client',
    statements: ['MQTT5-3.2.2-19', 'MQTT5-3.2.2-20', 'MQTT5-3.1.2-24'],
    versions: [5],
    async run(t) {
      await t.each({ '10 bytes': 10, '5 bytes': 5, '20 bytes': 20 }, async (size) => {
        const properties = [
          property.maximumPacketSize(size),
          property.authenticationMethod('NOPE'),
          property.userProperty('name', 'value'.repeat(20)),
        ]
        const connack = await t.refused({ properties }, [0x8c, 0x87])
        assert.ok((connack?.bytes.length ?? 0) <= size, `${connack}`)
      })
    },
  },
  {
    id: 'limits/connack-size',
    title: 'sends no CONNACK beyond the limit of the client, not even to accept',
    statements: ['MQTT5-3.1.2-24'],
    versions: [5],
    async run(t) {
      const rows = Object.fromEntries([1, 4, 5, 10, 15, 20, 30, 50].map((size) => [size, size]))
      await t.each(rows, async (size) => {
        const peer = await t.open()
        const properties = [property.maximumPacketSize(size)]
        peer.send(t.connectBytes({ clientId: '', properties }))
        const answer = await peer.receiveUnlessClosed()
        if (answer !== undefined) assert.equal(answer.type, 'connack')
        assert.ok((answer?.bytes.length ?? 0) <= size, `${answer} has more than ${size} bytes`)
      })
    },
  },
]

const serverLimitCases: readonly Case[] = [
  {
    id: 'limits/server-packet-size',
    title: 'takes a packet of its Maximum Packet Size and refuses a larger one at its header',
    statements: ['U5-3.2.2-c', 'MQTT5-3.2.2-15'],
    versions: [5],
    profile: 'small-limits',
    async run(t) {
      const client = await t.subscriber()
      const maximum = client.connack.property('maximumPacketSize') ?? 0
      assert.ok(maximum > 0, `no Maximum Packet Size in ${client.connack}`)
      await client.publish(t.topic(), filling(maximum, t.topic(), 1), { qos: 1 })
      await client.message({ payload: filling(maximum, t.topic(), 1) })
      const remaining = maximum - varint(maximum).length
      // One byte more, by its first bytes alone.
      client.send(0x30, varint(remaining), hex('00'))
      await client.rejects([0x95])
      const bystander = await t.connect()
      await bystander.ping()
    },
  },
  {
    id: 'limits/server-packet-size-huge',
    title: 'refuses a packet of 256 MB at its header and disturbs nobody else',
    statements: ['U5-3.2.2-c', 'MQTT5-3.2.2-15'],
    versions: [5],
    profile: 'small-limits',
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const { client, watcher } = await t.withWill()
      client.send(hex('30 ffffff7f'))
      await client.rejects([0x95])
      await watcher.message({ payload: 'will' })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
]

export const packetSizeCases: readonly Case[] = [...clientLimitCases, ...serverLimitCases]
