import assert from 'node:assert/strict'
import { property } from '../bytes.ts'
import type { Case, ConnectOptions, Trial } from '../case.ts'
import { takesSeconds } from './takes-seconds.ts'

/** The fields of a CONNECT with a Will Delay Interval and a Session Expiry Interval. */
function delayedWill(t: Trial, delay: number, expiry: number): ConnectOptions {
  const will = {
    topic: t.topic(),
    payload: 'will',
    properties: [property.willDelayInterval(delay)],
  }
  return { clientId: t.id(), will, properties: [property.sessionExpiryInterval(expiry)] }
}

/** A client with a delayed Will, and a subscriber to it. */
async function connectDelayed(t: Trial, delay: number, expiry: number) {
  const watcher = await t.subscriber(t.topic())
  const options = delayedWill(t, delay, expiry)
  return { watcher, options, client: await t.connect(options) }
}

// Up to a second late is no failure: some Servers count in whole seconds.
const timeCases: readonly Case[] = [
  {
    id: 'will/delay',
    title: 'publishes the Will when the Will Delay Interval is over',
    statements: ['MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const { watcher, client } = await connectDelayed(t, 3, 10)
      client.abort()
      const message = watcher.message({ payload: 'will' }, 5_000)
      await takesSeconds(message, [3, 4], 'the Will')
    },
  },
  {
    id: 'will/delay-disconnect-with-will',
    title: 'waits for the Will Delay Interval after DISCONNECT 04 too',
    statements: ['MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const { watcher, client } = await connectDelayed(t, 3, 10)
      await client.disconnect(0x04)
      const message = watcher.message({ payload: 'will' }, 5_000)
      await takesSeconds(message, [3, 4], 'the Will')
    },
  },
  {
    id: 'will/delay-past-session',
    title: 'publishes the Will when the Session ends before the Will Delay Interval',
    statements: ['MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const { watcher, client } = await connectDelayed(t, 10, 2)
      client.abort()
      const message = watcher.message({ payload: 'will' }, 4_000)
      await takesSeconds(message, [2, 3], 'the Will')
    },
  },
  {
    id: 'will/delay-without-session',
    title: 'publishes the Will at once when the Session ends with the connection',
    statements: ['MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const { watcher, client } = await connectDelayed(t, 10, 0)
      client.abort()
      await takesSeconds(watcher.message({ payload: 'will' }), [0, 0.5], 'the Will')
    },
  },
  {
    id: 'will/delay-after-keep-alive',
    title: 'counts the Will Delay Interval from the end of a connection that went silent',
    statements: ['MQTT5-3.1.2-8', 'MQTT5-3.1.2-22'],
    versions: [5],
    async run(t) {
      const watcher = await t.subscriber(t.topic())
      const client = await t.connect({ ...delayedWill(t, 2, 60), keepAlive: 1 })
      await client.closed
      const message = watcher.message({ payload: 'will' }, 4_000)
      await takesSeconds(message, [2, 3], 'the Will')
    },
  },
]

const cancelCases: readonly Case[] = [
  {
    id: 'will/delay-disconnect',
    title: 'does not publish a delayed Will after DISCONNECT 00',
    statements: ['MQTT5-3.1.2-8', 'MQTT5-3.1.2-10'],
    versions: [5],
    async run(t) {
      const { watcher, client } = await connectDelayed(t, 2, 60)
      await client.disconnect()
      await watcher.expectNoMessage(4_000)
    },
  },
  {
    id: 'will/delay-resumed',
    title: 'does not publish the Will when the Session is resumed in the Will Delay Interval',
    statements: ['MQTT5-3.1.3-9', 'MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const { watcher, client, options } = await connectDelayed(t, 3, 60)
      const { clientId, properties } = options as Required<ConnectOptions>
      client.abort()
      await t.delay(1_000)
      const again = await t.connect({ clientId, properties, clean: false })
      assert.equal(again.sessionPresent, true)
      await watcher.expectNoMessage(6_000)
      await again.ping()
    },
  },
  {
    id: 'will/delay-new-will',
    title: 'replaces a Will that waits with the Will of the connection that resumes the Session',
    statements: ['MQTT5-3.1.3-9', 'MQTT5-3.1.2-7'],
    versions: [5],
    async run(t) {
      const { watcher, client, options } = await connectDelayed(t, 2, 60)
      client.abort()
      await t.delay(300)
      const will = { topic: t.topic(), payload: 'new will' }
      const again = await t.connect({ ...options, clean: false, will })
      await watcher.expectNoMessage(3_000)
      again.abort()
      await watcher.message({ payload: 'new will' })
      await watcher.expectNoMessage()
    },
  },
  {
    id: 'will/delay-clean-start',
    title: 'publishes a Will that waits when a Clean Start ends its Session',
    statements: ['MQTT5-3.1.2-8', 'U5-3.1.4-d'],
    versions: [5],
    async run(t) {
      const { watcher, client, options } = await connectDelayed(t, 5, 60)
      client.abort()
      await t.delay(500)
      const { clientId = '' } = options
      const again = await t.connect({ clientId, clean: true })
      assert.equal(again.sessionPresent, false)
      await takesSeconds(watcher.message({ payload: 'will' }), [0, 0.5], 'the Will')
    },
  },
]

const stateCases: readonly Case[] = [
  {
    id: 'will/delay-retained',
    title: 'retains a delayed Will only when it is published',
    statements: ['MQTT5-3.1.2-15', 'MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const options = delayedWill(t, 2, 60)
      const will = { topic: t.topic(), payload: 'will', retain: true }
      const properties = [property.willDelayInterval(2)]
      const client = await t.connect({ ...options, will: { ...will, properties } })
      client.abort()
      await t.delay(500)
      const watcher = await t.subscriber(t.topic())
      await watcher.message({ payload: 'will', retain: false }, 4_000)
      const late = await t.subscriber(t.topic())
      await late.message({ payload: 'will', retain: true })
      await late.publish(t.topic(), '', { retain: true, qos: 1 })
    },
  },
]

export const delayCases: readonly Case[] = [...timeCases, ...cancelCases, ...stateCases]
