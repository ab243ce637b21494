import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { concat, hex, property, publish, raw, utf8 } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { Received } from '../received.ts'
import { lasting, resume } from './lasting-session.ts'
import { rejectsEach } from './rejects-each.ts'

const version = 5

/** Publishes a message with the properties; gives what a subscriber received. */
async function carried(t: Trial, ...properties: readonly Uint8Array[]): Promise<Received> {
  const { publisher, subscriber, topic } = await t.pair()
  await publisher.publish(topic, 'x', { qos: 1, properties })
  return await subscriber.message({ payload: 'x' })
}

/** A PUBLISH with the properties of each row. */
function withProperties(
  t: Trial,
  rows: Readonly<Record<string, readonly Uint8Array[]>>,
): Readonly<Record<string, Uint8Array>> {
  const entries = Object.entries(rows).map(([name, properties]) => {
    return [name, publish({ version, topic: t.topic('a'), payload: 'x', properties })] as const
  })
  return Object.fromEntries(entries)
}

const forwardedCases: readonly Case[] = [
  {
    id: 'publish/payload-format',
    title: 'forwards the Payload Format Indicator unchanged',
    statements: ['MQTT5-3.3.2-4'],
    versions: [5],
    async run(t) {
      const utf8Text = await carried(t, property.payloadFormatIndicator(1))
      assert.equal(utf8Text.property('payloadFormatIndicator'), 1)
      const bytes = await carried(t, property.payloadFormatIndicator(0))
      assert.equal(bytes.property('payloadFormatIndicator'), 0)
      const absent = await carried(t)
      assert.equal(absent.property('payloadFormatIndicator'), undefined)
    },
  },
  {
    id: 'publish/payload-format-value',
    title: 'refuses a Payload Format Indicator of 2',
    statements: ['MQTT5-3.3.2-4'],
    versions: [5],
    async run(t) {
      const rows = withProperties(t, { 'the value 2': [property.payloadFormatIndicator(2)] })
      await rejectsEach(t, rows, [0x82, 0x81])
    },
  },
  {
    id: 'publish/payload-format-wrong',
    title: 'forwards a payload that is not the UTF-8 it is said to be, or answers 99',
    statements: ['U5-3.3.2-c'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const properties = [property.payloadFormatIndicator(1)]
      publisher.sendPublish(topic, hex('ff'), { qos: 1, properties })
      const answer = await publisher.receive()
      if (answer.type === 'puback' && answer.reasonCode < 0x80) {
        await subscriber.message({ payload: hex('ff') })
      } else {
        assert.equal(answer.reasonCode, 0x99)
        await subscriber.expectNoMessage()
      }
    },
  },
  {
    id: 'publish/response-topic',
    title: 'forwards the Response Topic unchanged',
    statements: ['MQTT5-3.3.2-15'],
    versions: [5],
    async run(t) {
      for (const topic of ['answer', '/a//b/', '$a/é 日', ' ']) {
        const message = await carried(t, property.responseTopic(topic))
        assert.deepEqual(message.properties('responseTopic'), [topic])
      }
    },
  },
  {
    id: 'publish/correlation-data',
    title: 'forwards Correlation Data unchanged, whatever its length',
    statements: ['MQTT5-3.3.2-16'],
    versions: [5],
    async run(t) {
      const { connack } = await t.connect()
      const limit = connack.property('maximumPacketSize') ?? Number.POSITIVE_INFINITY
      for (const length of [0, 1, 65_535].filter((each) => each + 200 < limit)) {
        const data = new Uint8Array(randomBytes(length))
        const message = await carried(t, property.correlationData(data))
        assert.deepEqual(message.property('correlationData'), data)
      }
    },
  },
  {
    id: 'publish/content-type',
    title: 'forwards the Content Type unchanged, the empty one too',
    statements: ['MQTT5-3.3.2-20'],
    versions: [5],
    async run(t) {
      for (const type of ['application/json', 'é 日', '']) {
        const message = await carried(t, property.contentType(type))
        assert.deepEqual(message.properties('contentType'), [type])
      }
    },
  },
]

// Duplicates and empty strings, in an order that sorting would change.
const fiftyPairs = Array.from(
  { length: 50 },
  (_, at) => [['b', 'a', 'b', '', 'é'][at % 5] ?? '', at % 7 === 0 ? '' : `${at % 20}`] as const,
)
const fifty = fiftyPairs.map(([name, value]) => property.userProperty(name, value))

