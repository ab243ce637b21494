import assert from 'node:assert/strict'
import { concat, hex, property, raw, u16, utf8, publish as write } from '../bytes.ts'
import { type Case, type Suite, suite } from '../case.ts'
import { aliasCases } from './publish-aliases.ts'
import { serverAliasCases } from './publish-aliases-server.ts'
import { expiryCases } from './publish-expiry.ts'
import { propertyCases } from './publish-properties.ts'
import { rejectsEach } from './rejects-each.ts'

const flagCases: readonly Case[] = [
  {
    id: 'publish/first-transmission',
    title: 'sends each message once, with its QoS and without DUP',
    statements: [
      'MQTT5-3.3.1-2',
      'MQTT5-4.3.1-1',
      'MQTT5-4.3.2-2',
      'MQTT5-4.3.3-2',
      'MQTT3-3.3.1-2',
      'MQTT3-4.3.1-1',
      'MQTT3-4.3.2-1',
      'MQTT3-4.3.3-1',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish(topic, `at QoS ${qos}`, { qos })
        await subscriber.message({ payload: `at QoS ${qos}`, firstByte: 0x30 | (qos << 1) })
      }
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'publish/dup-not-copied',
    title: 'does not copy the DUP flag of the publisher',
    statements: ['MQTT5-3.3.1-3', 'MQTT3-3.3.1-3'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const qos of [1, 2] as const) {
        await publisher.publish(topic, 'x', { qos, dup: true })
        await subscriber.message({ qos, dup: false })
      }
    },
  },
  {
    id: 'publish/dup-at-qos-0',
    title: 'refuses DUP at QoS 0, or forwards the message without DUP',
    statements: ['MQTT5-3.3.1-2', 'MQTT3-3.3.1-2'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      publisher.sendPublish(topic, 'x', { qos: 0, dup: true })
      await t.delay(500)
      if (publisher.isOpen) await subscriber.message({ payload: 'x', firstByte: 0x30 })
      else await publisher.rejects([0x81, 0x82])
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'publish/qos-3',
    title: 'refuses a PUBLISH with both QoS bits set and does not forward it',
    statements: ['MQTT5-3.3.1-4', 'MQTT5-4.13.1-1', 'MQTT3-3.3.1-4', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      const topic = t.topic('a')
      const rows = {
        'QoS 3': write({ version, topic, payload: 'x', qos: 3 }),
        'QoS 3 with DUP': write({ version, topic, payload: 'x', qos: 3, dup: true }),
        'QoS 3 with RETAIN': write({ version, topic, payload: 'x', qos: 3, retain: true }),
        'cut off': hex('36 00'),
      }
      await rejectsEach(t, rows, [0x81])
      const later = await t.subscriber(topic)
      await later.expectNoMessage()
    },
  },
  {
    id: 'publish/answers',
    title: 'answers QoS 0 with nothing, QoS 1 with PUBACK and QoS 2 with PUBREC',
    statements: ['MQTT5-3.3.4-1', 'MQTT3-3.3.4-1'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await t.connect()
      publisher.sendPublish(t.topic(), 'x')
      await publisher.expectNothing()
      publisher.sendPublish(t.topic(), 'x', { qos: 1, packetId: 7 })
      await publisher.expect('puback', { packetId: 7 })
      publisher.sendPublish(t.topic(), 'x', { qos: 2, packetId: 8 })
      await publisher.expect('pubrec', { packetId: 8 })
      await publisher.expectNothing()
    },
  },
]

const topicCases: readonly Case[] = [
  {
    id: 'publish/topic-first',
    title: 'reads the Topic Name first, and then what its QoS says',
    statements: ['MQTT5-3.3.2-1', 'MQTT3-3.3.2-1'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const properties = t.version === 5 ? hex('00') : new Uint8Array()
      const body = concat(utf8(topic), u16(0x0102), properties, raw('payload'))
      publisher.send(0x32, body.length, body)
      await publisher.expect('puback', { packetId: 0x0102 })
      const { body: sent } = await subscriber.message({ payload: 'payload' })
      assert.deepEqual(sent.subarray(0, utf8(topic).length), utf8(topic))
    },
  },
  {
    id: 'publish/topic-wildcard',
    title: 'refuses a Topic Name with a wildcard and does not forward it',
    statements: ['MQTT5-3.3.2-2', 'MQTT5-4.7.0-1', 'MQTT3-3.3.2-2', 'MQTT3-4.7.1-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      const topics = [t.topic('+'), t.topic('#'), t.topic('a+b'), t.topic('a#'), '#', '+', '+/a']
      const rows = topics.flatMap((topic) =>
        ([0, 1, 2] as const).map((qos) => [`${topic} at QoS ${qos}`, { topic, qos }] as const),
      )
      const packets = rows.map(([name, row]) => [name, write({ version, ...row })] as const)
      await rejectsEach(t, Object.fromEntries(packets), [0x90, 0x81, 0x82])
    },
  },
  {
    id: 'publish/topic-empty',
    title: 'refuses an empty Topic Name',
    statements: ['MQTT5-4.7.3-1', 'U5-3.3.2-a', 'MQTT5-4.13.1-1', 'MQTT3-4.7.3-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      const rows = {
        'QoS 0': version === 5 ? hex('30 03 0000 00') : hex('30 02 0000'),
        'QoS 1': write({ version, topic: '', payload: 'x', qos: 1 }),
        'QoS 2 with RETAIN': write({ version, topic: '', payload: 'x', qos: 2, retain: true }),
      }
      await rejectsEach(t, rows, [0x82, 0x81])
    },
  },
  {
    id: 'publish/cut-off',
    title: 'refuses a PUBLISH that ends inside its header',
    statements: ['MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const rows = {
        empty: hex('30 00'),
        'half a length': hex('30 01 00'),
        'topic past the end': hex('30 04 0005 6162'),
        'no Packet Identifier': hex('32 03 0001 61'),
        'half a Packet Identifier': hex('34 04 0001 61 00'),
        'topic of 65,535 bytes past the end': hex('30 04 ffff 6162'),
      }
      await rejectsEach(t, rows, [0x81, 0x82])
    },
  },
]

const versionCases: readonly Case[] = [
  {
    id: 'publish/other-version',
    title: 'carries topic, payload and QoS between clients of 5.0 and 3.1.1',
    statements: ['U5-3.3.4-e'],
    versions: [5],
    async run(t) {
      const properties = [property.contentType('text/plain'), property.userProperty('a', 'b')]
      for (const [from, to] of [
        [5, 4],
        [4, 5],
      ] as const) {
        const subscriber = await t.subscriber(t.topic(), { connect: { version: to } })
        const publisher = await t.connect({ version: from })
        for (const qos of [0, 1, 2] as const) {
          await publisher.publish(t.topic(), `to ${to}`, { qos, properties })
          const fields = { topic: t.topic(), payload: `to ${to}`, qos, dup: false, retain: false }
          const message = await subscriber.message(fields)
          assert.deepEqual(message.propertyList, [])
        }
      }
    },
  },
]

export const publish: Suite = suite('publish', [
  ...flagCases,
  ...topicCases,
  ...propertyCases,
  ...expiryCases,
  ...aliasCases,
  ...serverAliasCases,
  ...versionCases,
])
