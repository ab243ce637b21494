import assert from 'node:assert/strict'
import { concat, hex, packet, property, utf8 } from '../bytes.ts'
import type { Case } from '../case.ts'

const name = (level: number): Uint8Array => concat(utf8('MQTT'), level)

const lengthCases: readonly Case[] = [
  {
    id: 'connect/truncated',
    title: 'refuses a CONNECT cut off at each byte, and disturbs nobody else',
    statements: ['MQTT5-3.1.4-1', 'MQTT5-4.13.1-1', 'MQTT3-3.1.4-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const will = { topic: t.topic('will'), payload: 'w' }
      const whole = t.connectBytes({ clientId: 'a', will, username: 'u', password: 'p' })
      // The first two bytes are those of the fixed header, which is rewritten for each length.
      const body = whole.subarray(2)
      const cuts = Array.from({ length: body.length }, (_, at) => at)
      await t.each(Object.fromEntries(cuts.entries()), async (length) => {
        const peer = await t.open()
        peer.send(packet(0x10, body.subarray(0, length)))
        await peer.rejects([0x81, 0x82, 0x84])
      })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
  {
    id: 'connect/bytes-left-over',
    title: 'refuses bytes behind the last field of CONNECT',
    statements: ['MQTT5-3.1.4-1', 'MQTT5-3.1.3-1', 'MQTT3-3.1.4-1', 'MQTT3-3.1.3-1'],
    versions: [5, 4],
    async run(t) {
      const will = { topic: t.topic(), payload: 'w' }
      const shapes = { plain: {}, 'with Will': { will }, 'with User Name': { username: 'u' } }
      await t.each(shapes, async (options) => {
        const peer = await t.open()
        peer.send(packet(0x10, t.connectBytes(options).subarray(2), 0x00))
        await peer.rejects([0x81])
      })
    },
  },
  {
    id: 'connect/length-past-end',
    title: 'refuses a length that reaches past the end of CONNECT',
    statements: ['MQTT5-3.1.4-1', 'MQTT3-3.1.4-1'],
    versions: [5, 4],
    async run(t) {
      const head = (flags: string): Uint8Array =>
        concat(name(t.version), hex(`${flags} 003c`), hex(t.version === 5 ? '00' : ''))
      const will = t.version === 5 ? '00 0001 61' : '0001 61'
      const rows = {
        'Protocol Name': packet(0x10, hex('00ff 4d515454')),
        'Client Identifier': packet(0x10, head('02'), hex('0002 61')),
        'Will Payload': packet(0x10, head('06'), hex('0001 61'), hex(will), hex('ffff 61')),
        'User Name': packet(0x10, head('82'), hex('0001 61'), hex('0004 616263')),
        Password: packet(0x10, head('c2'), hex('0001 61 0001 61'), hex('0100 61')),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.open()
        peer.send(bytes)
        await peer.rejects([0x81, 0x84])
      })
    },
  },
]

const propertyCases: readonly Case[] = [
  {
    id: 'connect/properties-past-length',
    title: 'refuses properties of CONNECT that do not fill the Property Length',
    statements: ['MQTT5-3.1.4-1'],
    versions: [5],
    async run(t) {
      const head = concat(name(5), hex('02 003c'))
      const rows = {
        'value reaches past the Property Length': hex('03 21 0001 00 61'),
        'Property Length past the packet': hex('7f 21 0001 0001 61'),
        'Property Length of five bytes': hex('8080808001 0001 61'),
        'half a property': hex('02 21 00'),
      }
      await t.each(rows, async (rest) => {
        const peer = await t.open()
        peer.send(packet(0x10, head, rest))
        await peer.rejects([0x81])
      })
    },
  },
  {
    id: 'connect/repeated-property',
    title: 'refuses a property of CONNECT that is there twice',
    statements: ['MQTT5-3.1.4-1'],
    versions: [5],
    async run(t) {
      const once = {
        'Session Expiry Interval': property.sessionExpiryInterval(1),
        'Receive Maximum': property.receiveMaximum(10),
        'Maximum Packet Size': property.maximumPacketSize(1_000),
        'Topic Alias Maximum': property.topicAliasMaximum(1),
        'Request Response Information': property.requestResponseInformation(0),
        'Request Problem Information': property.requestProblemInformation(1),
        'Authentication Method': property.authenticationMethod('NOPE'),
      }
      await t.each(once, async (bytes) => {
        await t.refused({ properties: [bytes, bytes] }, [0x82, 0x81])
      })
      const inWill = {
        'Will Delay Interval': property.willDelayInterval(1),
        'Payload Format Indicator': property.payloadFormatIndicator(1),
        'Message Expiry Interval': property.messageExpiryInterval(1),
        'Content Type': property.contentType('a'),
        'Response Topic': property.responseTopic('a'),
        'Correlation Data': property.correlationData('a'),
      }
      await t.each(inWill, async (bytes) => {
        const will = { topic: t.topic(), properties: [bytes, bytes] }
        await t.refused({ will }, [0x82, 0x81])
      })
    },
  },
  {
    id: 'connect/wrong-value',
    title: 'refuses values that a property of CONNECT may not have',
    statements: ['MQTT5-3.1.4-1', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = {
        'Receive Maximum 0': property.receiveMaximum(0),
        'Maximum Packet Size 0': property.maximumPacketSize(0),
        'Request Problem Information 2': property.requestProblemInformation(2),
        'Request Response Information 2': property.requestResponseInformation(2),
      }
      await t.each(rows, async (bytes) => {
        await t.refused({ properties: [bytes] }, [0x82, 0x81])
      })
    },
  },
  {
    id: 'connect/authentication-data-alone',
    title: 'refuses Authentication Data without an Authentication Method',
    statements: ['MQTT5-3.1.4-1'],
    versions: [5],
    async run(t) {
      await t.refused({ properties: [property.authenticationData('a')] }, [0x82, 0x81])
    },
  },
]

const fieldCases: readonly Case[] = [
  {
    id: 'connect/no-payload',
    title: 'refuses a CONNECT without a Client Identifier field',
    statements: ['MQTT5-3.1.3-3', 'MQTT3-3.1.3-3'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.open()
      const five = '10 0b 0004 4d515454 05 02 003c 00'
      peer.send(hex(t.version === 5 ? five : '10 0a 0004 4d515454 04 02 003c'))
      await peer.rejects([0x81])
    },
  },
  {
    id: 'connect/ill-formed-identifier',
    title: 'refuses a Client Identifier that is not UTF-8',
    statements: ['MQTT5-3.1.3-4', 'MQTT3-3.1.3-4'],
    versions: [5, 4],
    async run(t) {
      await t.refused({ clientId: hex('ff fe') }, [0x81, 0x85])
    },
  },
  {
    id: 'connect/will-topic',
    title: 'refuses a Will Topic that is no Topic Name',
    statements: ['MQTT5-3.1.3-11', 'MQTT3-3.1.3-10'],
    versions: [5, 4],
    async run(t) {
      await t.refused({ will: { topic: hex('ff') } }, [0x81])
      for (const topic of ['a/#', 'a/+/b', '']) {
        await t.refused({ will: { topic } }, [0x90, 0x82, 0x81])
      }
    },
  },
  {
    id: 'connect/binary-password',
    title: 'takes a User Name only as UTF-8 and a Password as any bytes',
    statements: ['MQTT5-3.1.3-12', 'MQTT3-3.1.3-11'],
    versions: [5, 4],
    async run(t) {
      await t.refused({ username: hex('ff'), password: 'a' }, [0x81])
      const peer = await t.open()
      peer.send(t.connectBytes({ username: 'nobody', password: hex('ff 00') }))
      const { reasonCode } = await peer.expect('connack')
      // It was read, whoever may connect.
      assert.ok([0, ...(t.version === 5 ? [0x86, 0x87] : [4, 5])].includes(reasonCode))
    },
  },
  {
    id: 'connect/password-without-user-name',
    title: 'reads a Password without a User Name',
    statements: ['MQTT5-3.1.2-19'],
    versions: [5],
    async run(t) {
      const peer = await t.open()
      peer.send(t.connectBytes({ password: 'secret' }))
      const { reasonCode } = await peer.expect('connack')
      assert.ok([0, 0x86, 0x87].includes(reasonCode), `code ${reasonCode.toString(16)}`)
    },
  },
  {
    id: 'connect/field-order',
    title: 'reads all fields of CONNECT in their order',
    statements: ['MQTT5-3.1.3-1', 'MQTT5-3.1.2-9', 'MQTT3-3.1.3-1', 'MQTT3-3.1.2-9'],
    versions: [5, 4],
    async run(t) {
      const properties = t.version === 5 ? [property.contentType('type of the Will')] : []
      const will = {
        topic: t.topic('topic of the Will'),
        payload: 'payload of the Will',
        properties,
      }
      const watcher = await t.subscriber(t.topic('#'))
      const login = { username: 'User Name', password: 'Password' }
      for (const fields of [will, { ...will, payload: '' }]) {
        const client = await t.connect({ will: fields, ...login })
        client.abort()
        const { payload, topic } = fields
        const message = await watcher.message({ topic, payload })
        assert.equal(
          message.property('contentType'),
          t.version === 5 ? 'type of the Will' : undefined,
        )
      }
    },
  },
]

export const layoutCases: readonly Case[] = [...lengthCases, ...propertyCases, ...fieldCases]
