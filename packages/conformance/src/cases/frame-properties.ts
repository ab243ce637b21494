import assert from 'node:assert/strict'
import {
  disconnect,
  hex,
  packet,
  property,
  puback,
  publish,
  raw,
  subscribe,
  unsubscribe,
  utf8,
} from '../bytes.ts'
import type { Case } from '../case.ts'

const version = 5

export const propertyCases: readonly Case[] = [
  {
    id: 'frame/property-length-sent',
    title: 'writes a Property Length even when there are no properties',
    statements: ['MQTT5-2.2.2-1'],
    versions: [5],
    async run(t) {
      const peer = await t.connect()
      assert.ok(peer.connack.body.length >= 3, `${peer.connack} has no Property Length`)
      // The decoder reads a Property Length in each of these, and finds nothing left over.
      await peer.subscribe(t.topic())
      await peer.publish(t.topic(), 'x', { qos: 1 })
      await peer.message({ payload: 'x' })
      const { reasonCodes } = await peer.unsubscribe(t.topic())
      assert.deepEqual(reasonCodes, [0])
    },
  },
  {
    id: 'frame/property-length-missing',
    title: 'refuses a packet that ends before its Property Length',
    statements: ['MQTT5-2.2.2-1', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = {
        PUBLISH: packet(0x30, utf8(t.topic())),
        SUBSCRIBE: hex('82 02 0001'),
        UNSUBSCRIBE: hex('a2 02 0001'),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.connect()
        peer.send(bytes)
        await peer.rejects([0x81])
      })
      const unknown = await t.open()
      unknown.send(hex('10 0a 00044d515454 05 02 003c'))
      await unknown.rejects([0x81])
    },
  },
  {
    id: 'frame/wrong-property-connect',
    title: 'refuses properties in CONNECT and its Will that are unknown, misplaced or cut off',
    statements: ['U5-2.2.2-a', 'MQTT5-3.1.4-1'],
    versions: [5],
    async run(t) {
      const wrong = {
        unknown: property.raw(0x7f, 0),
        'Topic Alias': property.topicAlias(1),
        'Maximum QoS': property.maximumQoS(1),
        'Assigned Client Identifier': property.assignedClientIdentifier('a'),
        'Will Delay Interval outside the Will': property.willDelayInterval(1),
        'value of four bytes cut off': property.raw(0x11, 0, 0),
      }
      await t.each(wrong, async (bytes) => {
        await t.refused({ properties: [bytes] }, [0x81, 0x82])
      })
      const wrongInWill = {
        unknown: property.raw(0x7f, 0),
        'Session Expiry Interval': property.sessionExpiryInterval(1),
        'Topic Alias': property.topicAlias(1),
      }
      await t.each(wrongInWill, async (bytes) => {
        await t.refused({ will: { topic: t.topic(), properties: [bytes] } }, [0x81, 0x82])
      })
    },
  },
  {
    id: 'frame/wrong-property',
    title: 'refuses properties that are unknown, misplaced or cut off',
    statements: ['U5-2.2.2-a', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const topic = t.topic()
      const filters = [{ filter: topic }]
      const rows = {
        'unknown in PUBLISH': publish({ version, topic, properties: [property.raw(0x7f, 0)] }),
        'identifier of two bytes': publish({ version, topic, properties: [hex('8101 00')] }),
        'Receive Maximum in PUBLISH': publish({
          version,
          topic,
          properties: [property.receiveMaximum(1)],
        }),
        'Topic Alias in SUBSCRIBE': subscribe({
          version,
          filters,
          properties: [property.topicAlias(1)],
        }),
        'Subscription Identifier in UNSUBSCRIBE': unsubscribe({
          version,
          filters: [topic],
          properties: [property.subscriptionIdentifier(1)],
        }),
        'Content Type in PUBACK': puback(1, 0, [property.contentType('a')]),
        'Receive Maximum in DISCONNECT': disconnect(0, [property.receiveMaximum(1)]),
        'four bytes cut off': publish({ version, topic, properties: [property.raw(0x02, 0, 0)] }),
        'string past the properties': publish({ version, topic, properties: [hex('03 0009 61')] }),
        'Property Length past the packet': packet(0x30, utf8(topic), 0x08),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.connect()
        peer.send(bytes)
        await peer.rejects([0x81, 0x82])
      })
    },
  },
  {
    id: 'frame/property-order-connect',
    title: 'gives the order of the properties of CONNECT no meaning',
    statements: ['U5-2.2.2-b'],
    versions: [5],
    async run(t) {
      const properties = [
        property.sessionExpiryInterval(60),
        property.receiveMaximum(10),
        property.maximumPacketSize(100_000),
        property.topicAliasMaximum(5),
        property.requestProblemInformation(1),
        property.userProperty('a', 'b'),
      ]
      const turned = properties.map((_, at) => [
        ...properties.slice(at),
        ...properties.slice(0, at),
      ])
      const rows = Object.fromEntries(turned.entries())
      await t.each(rows, async (order) => {
        const clientId = t.id()
        const peer = await t.connect({ clientId, properties: order })
        await peer.disconnect()
        const again = await t.connect({ clientId, clean: false, properties: order })
        assert.equal(again.sessionPresent, true)
        await again.disconnect(0, [property.sessionExpiryInterval(0)])
      })
    },
  },
  {
    id: 'frame/property-order-publish',
    title: 'gives the order of the properties of PUBLISH no meaning',
    statements: ['U5-2.2.2-b'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const properties = [
        property.payloadFormatIndicator(1),
        property.contentType('text/plain'),
        property.userProperty('a', 'b'),
        property.responseTopic('answer'),
        property.correlationData(raw('c')),
      ]
      for (const order of [properties, properties.toReversed()]) {
        await publisher.publish(topic, 'x', { qos: 1, properties: order })
        await subscriber.message({
          properties: {
            payloadFormatIndicator: 1,
            contentType: 'text/plain',
            responseTopic: 'answer',
            userProperty: ['a', 'b'],
          },
        })
      }
    },
  },
]
