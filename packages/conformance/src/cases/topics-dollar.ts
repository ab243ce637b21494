import assert from 'node:assert/strict'
import { subscribe } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'

/** A subscriber whose SUBACK may have any code: who may read `$` topics is the Server's choice. */
async function tries(t: Trial, filter: string): Promise<ConnectedPeer> {
  const peer = await t.connect()
  peer.send(subscribe({ version: t.version, packetId: 60_000, filters: [{ filter, options: 1 }] }))
  await peer.pick('suback', { packetId: 60_000 })
  return peer
}

export const dollarCases: readonly Case[] = [
  {
    id: 'topics/dollar',
    title: 'does not match a filter that begins with a wildcard with a topic that begins with $',
    statements: ['MQTT5-4.7.2-1', 'MQTT3-4.7.2-1'],
    versions: [5, 4],
    async run(t) {
      const id = t.id()
      const topic = `$${id}/${id}`
      const exact = await tries(t, topic)
      const below = await tries(t, `$${id}/#`)
      const filters = [`+/${id}`, `+/${id}/#`, '+/+', `+/${id}/+`]
      if (t.version === 5) filters.push(`$share/${id}/+/${id}`)
      const peers = await Promise.all(
        filters.map((filter) => t.subscriber(filter, { qos: filter === '+/+' ? 0 : 1 })),
      )
      const publisher = await t.connect()
      await publisher.publish(topic, 'begins with $', { qos: 1 })
      await t.delay(500)
      if (exact.waiting.length === 0) t.skip('the Server lets no client publish to $ topics')
      await exact.message({ payload: 'begins with $' })
      await below.message({ payload: 'begins with $' })
      for (const [at, peer] of peers.entries()) {
        const wrong = peer.waiting.find((packet) => packet.topic.startsWith('$'))
        t.check(wrong === undefined, `${filters[at]} got ${wrong}`)
      }
    },
  },
  {
    id: 'topics/dollar-elsewhere',
    title: 'gives $ no meaning behind the first character',
    statements: ['MQTT5-4.7.2-1', 'MQTT3-4.7.2-1'],
    versions: [5, 4, 3],
    async run(t) {
      const subscriber = await t.subscriber(t.topic('#'), { qos: 1 })
      const plus = await t.subscriber(t.topic('+/a'), { qos: 1 })
      const publisher = await t.connect()
      for (const name of ['$SYS/a', '$/a', 'a$/a']) {
        await publisher.publish(t.topic(name), 'x', { qos: 1 })
        await subscriber.message({ topic: t.topic(name) })
        await plus.message({ topic: t.topic(name) })
      }
    },
  },
  {
    id: 'topics/system-topics',
    title: 'sends what it publishes below $SYS to $SYS/# only',
    statements: ['MQTT5-4.7.2-1', 'MQTT3-4.7.2-1'],
    versions: [5, 4],
    serial: true,
    async run(t) {
      const system = await tries(t, '$SYS/#')
      const filters = ['#', '+/#', '+/+/#', '+/broker/#']
      if (t.version === 5) filters.push(`$share/${t.id()}/#`, `$share/${t.id()}/+/+`)
      const others = await Promise.all(filters.map((filter) => t.subscriber(filter, { qos: 0 })))
      await t.delay(2_500)
      const topics = system.takeWaiting().map(({ topic }) => topic)
      if (topics.length === 0) t.skip('the Server publishes nothing below $SYS within 2.5 s')
      t.check(
        topics.every((topic) => topic.startsWith('$SYS/')),
        `$SYS/# got ${topics}`,
      )
      const wrong = others.flatMap((peer) => peer.waiting.filter(({ topic }) => /^\$/.test(topic)))
      t.check(wrong.length === 0, `a filter that begins with a wildcard got ${wrong[0]}`)
    },
  },
  {
    id: 'topics/publish-to-system',
    title: 'does not let clients exchange messages below $SYS',
    statements: ['U5-4.7.2-a'],
    versions: [5],
    async run(t) {
      const topic = `$SYS/${t.id()}`
      const watcher = await tries(t, topic)
      await t.each({ 'QoS 0': 0, 'QoS 1': 1, 'QoS 2': 2 } as const, async (qos) => {
        const publisher = await t.connect()
        publisher.sendPublish(topic, 'x', { qos, retain: true })
        await t.delay(300)
        const [answer] = publisher.waiting
        // Ignored, acknowledged or refused; with a code that says why.
        const { reasonCode = 0 } = answer ?? {}
        t.check(
          [0x00, 0x10, 0x80, 0x83, 0x87, 0x90].includes(reasonCode),
          `the answer is ${answer}`,
        )
      })
      await watcher.expectNoMessage()
      await (await tries(t, topic)).expectNoMessage()
    },
  },
  {
    id: 'topics/publish-not-authorized',
    title: 'acknowledges a PUBLISH that it does not allow as if it did, or closes',
    statements: ['MQTT3-3.3.5-2'],
    versions: [4],
    async run(t) {
      const topic = `$SYS/${t.id()}`
      const watcher = await tries(t, topic)
      await t.each({ puback: 1, pubrec: 2 } as const, async (qos, type) => {
        const publisher = await t.connect()
        publisher.sendPublish(topic, 'x', { qos, packetId: 5 })
        const answer = await publisher.receiveUnlessClosed()
        if (answer === undefined) return
        assert.deepEqual([answer.type, answer.packetId, answer.body.length], [type, 5, 2])
        await publisher.ping()
      })
      await watcher.expectNoMessage()
    },
  },
]
