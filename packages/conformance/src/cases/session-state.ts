import assert from 'node:assert/strict'
import { property, pubcomp, publish, pubrec, pubrel } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'

/** Each part of the state that section 4.1 says a Session has at the Server. */
export const stateCases: readonly Case[] = [
  {
    id: 'session/state-subscriptions',
    title: 'keeps subscriptions with their identifiers and options',
    statements: ['U5-4.1-a'],
    versions: [5],
    async run(t) {
      const [own, retained, limited] = [t.topic('own'), t.topic('retained'), t.topic('limited')]
      const first = await t.connect(lasting())
      await first.subscribe(own, { noLocal: true })
      await first.subscribe(retained, { retainAsPublished: true, identifier: 7 })
      await first.subscribe(limited, { qos: 0 })
      await first.disconnect()
      const again = await resume(t, first)
      await again.publish(own, 'not to itself', { qos: 1 })
      const publisher = await t.connect()
      await publisher.publish(retained, 'x', { qos: 1, retain: true })
      await publisher.publish(limited, 'y', { qos: 1 })
      await again.message({ retain: true, payload: 'x', properties: { subscriptionIdentifier: 7 } })
      await again.message({
        payload: 'y',
        qos: 0,
        properties: { subscriptionIdentifier: undefined },
      })
      await again.expectNoMessage(500)
      await publisher.publish(retained, '', { qos: 1, retain: true })
    },
  },
  {
    id: 'session/state-unsubscribed',
    title: 'keeps the end of a subscription',
    statements: ['U5-4.1-a', 'MQTT3-4.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const first = await t.subscriber(t.topic('a'), { connect: lasting() })
      await first.subscribe(t.topic('b'))
      await first.unsubscribe(t.topic('a'))
      await first.disconnect()
      const publisher = await t.connect()
      for (const topic of ['a', 'b']) await publisher.publish(t.topic(topic), topic, { qos: 1 })
      const again = await resume(t, first)
      await again.message({ payload: 'b' })
      await again.expectNoMessage()
    },
  },
  {
    id: 'session/state-unacknowledged',
    title: 'keeps messages that were sent to the client and not acknowledged',
    statements: ['U5-4.1-a', 'MQTT3-4.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const first = await t.subscriber(t.topic(), { connect: lasting() })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'one', { qos: 1 })
      await publisher.publish(t.topic(), 'two', { qos: 2 })
      const messages = await first.take(2, { acknowledge: false })
      first.abort()
      const again = await resume(t, first)
      for (const { text, packetId } of messages) {
        await again.message({ payload: text, packetId, dup: true })
      }
      await again.expectNoMessage(500)
    },
  },
  {
    id: 'session/state-released',
    title: 'keeps that PUBREC came, and sends PUBREL again instead of the message',
    statements: ['U5-4.1-a', 'MQTT3-4.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const first = await t.subscriber(t.topic(), { connect: lasting() })
      await (await t.connect()).publish(t.topic(), 'two', { qos: 2 })
      const [message] = await first.take(1, { acknowledge: false })
      const packetId = message?.packetId ?? 0
      first.send(pubrec(packetId))
      await first.expect('pubrel', { packetId })
      first.abort()
      const again = await resume(t, first)
      await again.expect('pubrel', { packetId })
      again.send(pubcomp(packetId))
      await again.expectNoMessage()
    },
  },
  {
    id: 'session/state-received',
    title: 'keeps the Packet Identifiers of QoS 2 messages that came and were not released',
    statements: ['U5-4.1-a', 'MQTT3-4.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      const topic = t.topic()
      const watcher = await t.subscriber(topic)
      const first = await t.connect(lasting())
      const packetId = first.sendPublish(topic, 'once', { qos: 2 })
      await first.expect('pubrec', { packetId })
      first.abort()
      const again = await resume(t, first)
      again.send(publish({ version, topic, payload: 'once', qos: 2, packetId, dup: true }))
      await again.expect('pubrec', { packetId })
      again.send(pubrel(packetId))
      await again.expect('pubcomp', { packetId })
      await watcher.message({ payload: 'once' })
      await watcher.expectNoMessage()
    },
  },
  {
    id: 'session/state-pending',
    title: 'keeps messages that wait, in their order and with their properties',
    statements: ['U5-4.1-a', 'MQTT3-4.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const first = await t.subscriber(t.topic(), { connect: lasting() })
      await first.disconnect()
      const publisher = await t.connect()
      const payloads = Array.from({ length: 20 }, (_, at) => `${at}`)
      for (const payload of payloads) {
        const properties = [property.userProperty('number', payload)]
        await publisher.publish(t.topic(), payload, { qos: 1, properties })
      }
      const again = await resume(t, first)
      const messages = await again.take(20)
      assert.deepEqual(
        messages.map(({ text }) => text),
        payloads,
      )
      if (t.version === 5) assert.deepEqual(messages[7]?.property('userProperty'), ['number', '7'])
    },
  },
  {
    id: 'session/state-will',
    title: 'keeps the Will and its delay beyond the connection',
    statements: ['U5-4.1-a', 'MQTT5-3.1.2-7'],
    versions: [5],
    async run(t) {
      const properties = [property.willDelayInterval(2)]
      const { client, watcher } = await t.withWill({
        ...lasting(),
        will: { topic: t.topic(), payload: 'will', properties },
      })
      client.abort()
      await watcher.expectNoMessage()
      await watcher.message({ payload: 'will' }, 3_000)
      await (await resume(t, client)).disconnect()
    },
  },
]
