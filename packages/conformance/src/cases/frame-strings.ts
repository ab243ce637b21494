import assert from 'node:assert/strict'
import {
  concat,
  hex,
  property,
  publish,
  raw,
  subscribe,
  unsubscribe,
  type Version,
} from '../bytes.ts'
import type { Case, ConnectOptions } from '../case.ts'

const illFormed: Readonly<Record<string, Uint8Array>> = {
  surrogate: hex('eda080'),
  'surrogate pair': hex('eda081 edb080'),
  overlong: hex('c080'),
  'overlong of three': hex('e08080'),
  'five bytes': hex('f888808080'),
  'above U+10FFFF': hex('f4908080'),
  'stray byte': hex('61ff'),
  'stray continuation': hex('80'),
  truncated: hex('e282'),
}

/** The places of a CONNECT that hold a string. */
function connectPlaces(
  text: Uint8Array,
  version: Version,
): Readonly<Record<string, ConnectOptions>> {
  const will = { topic: 'conformance/will' }
  const places = {
    'Client Identifier': { clientId: text },
    'Will Topic': { will: { topic: text } },
    'User Name': { username: text },
  }
  if (version !== 5) return places
  return {
    ...places,
    'Authentication Method': { properties: [property.authenticationMethod(text)] },
    'Content Type of the Will': { will: { ...will, properties: [property.contentType(text)] } },
    'Response Topic of the Will': { will: { ...will, properties: [property.responseTopic(text)] } },
  }
}

/** Packets behind CONNECT, each with the text in one place. */
function packetPlaces(text: Uint8Array, version: Version): Readonly<Record<string, Uint8Array>> {
  const places = {
    'Topic Name': publish({ version, topic: text, payload: 'x' }),
    'Topic Filter of SUBSCRIBE': subscribe({ version, filters: [{ filter: text }] }),
    'second Topic Filter': subscribe({ version, filters: [{ filter: 'a' }, { filter: text }] }),
    'Topic Filter of UNSUBSCRIBE': unsubscribe({ version, filters: [text] }),
  }
  if (version !== 5) return places
  const message = (bytes: Uint8Array): Uint8Array =>
    publish({ version, topic: 'conformance/a', properties: [bytes] })
  return {
    ...places,
    'Content Type': message(property.contentType(text)),
    'Response Topic': message(property.responseTopic(text)),
  }
}

/** User Properties with the text as name and as value. */
function pairs(text: Uint8Array): Readonly<Record<string, Uint8Array>> {
  return {
    name: property.userProperty(text, 'value'),
    value: property.userProperty('name', text),
  }
}

