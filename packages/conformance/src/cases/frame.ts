import assert from 'node:assert/strict'
import {
  concat,
  hex,
  pingreq,
  property,
  publish,
  subscribe,
  u16,
  unsubscribe,
  utf8,
} from '../bytes.ts'
import { type Case, type Suite, suite, type Trial } from '../case.ts'
import { identifierCases } from './frame-identifiers.ts'
import { propertyCases } from './frame-properties.ts'
import { stringCases } from './frame-strings.ts'

const lengthCases: readonly Case[] = [
  {
    id: 'frame/shortest-length',
    title: 'writes the Remaining Length in as few bytes as it needs',
    statements: ['MQTT5-1.5.5-1'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const limit = publisher.connack.property('maximumPacketSize') ?? Number.POSITIVE_INFINITY
      const border = [127, 128, 16_383, 16_384, 2_097_151, 2_097_152].filter(
        (length) => length + 5 <= limit,
      )
      for (const length of border) {
        const payload = new Uint8Array(length - utf8(topic).length - 1)
        publisher.sendPublish(topic, payload)
        const message = await subscriber.message({}, 5_000)
        assert.equal(message.body.length, length, 'the Server added to the packet')
        const lengthBytes = message.bytes.length - length - 1
        assert.equal(
          lengthBytes,
          length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4,
        )
      }
    },
  },
  {
    id: 'frame/padded-length',
    title: 'answers or refuses a Remaining Length with needless bytes',
    statements: ['MQTT5-1.5.5-1'],
    versions: [5],
    async run(t) {
      const peer = await t.connect()
      peer.send(hex('c0 8000'))
      const answer = await peer.receiveUnlessClosed()
      if (answer?.type === 'disconnect') assert.equal(answer.reasonCode, 0x81)
      else if (answer !== undefined) assert.equal(answer.type, 'pingresp')
    },
  },
  {
    id: 'frame/five-byte-length',
    title: 'refuses a Remaining Length of five bytes without waiting for a body',
    statements: ['U5-1.5.5-a', 'MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      await t.each({ PUBLISH: '30 ffffffff01', PINGREQ: 'c0 808080800000' }, async (bytes) => {
        const peer = await t.connect()
        peer.send(hex(bytes))
        await peer.rejects([0x81])
      })
      const unknown = await t.open()
      unknown.send(hex('10 ffffffff01'))
      await unknown.rejects([0x81])
    },
  },
]

/** Refuses each packet, sent on a connection of its own. */
function refusesFlags(name: string, statements: readonly string[], rows: Rows): Case {
  return {
    id: `frame/reserved-flags-${name.toLowerCase()}`,
    title: `refuses ${name} with wrong flags`,
    statements: ['MQTT5-2.1.3-1', 'MQTT3-2.2.2-2', ...statements],
    versions: [5, 4],
    async run(t) {
      await t.each(rows(t), async (bytes) => {
        const peer = await t.connect()
        peer.send(bytes)
        await peer.rejects([0x81])
      })
    },
  }
}

type Rows = (t: Trial) => Readonly<Record<string, Uint8Array>>

const flagCases: readonly Case[] = [
  refusesFlags('PINGREQ', [], () => ({ '0001': hex('c1 00'), '0010': hex('c2 00') })),
  refusesFlags('acknowledgements', [], () => ({
    PUBACK: hex('41 02 0001'),
    PUBREC: hex('51 02 0001'),
    PUBCOMP: hex('71 02 0001'),
  })),
  refusesFlags('PUBREL', ['MQTT5-3.6.1-1', 'MQTT3-3.6.1-1'], () => ({
    '0000': hex('60 02 0001'),
    '0011': hex('63 02 0001'),
  })),
  refusesFlags('SUBSCRIBE', ['MQTT5-3.8.1-1', 'MQTT3-3.8.1-1'], (t) => {
    const [, ...rest] = subscribe({ version: t.version, filters: [{ filter: t.topic() }] })
    const other = (first: number): Uint8Array => Uint8Array.of(first, ...rest)
    return { '0000': other(0x80), '0011': other(0x83), '1010': other(0x8a) }
  }),
  refusesFlags('UNSUBSCRIBE', ['MQTT5-3.10.1-1', 'MQTT3-3.10.1-1'], (t) => {
    const [, ...rest] = unsubscribe({ version: t.version, filters: [t.topic()] })
    return { '0000': Uint8Array.of(0xa0, ...rest) }
  }),
  {
    id: 'frame/reserved-flags-connect',
    title: 'refuses CONNECT with wrong flags',
    statements: ['MQTT5-2.1.3-1', 'MQTT3-2.2.2-2'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.open()
      const [, ...rest] = t.connectBytes()
      peer.send(0x11, Uint8Array.from(rest))
      await peer.rejects([0x81])
    },
  },
]

