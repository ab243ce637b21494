import assert from 'node:assert/strict'
import type { Case } from '../case.ts'
import { copies, identifiersOf } from './copies.ts'

export const overlapCases: readonly Case[] = [
  {
    id: 'subscribe/overlap-qos',
    title: 'delivers at the highest QoS of the subscriptions that match',
    statements: ['MQTT5-3.3.4-2', 'MQTT3-3.3.5-1'],
    versions: [5, 4, 3],
    async run(t) {
      const subscriber = await t.connect()
      await subscriber.subscribe(t.topic('#'), { qos: 0 })
      await subscriber.subscribe(t.topic('+'), { qos: 2 })
      await subscriber.subscribe(t.topic('b'), { qos: 1 })
      const publisher = await t.connect()
      for (const qos of [2, 1, 0] as const) {
        await publisher.publish(t.topic('b'), 'x', { qos })
        const delivered = (await copies(t, subscriber)).map((message) => message.qos)
        t.check(Math.max(...delivered) === qos, `of QoS ${qos} came copies of QoS ${delivered}`)
      }
    },
  },
  {
    id: 'subscribe/overlap-identifiers',
    title: 'gives one copy all identifiers that match, or a copy for each subscription its own',
    statements: ['MQTT5-3.3.4-4', 'MQTT5-3.3.4-5', 'U5-3.3.4-d'],
    versions: [5],
    async run(t) {
      const subscriber = await t.connect()
      await subscriber.subscribe(t.topic('#'), { identifier: 1 })
      await subscriber.subscribe(t.topic('+'), { identifier: 2 })
      await subscriber.subscribe(t.topic('b'))
      await subscriber.subscribe(t.topic('other'), { identifier: 3 })
      const publisher = await t.connect()
      await publisher.publish(t.topic('b'), 'x', { qos: 1 })
      const received = await copies(t, subscriber)
      assert.deepEqual(identifiersOf(received), received.length === 1 ? [[1, 2]] : [[], [1], [2]])
    },
  },
  {
    id: 'subscribe/overlap-equal-identifiers',
    title: 'gives the one identifier that several matching subscriptions share',
    statements: ['MQTT5-3.3.4-4', 'U5-3.3.4-d'],
    versions: [5],
    async run(t) {
      const subscriber = await t.connect()
      await subscriber.subscribe([t.topic('#'), t.topic('+')], { identifier: 7 })
      const publisher = await t.connect()
      await publisher.publish(t.topic('b'), 'x', { qos: 1 })
      const received = await copies(t, subscriber)
      const identifiers = received.flatMap((message) =>
        message.properties('subscriptionIdentifier'),
      )
      t.check(identifiers.length >= received.length, 'a copy has no identifier')
      assert.deepEqual([...new Set(identifiers)], [7])
    },
  },
]
