import assert from 'node:assert/strict'
import { property, publish, subscribe } from '../bytes.ts'
import { type Case, type Suite, suite, type Trial } from '../case.ts'
import { handlingCases } from './retained-handling.ts'

/** A client that has published a retained message to `t.topic()`. */
async function retain(t: Trial, payload: string, qos: 0 | 1 | 2 = 1): ReturnType<Trial['connect']> {
  const publisher = await t.connect()
  await publisher.publish(t.topic(), payload, { qos, retain: true })
  return publisher
}

const storedCases: readonly Case[] = [
  {
    id: 'retained/replaced',
    title: 'gives a new subscriber only the last retained message, with RETAIN 1',
    statements: ['MQTT5-3.3.1-5', 'MQTT3-3.3.1-5', 'MQTT3-3.3.1-6', 'MQTT3-3.3.1-8'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await retain(t, 'A')
      await publisher.publish(t.topic(), 'B', { qos: 1, retain: true })
      const subscriber = await t.subscriber()
      await subscriber.message({ payload: 'B', retain: true, dup: false })
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'retained/qos',
    title: 'sends a retained message with the lower of its QoS and the one granted',
    statements: ['MQTT5-3.3.1-5', 'MQTT5-3.8.4-8', 'MQTT3-3.3.1-5', 'MQTT3-3.8.4-6'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await t.connect()
      for (const stored of [0, 1, 2] as const) {
        await publisher.publish(t.topic(), `${stored}`, { qos: stored, retain: true })
        for (const granted of [0, 1, 2] as const) {
          const subscriber = await t.subscriber(t.topic(), { qos: granted })
          const qos = Math.min(stored, granted)
          await subscriber.message({ payload: `${stored}`, retain: true, qos })
        }
      }
    },
  },
  {
    id: 'retained/properties',
    title: 'keeps all properties of a retained message',
    statements: ['MQTT5-3.3.1-5'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      const properties = [
        property.payloadFormatIndicator(1),
        property.messageExpiryInterval(1_000),
        property.contentType('text/plain'),
        property.responseTopic('answer'),
        property.correlationData('c'),
        property.userProperty('a', 'b'),
      ]
      await publisher.publish(t.topic(), 'x', { qos: 1, retain: true, properties })
      const subscriber = await t.subscriber()
      const message = await subscriber.message({
        properties: {
          payloadFormatIndicator: 1,
          contentType: 'text/plain',
          responseTopic: 'answer',
          correlationData: new TextEncoder().encode('c'),
          userProperty: ['a', 'b'],
        },
      })
      assert.ok((message.property('messageExpiryInterval') ?? 0) > 990)
    },
  },
  {
    id: 'retained/every-topic',
    title: 'sends the retained message of every topic that a new subscription matches',
    statements: ['MQTT5-3.3.1-9', 'MQTT3-3.3.1-6', 'MQTT3-3.3.1-8'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await t.connect()
      const names = ['a', 'a/b', 'a//c', 'other']
      for (const name of names) {
        await publisher.publish(t.topic(name), name, { qos: 1, retain: true })
      }
      const all = await t.subscriber(t.topic('a/#'))
      const messages = await all.take(3)
      assert.deepEqual(messages.map(({ text }) => text).sort(), ['a', 'a/b', 'a//c'].sort())
      t.check(
        messages.every(({ retain }) => retain),
        'RETAIN 0 in a retained message',
      )
      await all.expectNoMessage()
      const one = await t.subscriber(t.topic('+'))
      const texts = (await one.take(2)).map(({ text }) => text)
      assert.deepEqual(texts.sort(), ['a', 'other'])
    },
  },
  {
    id: 'retained/at-qos-0',
    title: 'keeps a retained message of QoS 0, and never the one it replaces',
    statements: ['U5-3.3.1-a', 'MQTT5-3.3.1-5', 'MQTT3-3.3.1-7'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await retain(t, 'A')
      publisher.sendPublish(t.topic(), 'B', { qos: 0, retain: true })
      await publisher.ping()
      const subscriber = await t.subscriber()
      await subscriber.message({ payload: 'B', retain: true, qos: 0 })
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'retained/not-of-refused',
    title: 'keeps nothing of a PUBLISH that closed its connection',
    statements: ['MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      await retain(t, 'A')
      const peer = await t.connect()
      const { version } = t
      peer.send(publish({ version, topic: t.topic(), payload: 'B', qos: 3, retain: true }))
      await peer.rejects([0x81])
      const subscriber = await t.subscriber()
      await subscriber.message({ payload: 'A' })
    },
  },
]

const removedCases: readonly Case[] = [
  {
    id: 'retained/removed',
    title: 'forwards an empty retained message and removes the one it had',
    statements: [
      'MQTT5-3.3.1-6',
      'MQTT5-3.3.1-7',
      'MQTT3-3.3.1-10',
      'MQTT3-3.3.1-11',
      'MQTT3-3.3.1-9',
    ],
    versions: [5, 4, 3],
    async run(t) {
      for (const qos of [0, 1, 2] as const) {
        const publisher = await retain(t, 'A')
        const live = await t.subscriber()
        await live.message({ payload: 'A', retain: true })
        await publisher.publish(t.topic(), '', { qos, retain: true })
        await live.message({ payload: '', retain: false, qos })
        const later = await t.subscriber()
        await later.expectNoMessage()
      }
    },
  },
  {
    id: 'retained/empty-never-stored',
    title: 'does not store an empty message where there was none',
    statements: ['MQTT5-3.3.1-7', 'MQTT3-3.3.1-11'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await t.connect()
      for (const name of ['a', 'b', 'c']) {
        await publisher.publish(t.topic(name), '', { qos: 1, retain: true })
      }
      await publisher.publish(t.topic('d'), 'D', { qos: 1, retain: true })
      const subscriber = await t.subscriber(t.topic('#'))
      await subscriber.message({ payload: 'D' })
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'retained/kept',
    title: 'keeps its retained message when messages with RETAIN 0 come, empty ones too',
    statements: ['MQTT5-3.3.1-8', 'MQTT3-3.3.1-12'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await retain(t, 'A')
      await publisher.publish(t.topic(), 'B', { qos: 1 })
      await publisher.publish(t.topic(), '', { qos: 1 })
      const subscriber = await t.subscriber()
      await subscriber.message({ payload: 'A', retain: true })
      await subscriber.expectNoMessage()
    },
  },
]

const forwardedCases: readonly Case[] = [
  {
    id: 'retained/live',
    title: 'forwards a retained message to existing subscribers with RETAIN 0',
    statements: ['MQTT5-3.3.1-12', 'MQTT3-3.3.1-9'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish(topic, 'x', { qos, retain: true })
        await subscriber.message({ qos, retain: false })
      }
    },
  },
  {
    id: 'retained/as-published',
    title: 'keeps the RETAIN flag of the publisher where Retain As Published is 1',
    statements: ['MQTT5-3.3.1-13'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair({ retainAsPublished: true })
      for (const retain of [true, false]) {
        for (const qos of [0, 1, 2] as const) {
          await publisher.publish(topic, 'x', { qos, retain })
          await subscriber.message({ qos, retain })
        }
      }
      await publisher.publish(topic, '', { qos: 1, retain: true })
      await subscriber.message({ payload: '', retain: true })
    },
  },
  {
    id: 'retained/to-many-filters',
    title: 'sends retained messages for each Topic Filter of a SUBSCRIBE',
    statements: ['MQTT5-3.8.4-5', 'MQTT5-3.3.1-9', 'MQTT3-3.8.4-4', 'MQTT3-3.3.1-6'],
    versions: [5, 4],
    async run(t) {
      const publisher = await t.connect()
      for (const name of ['a', 'b', 'c']) {
        await publisher.publish(t.topic(name), name, { qos: 1, retain: true })
      }
      const peer = await t.connect()
      const filters = ['a', 'b'].map((name) => ({ filter: t.topic(name), options: 1 }))
      peer.send(subscribe({ version: t.version, packetId: 1, filters }))
      await peer.pick('suback', { reasonCodes: [1, 1] })
      const texts = (await peer.take(2)).map(({ text }) => text)
      assert.deepEqual(texts.sort(), ['a', 'b'])
      await peer.expectNoMessage()
    },
  },
]

const unavailableCases: readonly Case[] = [
  {
    id: 'retained/unavailable',
    title: 'refuses RETAIN 1 after it announced Retain Available 0',
    statements: ['U5-3.2.2-b', 'MQTT5-3.2.2-14'],
    versions: [5],
    profile: 'retain-unavailable',
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      assert.equal(publisher.connack.property('retainAvailable'), 0)
      await t.each({ 'QoS 0': 0, 'QoS 1': 1, 'QoS 2': 2 } as const, async (qos) => {
        const peer = await t.connect()
        peer.sendPublish(topic, 'x', { qos, retain: true })
        await peer.rejects([0x9a])
      })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
]

export const retained: Suite = suite('retained', [
  ...storedCases,
  ...removedCases,
  ...handlingCases,
  ...forwardedCases,
  ...unavailableCases,
])
