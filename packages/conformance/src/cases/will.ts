import assert from 'node:assert/strict'
import { property } from '../bytes.ts'
import { type Case, type Suite, suite } from '../case.ts'
import { lasting } from './lasting-session.ts'
import { delayCases } from './will-delay.ts'
import { takeoverCases } from './will-takeover.ts'

const endCases: readonly Case[] = [
  {
    id: 'will/connection-cut',
    title: 'publishes the Will when the connection ends without DISCONNECT',
    statements: ['MQTT5-3.1.2-7', 'MQTT5-3.1.2-8', 'MQTT3-3.1.2-8'],
    versions: [5, 4, 3],
    async run(t) {
      const { watcher, client } = await t.withWill()
      // While the connection is open there is no message.
      await watcher.expectNoMessage()
      client.abort()
      await watcher.message({ payload: 'will', qos: 0, retain: false })
      await watcher.expectNoMessage()
    },
  },
  {
    id: 'will/connection-closed',
    title: 'publishes the Will when the client closes its side in order, but without DISCONNECT',
    statements: ['MQTT5-3.1.2-8', 'MQTT3-3.1.2-8'],
    versions: [5, 4, 3],
    async run(t) {
      const { watcher, client } = await t.withWill()
      client.end()
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'will/protocol-error',
    title: 'publishes the Will when the Server closes for an error of the client',
    statements: ['MQTT5-3.1.2-8', 'MQTT3-3.1.2-8'],
    versions: [5, 4],
    async run(t) {
      const { watcher, client } = await t.withWill()
      client.sendPublish('a/#', 'x')
      await client.rejects([0x81, 0x82, 0x90])
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'will/normal-disconnect',
    title: 'does not publish the Will after DISCONNECT',
    statements: ['MQTT5-3.1.2-8', 'MQTT5-3.1.2-10', 'MQTT3-3.1.2-8', 'MQTT3-3.1.2-10'],
    versions: [5, 4, 3],
    async run(t) {
      const { watcher, client } = await t.withWill()
      await client.disconnect()
      await watcher.expectNoMessage(1_500)
    },
  },
  {
    id: 'will/disconnect-with-will',
    title: 'publishes the Will on DISCONNECT 04',
    statements: ['MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const { watcher, client } = await t.withWill()
      await client.disconnect(0x04)
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'will/once',
    title: 'forgets the Will when it is published',
    statements: ['MQTT5-3.1.2-10', 'MQTT3-3.1.2-10'],
    versions: [5, 4],
    async run(t) {
      const { watcher, client } = await t.withWill(lasting())
      client.abort()
      await watcher.message({ payload: 'will' })
      const again = await t.connect({ clientId: client.clientId, ...lasting() })
      assert.equal(again.sessionPresent, true)
      again.abort()
      await watcher.expectNoMessage(1_500)
    },
  },
  {
    id: 'will/forgotten-by-disconnect',
    title: 'forgets the Will on DISCONNECT, so that the next connection has none',
    statements: ['MQTT5-3.1.2-10', 'MQTT3-3.1.2-10', 'MQTT3-3.1.2-12'],
    versions: [5, 4],
    async run(t) {
      const { watcher, client } = await t.withWill(lasting())
      await client.disconnect()
      const again = await t.connect({ clientId: client.clientId, ...lasting() })
      assert.equal(again.sessionPresent, true)
      again.abort()
      await watcher.expectNoMessage(1_500)
    },
  },
  {
    id: 'will/none',
    title: 'publishes nothing when a connection without a Will is cut',
    statements: ['MQTT3-3.1.2-12'],
    versions: [5, 4],
    async run(t) {
      const watcher = await t.subscriber(t.topic('#'))
      const client = await t.connect()
      client.abort()
      await watcher.expectNoMessage()
    },
  },
  {
    id: 'will/of-refused-connect',
    title: 'does not publish the Will of a CONNECT that it refused',
    statements: ['MQTT5-3.1.4-2', 'MQTT3-3.1.2-8'],
    versions: [5, 4],
    async run(t) {
      const will = { topic: t.topic(), payload: 'will' }
      const watcher = await t.subscriber(will.topic)
      const properties = [property.authenticationMethod('NOPE')]
      const options = t.version === 5 ? { properties } : { clientId: '', clean: false }
      await t.refused({ will, ...options }, [0x8c, 0x87], { returnCodes: [0x02] })
      await watcher.expectNoMessage()
    },
  },
]

const messageCases: readonly Case[] = [
  {
    id: 'will/qos',
    title: 'publishes the Will with its QoS',
    statements: ['MQTT5-3.1.2-12', 'MQTT5-3.1.2-7', 'MQTT3-3.1.2-8'],
    versions: [5, 4, 3],
    async run(t) {
      await t.each({ 'QoS 0': 0, 'QoS 1': 1, 'QoS 2': 2 } as const, async (qos) => {
        const will = { topic: t.topic(`${qos}`), payload: `${qos}`, qos }
        const watcher = await t.subscriber(will.topic)
        const client = await t.connect({ will })
        client.abort()
        await watcher.message({ payload: `${qos}`, qos, retain: false })
      })
    },
  },
  {
    id: 'will/not-retained',
    title: 'retains no Will without Will Retain, and leaves the retained message as it is',
    statements: ['MQTT5-3.1.2-14', 'MQTT3-3.1.2-16'],
    versions: [5, 4],
    async run(t) {
      const [fresh, taken] = [t.topic('fresh'), t.topic('taken')]
      const publisher = await t.connect()
      await publisher.publish(taken, 'earlier', { retain: true, qos: 1 })
      for (const topic of [fresh, taken]) {
        const watcher = await t.subscriber(topic)
        const client = await t.connect({ will: { topic, payload: 'will' } })
        client.abort()
        if (topic === taken) await watcher.message({ payload: 'earlier', retain: true })
        await watcher.message({ payload: 'will', retain: false })
      }
      await (await t.subscriber(fresh)).expectNoMessage(500)
      await (await t.subscriber(taken)).message({ payload: 'earlier', retain: true })
      await publisher.publish(taken, '', { retain: true, qos: 1 })
    },
  },
  {
    id: 'will/retained',
    title: 'retains a Will with Will Retain',
    statements: ['MQTT5-3.1.2-15', 'MQTT3-3.1.2-17'],
    versions: [5, 4, 3],
    async run(t) {
      const will = { topic: t.topic(), payload: 'will', retain: true }
      const watcher = await t.subscriber(will.topic)
      const client = await t.connect({ will })
      client.abort()
      await watcher.message({ payload: 'will', retain: false })
      const late = await t.subscriber(will.topic)
      await late.message({ payload: 'will', retain: true })
      await late.publish(will.topic, '', { retain: true, qos: 1 })
    },
  },
  {
    id: 'will/empty-retained',
    title: 'deletes the retained message with an empty Will of Will Retain',
    statements: ['MQTT5-3.1.2-15', 'MQTT3-3.1.2-17'],
    versions: [5, 4],
    async run(t) {
      const topic = t.topic()
      const publisher = await t.connect()
      await publisher.publish(topic, 'earlier', { retain: true, qos: 1 })
      const watcher = await t.subscriber(topic)
      await watcher.message({ payload: 'earlier' })
      const client = await t.connect({ will: { topic, payload: '', retain: true } })
      client.abort()
      await watcher.message({ payload: '' })
      await (await t.subscriber(topic)).expectNoMessage(500)
    },
  },
  {
    id: 'will/properties',
    title: 'publishes the Will with its properties, and User Properties in their order',
    statements: ['MQTT5-3.1.3-10', 'MQTT5-3.1.2-7'],
    versions: [5],
    async run(t) {
      const pairs = [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
        ['a', '1'],
      ] as const
      const properties = [
        ...pairs.map(([name, value]) => property.userProperty(name, value)),
        property.payloadFormatIndicator(1),
        property.contentType('text/plain'),
        property.responseTopic('answers'),
        property.messageExpiryInterval(100),
      ]
      const will = { topic: t.topic(), payload: 'will', properties }
      const watcher = await t.subscriber(will.topic)
      const client = await t.connect({ will })
      client.abort()
      const message = await watcher.message({
        properties: {
          payloadFormatIndicator: 1,
          contentType: 'text/plain',
          responseTopic: 'answers',
          willDelayInterval: undefined,
        },
      })
      assert.deepEqual(message.properties('userProperty'), pairs)
      assert.ok((message.property('messageExpiryInterval') ?? 0) > 90)
    },
  },
  {
    id: 'will/matched-when-published',
    title: 'delivers the Will to those who subscribe when it is published, and to queues',
    statements: ['MQTT5-3.1.2-8', 'MQTT3-3.1.2-8', 'MQTT3-3.1.2-5'],
    versions: [5, 4],
    async run(t) {
      const will = { topic: t.topic(), payload: 'will', qos: 1 } as const
      const client = await t.connect({ will })
      const offline = { clientId: t.id(), ...lasting() }
      await (await t.subscriber(will.topic, { connect: offline })).disconnect()
      const late = await t.subscriber(will.topic)
      client.abort()
      await late.message({ payload: 'will' })
      await (await t.connect(offline)).message({ payload: 'will', qos: 1 })
    },
  },
]

export const will: Suite = suite('will', [
  ...endCases,
  ...messageCases,
  ...delayCases,
  ...takeoverCases,
])
