import assert from 'node:assert/strict'
import { property, subscribe } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { SubscribeOptions } from '../connected-peer.ts'
import type { PropertyName } from '../properties.ts'

/** The Server announced that it lacks a feature, refuses its use, and serves what is left. */
async function lacks(
  t: Trial,
  announced: PropertyName,
  refusal: { readonly filters: readonly string[]; readonly code: number } & SubscribeOptions,
): Promise<void> {
  const { publisher, subscriber, topic } = await t.pair()
  assert.equal(publisher.connack.property(announced), 0)
  const rows = Object.fromEntries(refusal.filters.map((filter) => [filter, filter]))
  await t.each(rows, async (filter) => {
    const peer = await t.connect()
    const properties = refusal.properties ?? []
    peer.send(subscribe({ version: 5, filters: [{ filter }], properties }))
    await peer.rejects([refusal.code])
  })
  await publisher.publish(topic, 'still here', { qos: 1 })
  await subscriber.message({ payload: 'still here' })
}

export const unavailableCases: readonly Case[] = [
  {
    id: 'subscribe/wildcard-unavailable',
    title: 'refuses filters with wildcards after Wildcard Subscription Available 0',
    statements: ['U5-3.2.2-d'],
    versions: [5],
    profile: 'wildcard-unavailable',
    async run(t) {
      const filters = ['#', t.topic('+'), t.topic('a/#'), `$share/g/${t.topic('#')}`]
      await lacks(t, 'wildcardSubscriptionAvailable', { filters, code: 0xa2 })
    },
  },
  {
    id: 'subscribe/wildcard-unavailable-3',
    title: 'refuses filters with wildcards where it supports none',
    statements: ['MQTT3-3.8.3-2'],
    versions: [4],
    profile: 'wildcard-unavailable',
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const peer = await t.subscriber('#', { codes: [0x80] })
      await peer.subscribe([t.topic('+'), t.topic('a'), t.topic('#')], { codes: [0x80, 2, 0x80] })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
      await peer.expectNoMessage()
    },
  },
  {
    id: 'subscribe/identifier-unavailable',
    title: 'refuses a Subscription Identifier after Subscription Identifier Available 0',
    statements: ['U5-3.2.2-e'],
    versions: [5],
    profile: 'subscription-identifier-unavailable',
    async run(t) {
      const properties = [property.subscriptionIdentifier(1)]
      const filters = [t.topic('a'), `$share/g/${t.topic('a')}`]
      await lacks(t, 'subscriptionIdentifierAvailable', { filters, code: 0xa1, properties })
    },
  },
  {
    id: 'subscribe/shared-unavailable',
    title: 'refuses shared subscriptions after Shared Subscription Available 0',
    statements: ['U5-3.2.2-f'],
    versions: [5],
    profile: 'shared-unavailable',
    async run(t) {
      const filters = [`$share/g/${t.topic()}`, `$share/g/${t.topic('#')}`]
      await lacks(t, 'sharedSubscriptionAvailable', { filters, code: 0x9e })
    },
  },
]
