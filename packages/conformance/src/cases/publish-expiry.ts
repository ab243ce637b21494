import { property } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'

const expiry = (seconds: number): { readonly properties: readonly Uint8Array[] } => ({
  properties: [property.messageExpiryInterval(seconds)],
})

export const expiryCases: readonly Case[] = [
  {
    id: 'publish/expiry-live',
    title: 'forwards the Message Expiry Interval of a message that did not wait',
    statements: ['MQTT5-3.3.2-6'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      await publisher.publish(topic, 'x', { qos: 1, ...expiry(100) })
      const left = (await subscriber.message()).property('messageExpiryInterval') ?? 0
      t.check(left === 100 || left === 99, `100 s became ${left} s on the way`)
      await publisher.publish(topic, 'y', { qos: 1 })
      await subscriber.message({ properties: { messageExpiryInterval: undefined } })
    },
  },
  {
    id: 'publish/expiry-waiting',
    title: 'takes the time a message waited from its Message Expiry Interval',
    statements: ['MQTT5-3.3.2-6'],
    versions: [5],
    async run(t) {
      const offline = await t.subscriber(t.topic(), { connect: lasting() })
      await offline.disconnect()
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 1, retain: true, ...expiry(10) })
      await t.delay(3_000)
      const queued = await (await resume(t, offline)).message({ payload: 'x' })
      const retained = await (await t.subscriber(t.topic())).message({ payload: 'x' })
      for (const message of [queued, retained]) {
        const left = message.property('messageExpiryInterval') ?? 0
        t.check(left >= 6 && left <= 8, `after 3 s of 10 there are ${left} left`)
      }
    },
  },
  {
    id: 'publish/expired',
    title: 'does not begin to deliver a message that has expired',
    statements: ['MQTT5-3.3.2-5'],
    versions: [5],
    async run(t) {
      const offline = await t.subscriber(t.topic(), { connect: lasting() })
      await offline.disconnect()
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'expired', { qos: 1, ...expiry(1) })
      await publisher.publish(t.topic(), 'expired too', { qos: 2, ...expiry(1) })
      await publisher.publish(t.topic(), 'fresh', { qos: 1, ...expiry(100) })
      await t.delay(3_000)
      const again = await resume(t, offline)
      await again.message({ payload: 'fresh' })
      await again.expectNoMessage()
    },
  },
  {
    id: 'publish/expired-in-queue',
    title: 'does not send a message that expired behind a full window',
    statements: ['MQTT5-3.3.2-5'],
    versions: [5],
    async run(t) {
      const connect = { properties: [property.receiveMaximum(1)] }
      const subscriber = await t.subscriber(t.topic(), { connect })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'first', { qos: 1 })
      await publisher.publish(t.topic(), 'expired', { qos: 1, ...expiry(1) })
      await publisher.publish(t.topic(), 'last', { qos: 1 })
      const first = await subscriber.pick('publish', { payload: 'first' })
      await t.delay(3_000)
      await subscriber.acknowledge(first)
      await subscriber.message({ payload: 'last' })
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'publish/expired-retained',
    title: 'has no retained message any more when it has expired',
    statements: ['U5-3.3.1-b', 'MQTT5-3.3.2-5'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      await publisher.publish(t.topic('a'), 'older', { qos: 1, retain: true })
      await publisher.publish(t.topic('a'), 'expired', { qos: 1, retain: true, ...expiry(1) })
      await publisher.publish(t.topic('b'), 'kept', { qos: 1, retain: true })
      await t.delay(2_500)
      const subscriber = await t.subscriber(t.topic('#'))
      await subscriber.message({ payload: 'kept' })
      await subscriber.expectNoMessage()
    },
  },
]