export const stringCases: readonly Case[] = [
  {
    id: 'frame/ill-formed-topic',
    title: 'refuses every kind of ill-formed UTF-8',
    statements: ['MQTT5-1.5.4-1', 'MQTT5-3.3.2-1', 'MQTT3-1.5.3-1', 'MQTT3-3.3.2-1'],
    versions: [5, 4],
    async run(t) {
      await t.each(illFormed, async (bytes) => {
        const peer = await t.connect()
        peer.sendPublish(concat(raw(t.topic()), bytes), 'x', { qos: 1 })
        await peer.rejects([0x81])
      })
    },
  },
  {
    id: 'frame/ill-formed-connect',
    title: 'refuses ill-formed UTF-8 in each string of CONNECT',
    statements: [
      'MQTT5-1.5.4-1',
      'MQTT5-3.1.3-4',
      'MQTT5-3.1.3-11',
      'MQTT5-3.1.3-12',
      'MQTT3-1.5.3-1',
      'MQTT3-3.1.3-4',
      'MQTT3-3.1.3-10',
      'MQTT3-3.1.3-11',
    ],
    versions: [5, 4],
    async run(t) {
      await t.each(connectPlaces(hex('61 eda080'), t.version), async (place) => {
        await t.refused(place, [0x81, 'clientId' in place ? 0x85 : 0x81])
      })
    },
  },
  {
    id: 'frame/ill-formed-string',
    title: 'refuses ill-formed UTF-8 in each string behind CONNECT',
    statements: [
      'MQTT5-1.5.4-1',
      'MQTT5-3.3.2-13',
      'MQTT5-3.3.2-19',
      'MQTT5-3.8.3-1',
      'MQTT5-3.10.3-1',
      'MQTT3-1.5.3-1',
      'MQTT3-3.8.3-1',
      'MQTT3-3.10.3-1',
    ],
    versions: [5, 4],
    async run(t) {
      await t.each(packetPlaces(hex('61 eda080'), t.version), async (bytes) => {
        const peer = await t.connect()
        peer.send(bytes)
        await peer.rejects([0x81])
      })
    },
  },
  {
    id: 'frame/null-connect',
    title: 'refuses U+0000 in each string of CONNECT',
    statements: ['MQTT5-1.5.4-2', 'MQTT3-1.5.3-2'],
    versions: [5, 4],
    async run(t) {
      await t.each(connectPlaces(hex('61 00 62'), t.version), async (place) => {
        await t.refused(place, [0x81, 'clientId' in place ? 0x85 : 0x81])
      })
    },
  },
  {
    id: 'frame/null-string',
    title: 'refuses U+0000 in each string behind CONNECT',
    statements: ['MQTT5-1.5.4-2', 'MQTT5-4.7.3-2', 'MQTT3-1.5.3-2', 'MQTT3-4.7.3-2'],
    versions: [5, 4],
    async run(t) {
      await t.each(packetPlaces(hex('61 00 62'), t.version), async (bytes) => {
        const peer = await t.connect()
        peer.send(bytes)
        await peer.rejects([0x81])
      })
    },
  },
  {
    id: 'frame/string-pair',
    title: 'refuses a User Property whose name or value breaks the rules of strings',
    statements: ['MQTT5-1.5.7-1', 'MQTT5-1.5.4-1', 'MQTT5-1.5.4-2'],
    versions: [5],
    async run(t) {
      for (const text of [hex('ff'), hex('eda080'), hex('00')]) {
        await t.each(pairs(text), async (pair) => {
          const peer = await t.connect()
          peer.sendPublish(t.topic(), 'x', { properties: [pair] })
          await peer.rejects([0x81])
          await t.refused({ properties: [pair] }, [0x81])
          await t.refused({ will: { topic: t.topic(), properties: [pair] } }, [0x81])
        })
      }
    },
  },
  {
    id: 'frame/byte-order-mark',
    title: 'keeps EF BB BF wherever it stands in a string',
    statements: ['MQTT5-1.5.4-3', 'MQTT3-1.5.3-3'],
    versions: [5, 4],
    async run(t) {
      const mark = hex('efbbbf')
      const first = concat(mark, raw(t.topic()))
      const inside = concat(raw(t.topic()), mark, raw('a'))
      const watcher = await t.subscriber(first)
      await watcher.subscribe(inside)
      const without = await t.subscriber(t.topic())
      await without.subscribe(t.topic('a'))
      const publisher = await t.connect()
      await publisher.publish(first, '1', { qos: 1 })
      await publisher.publish(inside, '2', { qos: 1 })
      const messages = await watcher.take(2)
      assert.deepEqual(
        messages.map(({ topicBytes }) => topicBytes),
        [first, inside],
      )
      await without.expectNoMessage()
    },
  },
  {
    id: 'frame/control-characters-topic',
    title: 'delivers or refuses a topic with a control character, and never changes it',
    statements: ['U5-1.5.4-a'],
    versions: [5],
    async run(t) {
      const topics = [
        t.topic('a\u0001'),
        t.topic('a\u007f'),
        t.topic('a\u009f'),
        t.topic('a\ufdd0'),
      ]
      const rows = Object.fromEntries(topics.map((topic) => [JSON.stringify(topic), topic]))
      const watcher = await t.subscriber(t.topic('#'))
      const delivered: string[] = []
      await t.each(rows, async (topic) => {
        const publisher = await t.connect()
        publisher.sendPublish(topic, 'x', { qos: 1 })
        const answer = await publisher.receiveUnlessClosed()
        const isTaken = answer?.type === 'puback' && answer.reasonCode < 0x80
        if (isTaken) delivered.push(topic)
        else if (answer !== undefined) assert.ok([0x81, 0x82, 0x90].includes(answer.reasonCode))
      })
      const messages = await watcher.take(delivered.length)
      assert.deepEqual(messages.map(({ topic }) => topic).sort(), delivered.sort())
      await watcher.expectNoMessage(300)
    },
  },
]
