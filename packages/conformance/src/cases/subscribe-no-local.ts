import { subscribe } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'
import { rejectsEach } from './rejects-each.ts'

export const noLocalCases: readonly Case[] = [
  {
    id: 'subscribe/no-local',
    title: 'does not forward to a No Local subscription what the same client publishes',
    statements: ['MQTT5-3.8.3-3'],
    versions: [5],
    async run(t) {
      const client = await t.subscriber(t.topic(), { noLocal: true })
      const { publisher, subscriber } = await t.pair()
      for (const qos of [0, 1, 2] as const) {
        await client.publish(t.topic(), 'own', { qos })
        await subscriber.message({ payload: 'own' })
        await publisher.publish(t.topic(), 'of another', { qos })
        await client.message({ payload: 'of another', qos })
        await subscriber.message({ payload: 'of another' })
      }
      await client.expectNoMessage()
    },
  },
  {
    id: 'subscribe/no-local-session',
    title: 'keeps No Local in the Session and applies it to the Will of the client',
    statements: ['MQTT5-3.8.3-3'],
    versions: [5],
    async run(t) {
      const topic = t.topic()
      const { publisher, subscriber } = await t.pair()
      const connect = { ...lasting(), will: { topic, payload: 'will', qos: 1 as const } }
      const client = await t.subscriber(topic, { noLocal: true, connect })
      client.abort()
      await subscriber.message({ payload: 'will' })
      await publisher.publish(topic, 'of another', { qos: 1 })
      const again = await resume(t, client)
      await again.message({ payload: 'of another' })
      await again.publish(topic, 'own', { qos: 1 })
      await again.expectNoMessage()
    },
  },
  {
    id: 'subscribe/no-local-replaced',
    title: 'takes No Local from the SUBSCRIBE that replaced a subscription',
    statements: ['MQTT5-3.8.3-3', 'MQTT5-3.8.4-3'],
    versions: [5],
    async run(t) {
      const client = await t.subscriber(t.topic(), { noLocal: true })
      await client.subscribe(t.topic(), { noLocal: false })
      await client.publish(t.topic(), 'own', { qos: 1 })
      await client.message({ payload: 'own' })
      await client.subscribe(t.topic(), { noLocal: true })
      await client.publish(t.topic(), 'own again', { qos: 1 })
      await client.expectNoMessage()
    },
  },
  {
    id: 'subscribe/no-local-shared',
    title: 'refuses No Local on a shared subscription',
    statements: ['MQTT5-3.8.3-4', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic('a')}`
      const plain = { filter: t.topic('a') }
      const rows = {
        alone: subscribe({ version: 5, filters: [{ filter, options: 0x04 }] }),
        'behind another': subscribe({ version: 5, filters: [plain, { filter, options: 0x06 }] }),
      }
      await rejectsEach(t, rows, [0x82])
    },
  },
]
