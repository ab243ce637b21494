import assert from 'node:assert/strict'
import { property, publish } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { PublishOptions } from '../connected-peer.ts'
import { lasting, resume } from './lasting-session.ts'
import { rejectsEach } from './rejects-each.ts'

const aliased = (alias: number, options: PublishOptions = {}): PublishOptions => ({
  ...options,
  properties: [property.topicAlias(alias)],
})

/** The Topic Alias Maximum that the Server announces; ends the case where it takes no aliases. */
async function aliasMaximum(t: Trial): Promise<number> {
  const { connack } = await t.connect()
  const maximum = connack.property('topicAliasMaximum') ?? 0
  if (maximum === 0) t.skip('the Server announces no Topic Alias Maximum')
  return maximum
}

/** A PUBLISH with an empty topic and the alias, for each QoS. */
function withoutTopic(alias: number): Readonly<Record<string, Uint8Array>> {
  const properties = [property.topicAlias(alias)]
  const packets = ([0, 1, 2] as const).map((qos) => {
    return [
      `QoS ${qos}`,
      publish({ version: 5, topic: '', payload: 'x', qos, properties }),
    ] as const
  })
  return Object.fromEntries(packets)
}

const usedCases: readonly Case[] = [
  {
    id: 'publish/alias-set-and-used',
    title: 'takes a topic with an alias, the alias alone, and a new topic for it',
    statements: ['U5-3.3.2-b', 'MQTT5-3.3.2-12'],
    versions: [5],
    async run(t) {
      await aliasMaximum(t)
      const subscriber = await t.subscriber(t.topic('#'))
      const publisher = await t.connect()
      const sequence = [t.topic('a'), '', t.topic('b'), '']
      for (const topic of sequence) await publisher.publish(topic, 'x', aliased(1, { qos: 1 }))
      const topics = (await subscriber.take(4)).map(({ topic }) => topic)
      assert.deepEqual(topics, [t.topic('a'), t.topic('a'), t.topic('b'), t.topic('b')])
    },
  },
  {
    id: 'publish/alias-range',
    title: 'takes every alias from 1 to its maximum, at every QoS',
    statements: ['MQTT5-3.3.2-12'],
    versions: [5],
    async run(t) {
      const maximum = await aliasMaximum(t)
      const subscriber = await t.subscriber(t.topic('#'))
      const publisher = await t.connect()
      const aliases = [...new Set([1, Math.ceil(maximum / 2), maximum])]
      for (const alias of aliases) {
        await publisher.publish(t.topic(`${alias}`), 'x', aliased(alias, { qos: 1 }))
        await subscriber.message({ topic: t.topic(`${alias}`) })
      }
      for (const qos of [0, 1, 2] as const) {
        for (const alias of aliases) {
          await publisher.publish('', `${alias}`, aliased(alias, { qos }))
          await subscriber.message({ topic: t.topic(`${alias}`), payload: `${alias}`, qos })
        }
      }
    },
  },
  {
    id: 'publish/alias-of-each-connection',
    title: 'keeps the aliases of each connection apart',
    statements: ['U5-3.3.2-b', 'MQTT5-3.3.2-7'],
    versions: [5],
    async run(t) {
      await aliasMaximum(t)
      const subscriber = await t.subscriber(t.topic('#'))
      const publishers = [await t.connect(), await t.connect()]
      for (const [at, publisher] of publishers.entries()) {
        await publisher.publish(t.topic(`${at}`), 'set', aliased(1, { qos: 1 }))
        await subscriber.message({ topic: t.topic(`${at}`) })
      }
      for (const [at, publisher] of publishers.entries()) {
        await publisher.publish('', 'used', aliased(1, { qos: 1 }))
        await subscriber.message({ topic: t.topic(`${at}`), payload: 'used' })
      }
    },
  },
  {
    id: 'publish/alias-not-forwarded',
    title: 'forwards a message without the alias of its publisher',
    statements: ['MQTT5-3.3.2-11', 'MQTT5-3.1.2-27'],
    versions: [5],
    async run(t) {
      await aliasMaximum(t)
      const { publisher, subscriber, topic } = await t.pair()
      for (const name of [topic, '', '']) await publisher.publish(name, 'x', aliased(1))
      for (let message = 0; message < 3; message += 1) {
        await subscriber.message({ topic, properties: { topicAlias: undefined } })
      }
    },
  },
]

const refusedCases: readonly Case[] = [
  {
    id: 'publish/alias-after-reconnect',
    title: 'forgets the aliases when the connection ends, also in the same Session',
    statements: ['MQTT5-3.3.2-7', 'U5-3.3.4-b'],
    versions: [5],
    async run(t) {
      await aliasMaximum(t)
      const subscriber = await t.subscriber(t.topic())
      const publisher = await t.connect(lasting())
      await publisher.publish(t.topic(), 'first', aliased(1, { qos: 1 }))
      await subscriber.message({ payload: 'first' })
      await publisher.disconnect()
      const again = await resume(t, publisher)
      again.sendPublish('', 'second', aliased(1, { qos: 1 }))
      await again.rejects([0x82])
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'publish/alias-not-set',
    title: 'refuses an empty topic with an alias that was not set',
    statements: ['U5-3.3.4-b'],
    versions: [5],
    async run(t) {
      await rejectsEach(t, withoutTopic(await aliasMaximum(t)), [0x82])
    },
  },
  {
    id: 'publish/alias-0',
    title: 'refuses the alias 0, with and without a topic',
    statements: ['MQTT5-3.3.2-8', 'U5-3.3.4-a'],
    versions: [5],
    async run(t) {
      const properties = [property.topicAlias(0)]
      const named = publish({ version: 5, topic: t.topic('a'), payload: 'x', properties })
      await rejectsEach(t, { ...withoutTopic(0), 'with a topic': named }, [0x94])
    },
  },
  {
    id: 'publish/alias-beyond-maximum',
    title: 'refuses an alias above its maximum',
    statements: ['MQTT5-3.3.2-9', 'U5-3.3.4-a'],
    versions: [5],
    profile: 'small-limits',
    async run(t) {
      const { connack } = await t.connect()
      const beyond = (connack.property('topicAliasMaximum') ?? 0) + 1
      t.check(beyond <= 65_535, 'the Topic Alias Maximum is not small')
      const rows = Object.fromEntries(
        [beyond, 65_535].map((alias) => {
          const properties = [property.topicAlias(alias)]
          const topic = t.topic('a')
          return [`alias ${alias}`, publish({ version: 5, topic, payload: 'x', properties })]
        }),
      )
      await rejectsEach(t, rows, [0x94])
    },
  },
  {
    id: 'publish/alias-unavailable',
    title: 'refuses every alias when it announced no Topic Alias Maximum',
    statements: ['MQTT5-3.2.2-18', 'U5-3.3.4-a'],
    versions: [5],
    profile: 'no-topic-alias',
    async run(t) {
      const { connack } = await t.connect()
      assert.equal(connack.property('topicAliasMaximum') ?? 0, 0)
      const properties = [property.topicAlias(1)]
      const named = publish({ version: 5, topic: t.topic('a'), payload: 'x', properties })
      await rejectsEach(t, { 'alias 1': named }, [0x94])
    },
  },
]

export const aliasCases: readonly Case[] = [...usedCases, ...refusedCases]
