import assert from 'node:assert/strict'
import { property } from '../bytes.ts'
import { type Case, type Suite, suite } from '../case.ts'
import { lasting } from './lasting-session.ts'
import { expiryCases } from './session-expiry.ts'
import { stateCases } from './session-state.ts'

const cleanCases: readonly Case[] = [
  {
    id: 'session/clean-start',
    title: 'drops the Session, its subscriptions and its messages at a clean start',
    statements: ['MQTT5-3.1.2-4', 'MQTT5-3.2.2-2', 'MQTT5-3.1.4-4', 'MQTT3-3.2.2-1'],
    versions: [5, 4],
    async run(t) {
      const options = { ...lasting(), clientId: t.id() }
      await (await t.subscriber(t.topic(), { connect: options })).disconnect()
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'queued', { qos: 1 })
      const again = await t.connect({ ...options, clean: true })
      assert.equal(again.sessionPresent, false)
      await publisher.publish(t.topic(), 'live', { qos: 1 })
      await again.expectNoMessage()
    },
  },
  {
    id: 'session/continued',
    title: 'continues the stored Session, with its subscription and the message that waits',
    statements: ['MQTT5-3.1.2-5', 'MQTT5-3.2.2-3', 'MQTT3-3.1.2-4', 'MQTT3-3.2.2-2'],
    versions: [5, 4],
    async run(t) {
      const options = { ...lasting(), clientId: t.id() }
      await (await t.subscriber(t.topic(), { connect: options })).disconnect()
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'queued', { qos: 1 })
      const again = await t.connect(options)
      assert.deepEqual([...again.connack.body.subarray(0, 2)], [1, 0], `${again.connack}`)
      await again.message({ payload: 'queued', qos: 1 })
      await publisher.publish(t.topic(), 'live', { qos: 1 })
      await again.message({ payload: 'live' })
    },
  },
  {
    id: 'session/created',
    title: 'creates a Session where there is none, and continues it even without subscriptions',
    statements: [
      'MQTT5-3.1.2-6',
      'MQTT5-3.2.2-3',
      'MQTT3-3.1.2-4',
      'MQTT3-3.2.2-2',
      'MQTT3-3.2.2-3',
    ],
    versions: [5, 4],
    async run(t) {
      const options = { ...lasting(), clientId: t.id() }
      const first = await t.connect(options)
      assert.equal(first.sessionPresent, false)
      await first.disconnect()
      const second = await t.connect(options)
      assert.equal(second.sessionPresent, true)
      second.abort()
      const third = await t.connect(options)
      assert.equal(third.sessionPresent, true)
    },
  },
  {
    id: 'session/clean-session-ends',
    title: 'ends the Session of Clean Session 1 with its connection',
    statements: ['MQTT3-3.1.2-6', 'MQTT3-3.1.4-3', 'MQTT3-3.2.2-3'],
    versions: [4],
    async run(t) {
      const clientId = t.id()
      await (await t.subscriber(t.topic(), { connect: { clientId } })).disconnect()
      const again = await t.connect({ clientId, clean: false })
      assert.equal(again.sessionPresent, false)
      await again.publish(t.topic(), 'x', { qos: 1 })
      await again.expectNoMessage()
    },
  },
  {
    id: 'session/offline-messages',
    title: 'stores messages of QoS 1 and 2 while the client is away',
    statements: ['MQTT3-3.1.2-5', 'MQTT3-4.1.0-1', 'MQTT5-3.1.2-5', 'MQTT5-3.1.2-23'],
    versions: [5, 4, 3],
    async run(t) {
      const options = { ...lasting(), clientId: t.id() }
      await (await t.subscriber(t.topic(), { connect: options })).disconnect()
      const publisher = await t.connect()
      for (const payload of ['1', '2', '3']) {
        await publisher.publish(t.topic(), payload, { qos: 1 })
        await publisher.publish(t.topic(), payload, { qos: 2 })
      }
      const again = await t.connect(options)
      const messages = await again.take(6)
      // Between messages of different QoS there is no order.
      for (const qos of [1, 2]) {
        const payloads = messages.filter((message) => message.qos === qos).map(({ text }) => text)
        assert.deepEqual(payloads, ['1', '2', '3'], `QoS ${qos}`)
      }
      await again.expectNoMessage(500)
    },
  },
  {
    id: 'session/begun-clean',
    title: 'continues a Session that was begun with Clean Start 1',
    statements: ['U5-4.4-a', 'MQTT5-3.1.2-23'],
    versions: [5],
    async run(t) {
      const options = { ...lasting(), clientId: t.id() }
      const first = await t.subscriber(t.topic(), { connect: { ...options, clean: true } })
      await (await t.connect()).publish(t.topic(), 'unacknowledged', { qos: 1 })
      const [message] = await first.take(1, { acknowledge: false })
      first.abort()
      const again = await t.connect(options)
      assert.equal(again.sessionPresent, true)
      const { packetId } = message ?? {}
      await again.message({ payload: 'unacknowledged', dup: true, packetId: packetId ?? 0 })
    },
  },
]

