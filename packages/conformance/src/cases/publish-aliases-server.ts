import assert from 'node:assert/strict'
import { property } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'
import { lasting, resume } from './lasting-session.ts'

const topics = ['a', 'b', 'c', 'd', 'e'] as const

/** Publishes three times to each of five topics and reads them as a client that knows aliases. */
async function readWithAliases(
  t: Trial,
  subscriber: ConnectedPeer,
  { maximum, prefix = t.topic() }: { readonly maximum: number; readonly prefix?: string },
): Promise<readonly number[]> {
  const publisher = await t.connect()
  const sequence = [...topics, ...topics, ...topics].map((name) => `${prefix}/${name}`)
  for (const topic of sequence) await publisher.publish(topic, topic, { qos: 1 })
  const known = new Map<number, string>()
  const used: number[] = []
  for (const topic of sequence) {
    const message = await subscriber.message({ payload: topic })
    const alias = message.property('topicAlias')
    if (alias !== undefined) {
      t.check(alias >= 1 && alias <= maximum, `alias ${alias} where 1 to ${maximum} are allowed`)
      if (message.topic !== '') known.set(alias, message.topic)
      used.push(alias)
    }
    const read = message.topic === '' ? known.get(alias ?? 0) : message.topic
    assert.equal(read, topic, `${message} is for ${topic}`)
  }
  return used
}

export const serverAliasCases: readonly Case[] = [
  {
    id: 'publish/server-alias',
    title:
      'sends only aliases up to the Topic Alias Maximum of the client, each set before its use',
    statements: ['MQTT5-3.3.2-11', 'MQTT5-3.1.2-26', 'U5-3.3.2-b'],
    versions: [5],
    async run(t) {
      await t.each(
        { 'maximum 1': 1, 'maximum 2': 2, 'maximum 65,535': 65_535 },
        async (maximum) => {
          const connect = { properties: [property.topicAliasMaximum(maximum)] }
          const prefix = t.topic(`${maximum}`)
          const subscriber = await t.subscriber(`${prefix}/#`, { connect })
          await readWithAliases(t, subscriber, { maximum, prefix })
        },
      )
    },
  },
  {
    id: 'publish/server-alias-unasked',
    title: 'sends no alias to a client that did not allow any',
    statements: ['MQTT5-3.1.2-27', 'MQTT5-3.3.2-11'],
    versions: [5],
    async run(t) {
      const subscriber = await t.subscriber(t.topic('#'))
      assert.deepEqual(await readWithAliases(t, subscriber, { maximum: 0 }), [])
    },
  },
  {
    id: 'publish/server-alias-after-reconnect',
    title: 'sets its aliases anew on each connection',
    statements: ['MQTT5-3.3.2-7', 'MQTT5-3.3.2-11'],
    versions: [5],
    async run(t) {
      const maximum = property.topicAliasMaximum(10)
      const connect = lasting(maximum)
      const subscriber = await t.subscriber(t.topic('#'), { connect })
      await readWithAliases(t, subscriber, { maximum: 10 })
      await subscriber.disconnect()
      await readWithAliases(t, await resume(t, subscriber, maximum), { maximum: 10 })
    },
  },
]