const headerCases: readonly Case[] = [
  {
    id: 'frame/sent-flags',
    title: 'sends every type of packet with the reserved flags of the table',
    statements: ['MQTT5-2.1.3-1', 'MQTT3-2.2.2-1'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.connect()
      const first = [
        peer.connack,
        await peer.subscribe(t.topic()),
        await peer.publish(t.topic('nobody'), 'x', { qos: 1 }),
        await peer.unsubscribe(t.topic()),
      ]
      assert.deepEqual(
        first.map((packet) => packet?.firstByte),
        [0x20, 0x90, 0x40, 0xb0],
      )
      await peer.subscribe(t.topic())
      peer.sendPublish(t.topic(), 'x', { qos: 2, packetId: 77 })
      await peer.pick('pubrec', { firstByte: 0x50 })
      peer.send(hex('62 02 004d'))
      await peer.pick('pubcomp', { firstByte: 0x70 })
      const [message] = await peer.take(1, { acknowledge: false })
      peer.send(hex('50 02'), u16(message?.packetId ?? 0))
      await peer.pick('pubrel', { firstByte: 0x62 })
      peer.send(pingreq)
      await peer.pick('pingresp', { firstByte: 0xd0 })
    },
  },
  {
    id: 'frame/wrong-direction',
    title: 'refuses types that only a Server sends, and type 0',
    statements: ['U5-2.1.2-a', 'MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const five = t.version === 5
      const rows = {
        'type 0': '00 00',
        CONNACK: five ? '20 03 00 00 00' : '20 02 00 00',
        SUBACK: five ? '90 04 0001 00 00' : '90 03 0001 00',
        UNSUBACK: five ? 'b0 04 0001 00 00' : 'b0 02 0001',
        PINGRESP: 'd0 00',
        ...(five ? {} : { 'type 15': 'f0 00' }),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.connect()
        peer.send(hex(bytes))
        await peer.rejects([0x81, 0x82])
      })
    },
  },
  {
    id: 'frame/bystanders',
    title: 'closes only the connection on which the error came',
    statements: ['MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      await t.each({ 'QoS 3': '36 00', 'type 0': '00 00' }, async (bytes) => {
        const peer = await t.connect()
        peer.send(hex(bytes))
        await peer.rejects([0x81, 0x82])
      })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
]

const transportCases: readonly Case[] = [
  {
    id: 'frame/ping',
    title: 'answers PINGREQ with PINGRESP, a thousand in one write with a thousand',
    statements: ['MQTT5-3.12.4-1', 'MQTT3-3.12.4-1'],
    versions: [5, 4, 3],
    async run(t) {
      const peer = await t.connect()
      peer.send(pingreq)
      const { bytes } = await peer.expect('pingresp')
      assert.deepEqual(bytes, hex('d0 00'))
      peer.send(...Array.from({ length: 1_000 }, () => pingreq))
      for (let answers = 0; answers < 1_000; answers += 1) await peer.expect('pingresp')
      await peer.expectNothing(300)
    },
  },
  {
    id: 'frame/stream',
    title: 'takes packets however the stream of bytes is cut',
    statements: ['MQTT5-4.2.0-1', 'MQTT3-7.1.1-1', 'MQTT3-7.0.0-2'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const { version } = t
      const stream = concat(
        ...['one', 'two', 'three'].map((payload, at) =>
          publish({ version, topic, payload, qos: 1, packetId: at + 1 }),
        ),
      )
      for (const size of [1, 3, 7, stream.length]) {
        await publisher.sendInPieces(stream, { size, pauseMs: size === 1 ? 0 : 5 })
        for (const packetId of [1, 2, 3]) await publisher.expect('puback', { packetId })
        const messages = await subscriber.take(3)
        assert.deepEqual(
          messages.map(({ text }) => text),
          ['one', 'two', 'three'],
        )
      }
    },
  },
  {
    id: 'frame/large-message',
    title: 'carries 200,000 bytes unchanged in both directions',
    statements: ['MQTT5-4.2.0-1', 'MQTT3-7.1.1-1'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      if ((publisher.connack.property('maximumPacketSize') ?? 1e9) < 210_000) {
        t.skip('the Server takes no packets of 200,000 bytes')
      }
      const payload = Uint8Array.from({ length: 200_000 }, (_, at) => at % 251)
      const properties = t.version === 5 ? [property.userProperty('a', 'b')] : []
      await publisher.publish(topic, payload, { qos: 1, properties })
      await subscriber.message({ payload })
    },
  },
]

export const frame: Suite = suite('frame', [
  ...stringCases,
  ...lengthCases,
  ...flagCases,
  ...headerCases,
  ...identifierCases,
  ...propertyCases,
  ...transportCases,
])