const lifeCases: readonly Case[] = [
  {
    id: 'session/lasts-with-connection',
    title: 'keeps the state of a Session without expiry as long as its connection is open',
    statements: ['MQTT5-4.1.0-1', 'MQTT3-4.1.0-2'],
    versions: [5, 4],
    async run(t) {
      const topic = t.topic()
      const client = await t.subscriber(topic)
      const publisher = await t.connect()
      await publisher.publish(topic, 'unacknowledged', { qos: 1 })
      const [message] = await client.take(1, { acknowledge: false })
      await client.expectNoMessage(6_000)
      if (message !== undefined) await client.acknowledge(message)
      await publisher.publish(topic, 'later', { qos: 1 })
      await client.message({ payload: 'later' })
    },
  },
  {
    id: 'session/many-reconnects',
    title: 'keeps a Session over ten reconnects',
    statements: ['MQTT3-4.1.0-1', 'MQTT5-3.1.2-5'],
    versions: [5, 4],
    async run(t) {
      const options = { ...lasting(), clientId: t.id() }
      await (await t.subscriber(t.topic(), { connect: options })).disconnect()
      const publisher = await t.connect()
      for (let round = 0; round < 10; round += 1) {
        await publisher.publish(t.topic(), `${round}`, { qos: 1 })
        const client = await t.connect(options)
        assert.equal(client.sessionPresent, true)
        await client.message({ payload: `${round}` })
        if (round % 2 === 0) await client.disconnect()
        else client.abort()
      }
    },
  },
  {
    id: 'session/retained-survives',
    title: 'keeps retained messages when the Session that published them ends',
    statements: ['MQTT3-3.1.2-7', 'U5-4.1-a'],
    versions: [5, 4],
    async run(t) {
      const topic = t.topic()
      const clientId = t.id()
      const publisher = await t.connect({ clientId })
      await publisher.publish(topic, 'kept', { qos: 1, retain: true })
      await publisher.disconnect()
      await (await t.connect({ clientId })).disconnect()
      const watcher = await t.subscriber(topic)
      await watcher.message({ payload: 'kept', retain: true })
      await watcher.publish(topic, '', { qos: 1, retain: true })
    },
  },
  {
    id: 'session/of-its-own',
    title: 'does not give the messages of one Session to another',
    statements: ['MQTT5-3.1.3-2', 'MQTT3-3.1.3-2'],
    versions: [5, 4],
    async run(t) {
      const [one, other] = [
        { ...lasting(), clientId: t.id() },
        { ...lasting(), clientId: t.id() },
      ]
      await (await t.subscriber(t.topic(), { connect: one })).disconnect()
      await (await t.connect(other)).disconnect()
      await (await t.connect()).publish(t.topic(), 'queued', { qos: 1 })
      await (await t.connect(other)).expectNoMessage()
      await (await t.connect(one)).message({ payload: 'queued' })
    },
  },
  {
    id: 'session/not-begun-by-refusal',
    title: 'creates no Session for a CONNECT that it refuses, and leaves the stored one alone',
    statements: ['MQTT5-3.1.4-2'],
    versions: [5],
    async run(t) {
      const stored = { ...lasting(), clientId: t.id() }
      await (await t.subscriber(t.topic(), { connect: stored })).disconnect()
      const method = property.authenticationMethod('NOPE')
      const refused = { properties: [...(stored.properties ?? []), method], clean: true }
      const fresh = t.id()
      for (const clientId of [stored.clientId, fresh]) {
        await t.refused({ ...refused, clientId }, [0x8c, 0x87])
      }
      const again = await t.connect(stored)
      assert.equal(again.sessionPresent, true)
      await again.publish(t.topic(), 'x', { qos: 1 })
      await again.message({ payload: 'x' })
      const other = await t.connect({ ...stored, clientId: fresh })
      assert.equal(other.sessionPresent, false)
    },
  },
]

export const session: Suite = suite('session', [
  ...cleanCases,
  ...lifeCases,
  ...stateCases,
  ...expiryCases,
])
