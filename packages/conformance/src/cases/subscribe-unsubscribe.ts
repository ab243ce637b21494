import assert from 'node:assert/strict'
import { concat, hex, packet, pubcomp, pubrec, u16, unsubscribe } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'
import { rejectsEach } from './rejects-each.ts'

const answerCases: readonly Case[] = [
  {
    id: 'subscribe/unsuback',
    title: 'answers each UNSUBSCRIBE, also where it deletes nothing',
    statements: [
      'MQTT5-3.10.4-4',
      'MQTT5-3.10.4-5',
      'MQTT5-3.11.3-2',
      'MQTT3-3.10.4-4',
      'MQTT3-3.10.4-5',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const five = t.version === 5
      const peer = await t.subscriber()
      for (const [packetId, code] of [
        [7, 0x00],
        [0xffff, 0x11],
      ] as const) {
        peer.send(unsubscribe({ version: t.version, packetId, filters: [t.topic()] }))
        const { bytes } = await peer.expect('unsuback', { packetId }, 1_000)
        const tail = five ? Uint8Array.of(0, code) : new Uint8Array()
        assert.deepEqual(bytes, concat(0xb0, five ? 4 : 2, u16(packetId), tail))
      }
    },
  },
  {
    id: 'subscribe/unsubscribe-many',
    title: 'treats the Topic Filters of one UNSUBSCRIBE like several in order, with one answer',
    statements: [
      'MQTT5-3.10.4-6',
      'MQTT5-3.11.3-1',
      'MQTT5-3.11.3-2',
      'MQTT3-3.10.4-6',
      'MQTT3-3.10.4-2',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const [a, b, c] = [t.topic('a'), t.topic('b'), t.topic('c')]
      const peer = await t.connect()
      await peer.subscribe([a, b, c])
      const first = await peer.unsubscribe(a, a)
      if (t.version === 5) assert.deepEqual(first.reasonCodes, [0x00, 0x11])
      const second = await peer.unsubscribe(b, t.topic('unknown'), c)
      if (t.version === 5) assert.deepEqual(second.reasonCodes, [0x00, 0x11, 0x00])
      const publisher = await t.connect()
      for (const topic of [a, b, c]) await publisher.publish(topic, 'x', { qos: 1 })
      await peer.expectNoMessage()
    },
  },
  {
    id: 'subscribe/unsubscribe-exact',
    title: 'deletes the subscription whose filter is equal, and no other',
    statements: ['MQTT5-3.10.4-1', 'MQTT5-3.10.4-5', 'MQTT3-3.10.4-1', 'MQTT3-3.10.4-5'],
    versions: [5, 4, 3],
    async run(t) {
      const subscriber = await t.connect()
      await subscriber.subscribe([t.topic('a/+'), t.topic('a/b')], { qos: 1 })
      const others = [t.topic('a/#'), t.topic('a/B'), t.topic('a/b/'), t.topic('#')]
      const none = await subscriber.unsubscribe(...others)
      if (t.version === 5) assert.deepEqual(none.reasonCodes, [0x11, 0x11, 0x11, 0x11])
      await subscriber.unsubscribe(t.topic('a/+'))
      const publisher = await t.connect()
      await publisher.publish(t.topic('a/c'), 'of a/+', { qos: 1 })
      await publisher.publish(t.topic('a/b'), 'of a/b', { qos: 1 })
      await subscriber.message({ payload: 'of a/b' })
      await subscriber.expectNoMessage()
    },
  },
]

const effectCases: readonly Case[] = [
  {
    id: 'subscribe/unsubscribe-stops',
    title: 'delivers no new messages after UNSUBACK, also not through the Session',
    statements: ['MQTT5-3.10.4-2', 'MQTT3-3.10.4-2'],
    versions: [5, 4, 3],
    async run(t) {
      const subscriber = await t.subscriber(t.topic(), { connect: lasting() })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'before', { qos: 1 })
      await subscriber.message({ payload: 'before' })
      await subscriber.unsubscribe(t.topic())
      await publisher.publish(t.topic(), 'behind', { qos: 1 })
      await subscriber.expectNoMessage()
      await subscriber.disconnect()
      await publisher.publish(t.topic(), 'offline', { qos: 1 })
      await (await resume(t, subscriber)).expectNoMessage()
    },
  },
  {
    id: 'subscribe/unsubscribe-in-flight',
    title: 'completes the deliveries that had begun before UNSUBSCRIBE',
    statements: ['MQTT5-3.10.4-3', 'MQTT3-3.10.4-3'],
    versions: [5, 4],
    async run(t) {
      const subscriber = await t.subscriber(t.topic(), { connect: lasting() })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'one', { qos: 1 })
      await publisher.publish(t.topic(), 'two', { qos: 2 })
      const one = await subscriber.pick('publish', { payload: 'one' })
      const two = await subscriber.pick('publish', { payload: 'two' })
      await subscriber.unsubscribe(t.topic())
      subscriber.send(pubrec(two.packetId))
      await subscriber.expect('pubrel', { packetId: two.packetId })
      subscriber.send(pubcomp(two.packetId))
      await subscriber.ping()
      subscriber.abort()
      const again = await resume(t, subscriber)
      await again.message({ payload: 'one', packetId: one.packetId, dup: true })
      await again.expectNoMessage()
    },
  },
]

/** The Server refuses each packet of a subscriber to `t.topic()` and keeps the subscription. */
async function deletesNothing(t: Trial, rows: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await t.each(rows, async (bytes) => {
    const peer = await t.subscriber(t.topic(), { connect: lasting() })
    peer.send(bytes)
    await peer.rejects([0x81])
    const again = await resume(t, peer)
    const publisher = await t.connect()
    await publisher.publish(t.topic(), 'still subscribed', { qos: 1 })
    await again.message({ payload: 'still subscribed' })
  })
}

const refusedCases: readonly Case[] = [
  {
    id: 'subscribe/unsubscribe-nothing',
    title: 'refuses an UNSUBSCRIBE without a Topic Filter',
    statements: ['MQTT5-3.10.3-2', 'MQTT5-4.13.1-1', 'MQTT3-3.10.3-2', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const start = t.version === 5 ? hex('0001 00') : hex('0001')
      const rows = { 'no filter': packet(0xa2, start), 'cut off': packet(0xa2, start, hex('0005')) }
      await rejectsEach(t, rows, [0x82, 0x81])
    },
  },
  {
    id: 'subscribe/unsubscribe-flags',
    title: 'deletes nothing for an UNSUBSCRIBE with wrong flags',
    statements: ['MQTT5-3.10.1-1', 'MQTT3-3.10.1-1'],
    versions: [5, 4],
    async run(t) {
      const [, ...rest] = unsubscribe({ version: t.version, filters: [t.topic()] })
      await deletesNothing(t, { A0: Uint8Array.of(0xa0, ...rest) })
    },
  },
  {
    id: 'subscribe/unsubscribe-ill-formed',
    title: 'deletes nothing for an UNSUBSCRIBE with an ill-formed filter',
    statements: ['MQTT5-3.10.3-1', 'MQTT3-3.10.3-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      await deletesNothing(t, {
        alone: unsubscribe({ version, filters: [hex('ff')] }),
        'behind a good one': unsubscribe({ version, filters: [t.topic(), hex('ff')] }),
      })
    },
  },
]

export const unsubscribeCases: readonly Case[] = [...answerCases, ...effectCases, ...refusedCases]
