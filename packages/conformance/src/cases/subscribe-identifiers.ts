import assert from 'node:assert/strict'
import { hex, property, subscribe } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'
import { rejectsEach } from './rejects-each.ts'

const largest = 268_435_455

/** A SUBSCRIBE with each of the properties. */
function rows(
  t: Trial,
  properties: Readonly<Record<string, readonly Uint8Array[]>>,
): Readonly<Record<string, Uint8Array>> {
  const packets = Object.entries(properties).map(([name, own]) => {
    const filters = [{ filter: t.topic('a') }]
    return [name, subscribe({ version: 5, filters, properties: own })] as const
  })
  return Object.fromEntries(packets)
}

export const subscriptionIdentifierCases: readonly Case[] = [
  {
    id: 'subscribe/identifier',
    title: 'puts the Subscription Identifier into each message, whatever its length',
    statements: ['MQTT5-3.3.4-3', 'U5-3.3.4-d'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      for (const identifier of [5, 1, 127, 128, 16_383, 16_384, 2_097_152, largest]) {
        const subscriber = await t.subscriber(t.topic(`${identifier}`), { identifier })
        for (const qos of [0, 1, 2] as const) {
          await publisher.publish(t.topic(`${identifier}`), 'x', { qos })
          await subscriber.message({ qos, properties: { subscriptionIdentifier: identifier } })
        }
      }
    },
  },
  {
    id: 'subscribe/identifier-of-retained',
    title: 'puts the Subscription Identifier into retained messages',
    statements: ['MQTT5-3.3.4-3'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 1, retain: true })
      const subscriber = await t.subscriber(t.topic(), { identifier: 9 })
      const properties = { subscriptionIdentifier: 9 }
      await subscriber.message({ retain: true, properties })
    },
  },
  {
    id: 'subscribe/identifier-of-queued',
    title: 'keeps the Subscription Identifier in the Session',
    statements: ['U5-3.8.2-a', 'MQTT5-3.3.4-3'],
    versions: [5],
    async run(t) {
      const offline = await t.subscriber(t.topic(), { identifier: 9, connect: lasting() })
      await offline.disconnect()
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'queued', { qos: 1 })
      const again = await resume(t, offline)
      const properties = { subscriptionIdentifier: 9 }
      await again.message({ payload: 'queued', properties })
      await publisher.publish(t.topic(), 'live', { qos: 1 })
      await again.message({ payload: 'live', properties })
    },
  },
  {
    id: 'subscribe/identifier-of-all-filters',
    title: 'stores the Subscription Identifier with each Topic Filter of the SUBSCRIBE',
    statements: ['U5-3.8.2-a'],
    versions: [5],
    async run(t) {
      const subscriber = await t.connect()
      await subscriber.subscribe([t.topic('a'), t.topic('b')], { identifier: 4 })
      await subscriber.subscribe(t.topic('c'))
      const publisher = await t.connect()
      for (const name of ['a', 'b', 'c']) {
        await publisher.publish(t.topic(name), name, { qos: 1 })
        const identifier = name === 'c' ? undefined : 4
        await subscriber.message({ properties: { subscriptionIdentifier: identifier } })
      }
    },
  },
  {
    id: 'subscribe/identifier-removed',
    title: 'forgets the identifier when a SUBSCRIBE without one replaces the subscription',
    statements: ['U5-3.8.2-a'],
    versions: [5],
    async run(t) {
      const subscriber = await t.connect()
      await subscriber.subscribe(t.topic(), { identifier: 5 })
      await subscriber.subscribe(t.topic())
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 1 })
      await subscriber.message({ properties: { subscriptionIdentifier: undefined } })
    },
  },
  {
    id: 'subscribe/identifier-of-each-client',
    title: 'gives each client the identifiers of its own subscriptions only',
    statements: ['U5-3.3.4-d'],
    versions: [5],
    async run(t) {
      const first = await t.subscriber(t.topic(), { identifier: 1 })
      const second = await t.subscriber(t.topic(), { identifier: 2 })
      const third = await t.subscriber(t.topic('#'))
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 1 })
      const own = await Promise.all([first.message(), second.message(), third.message()])
      const identifiers = own.map((message) => message.properties('subscriptionIdentifier'))
      assert.deepEqual(identifiers, [[1], [2], []])
    },
  },
  {
    id: 'subscribe/identifier-wrong',
    title: 'refuses a Subscription Identifier of 0, of five bytes, and two of them',
    statements: ['MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const one = property.subscriptionIdentifier(1)
      const wrong = rows(t, {
        0: [hex('0b 00')],
        'of five bytes': [hex('0b 8080808001')],
        two: [one, property.subscriptionIdentifier(2)],
        'the same twice': [one, one],
      })
      await rejectsEach(t, wrong, [0x82, 0x81])
    },
  },
]