const userPropertyCases: readonly Case[] = [
  {
    id: 'publish/user-properties',
    title: 'forwards all User Properties unchanged and in their order',
    statements: ['MQTT5-3.3.2-17', 'MQTT5-3.3.2-18'],
    versions: [5],
    async run(t) {
      const live = await carried(t, ...fifty)
      assert.deepEqual(live.properties('userProperty'), fiftyPairs)
    },
  },
  {
    id: 'publish/user-properties-kept',
    title: 'keeps User Properties in retained messages, queues and Wills',
    statements: ['MQTT5-3.3.2-17', 'MQTT5-3.3.2-18'],
    versions: [5],
    async run(t) {
      const offline = await t.subscriber(t.topic('a'), { connect: lasting() })
      await offline.disconnect()
      const publisher = await t.connect()
      await publisher.publish(t.topic('a'), 'x', { qos: 1, retain: true, properties: fifty })
      const queued = await (await resume(t, offline)).message()
      assert.deepEqual(queued.properties('userProperty'), fiftyPairs)
      const later = await t.subscriber(t.topic('a'))
      const retained = await later.message({ retain: true })
      assert.deepEqual(retained.properties('userProperty'), fiftyPairs)
      const watcher = await t.subscriber(t.topic('will'))
      const client = await t.connect({ will: { topic: t.topic('will'), properties: fifty } })
      client.abort()
      const will = await watcher.message()
      assert.deepEqual(will.properties('userProperty'), fiftyPairs)
    },
  },
]

const refusedCases: readonly Case[] = [
  {
    id: 'publish/response-topic-wildcard',
    title: 'refuses a Response Topic with a wildcard, also in a Will',
    statements: ['MQTT5-3.3.2-14', 'MQTT5-4.7.0-1', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = Object.fromEntries(
        ['a/#', '+', 'a/+/b', 'a+'].map((topic) => [topic, [property.responseTopic(topic)]]),
      )
      await rejectsEach(t, withProperties(t, rows), [0x82, 0x81, 0x90])
      await t.each(rows, async (properties) => {
        await t.refused({ will: { topic: t.topic(), properties } }, [0x82, 0x81, 0x90])
      })
    },
  },
  {
    id: 'publish/response-topic-ill-formed',
    title: 'refuses a Response Topic and a Content Type that are ill-formed UTF-8',
    statements: ['MQTT5-3.3.2-13', 'MQTT5-3.3.2-19', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = {
        'Response Topic': [property.responseTopic(hex('ff'))],
        'Content Type': [property.contentType(hex('ff'))],
      }
      await rejectsEach(t, withProperties(t, rows), [0x81])
    },
  },
  {
    id: 'publish/property-twice',
    title: 'refuses a PUBLISH with a property twice that may be there once',
    statements: ['MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = {
        'Payload Format Indicator': property.payloadFormatIndicator(1),
        'Message Expiry Interval': property.messageExpiryInterval(10),
        'Content Type': property.contentType('a'),
        'Response Topic': property.responseTopic('a'),
        'Correlation Data': property.correlationData(raw('a')),
        'Topic Alias': property.topicAlias(1),
      }
      const twice = Object.entries(rows).map(([name, bytes]) => [name, [bytes, bytes]] as const)
      // A Server without aliases may look at those first.
      await rejectsEach(t, withProperties(t, Object.fromEntries(twice)), [0x82, 0x81, 0x94])
    },
  },
  {
    id: 'publish/subscription-identifier',
    title: 'refuses a PUBLISH of a client with a Subscription Identifier',
    statements: ['MQTT5-3.3.4-6', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = withProperties(t, { 'Subscription Identifier 1': [hex('0b 01')] })
      await rejectsEach(t, rows, [0x82, 0x81])
    },
  },
  {
    id: 'publish/property-length-wrong',
    title: 'refuses a Property Length that points into or past the payload',
    statements: ['MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const start = utf8(t.topic('a'))
      const packet = (rest: string): Uint8Array => {
        const body = concat(start, hex(rest))
        return concat(0x30, body.length, body)
      }
      const rows = {
        'past the packet': packet('7f 0101'),
        'of five bytes': packet('8080808001 00'),
        'inside a property': packet('01 0101'),
        'without its last byte': packet('80'),
      }
      await rejectsEach(t, rows, [0x81, 0x82])
    },
  },
]

export const propertyCases: readonly Case[] = [
  ...forwardedCases,
  ...userPropertyCases,
  ...refusedCases,
]
