import assert from 'node:assert/strict'
import { concat, hex, packet, property, puback, pubcomp, pubrec, pubrel, u16 } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'

/** A subscriber that has got a message of this QoS and not answered yet. */
async function holding(
  t: Trial,
  qos: 1 | 2,
): Promise<{ readonly peer: ConnectedPeer; readonly packetId: number }> {
  const topic = t.topic(t.id())
  const peer = await t.subscriber(topic)
  const publisher = await t.connect()
  await publisher.publish(topic, 'x', { qos })
  const { packetId } = await peer.pick('publish', { qos })
  return { peer, packetId }
}

/** The three lengths of an acknowledgement of code 00, and one with properties. */
function forms(firstByte: number, packetId: number): Readonly<Record<string, Uint8Array>> {
  const text = concat(property.reasonString('fine'), property.userProperty('a', 'b'))
  return {
    'of 2 bytes': packet(firstByte, u16(packetId)),
    'of 3 bytes': packet(firstByte, u16(packetId), 0x00),
    'of 4 bytes': packet(firstByte, u16(packetId), 0x00, 0x00),
    'with properties': packet(firstByte, u16(packetId), 0x00, text.length, text),
  }
}

const names = ['of 2 bytes', 'of 3 bytes', 'of 4 bytes', 'with properties'] as const
const eachForm = Object.fromEntries(names.map((name) => [name, name]))

const formCases: readonly Case[] = [
  {
    id: 'flow/forms-of-puback',
    title: 'takes a PUBACK of each length',
    statements: ['U5-3.4.2-a', 'MQTT5-3.4.2-1'],
    versions: [5],
    async run(t) {
      await t.each(eachForm, async (form) => {
        const connect = { properties: [property.receiveMaximum(1)] }
        const topic = t.topic(t.id())
        const subscriber = await t.subscriber(topic, { connect })
        const publisher = await t.connect()
        await publisher.publish(topic, 'first', { qos: 1 })
        await publisher.publish(topic, 'second', { qos: 1 })
        const { packetId } = await subscriber.pick('publish', { payload: 'first' })
        subscriber.send(forms(0x40, packetId)[form] ?? hex(''))
        await subscriber.message({ payload: 'second' })
      })
    },
  },
  {
    id: 'flow/forms-at-qos-2',
    title: 'takes PUBREC, PUBREL and PUBCOMP of each length',
    statements: ['U5-3.4.2-a', 'MQTT5-3.5.2-1', 'MQTT5-3.6.2-1', 'MQTT5-3.7.2-1'],
    versions: [5],
    async run(t) {
      await t.each(eachForm, async (form) => {
        const topic = t.topic(t.id())
        const connect = { properties: [property.receiveMaximum(1)] }
        const subscriber = await t.subscriber(topic, { connect })
        const publisher = await t.connect()
        for (const payload of ['first', 'second']) {
          const own = publisher.sendPublish(topic, payload, { qos: 2 })
          await publisher.expect('pubrec', { packetId: own })
          publisher.send(forms(0x62, own)[form] ?? hex(''))
          await publisher.expect('pubcomp', { packetId: own, reasonCode: 0 })
          const { packetId } = await subscriber.pick('publish', { payload, qos: 2 })
          subscriber.send(forms(0x50, packetId)[form] ?? hex(''))
          await subscriber.expect('pubrel', { packetId, reasonCode: 0 })
          subscriber.send(forms(0x70, packetId)[form] ?? hex(''))
        }
        await subscriber.ping()
      })
    },
  },
  {
    id: 'flow/no-subscribers',
    title: 'accepts a message that nobody has subscribed to, with code 00 or 10',
    statements: ['MQTT5-3.4.2-1', 'MQTT5-3.5.2-1'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      for (const qos of [1, 2] as const) {
        const answer = await publisher.publish(t.topic('nobody'), 'x', { qos })
        assert.ok([0x00, 0x10].includes(answer?.reasonCode ?? 0x80), `${answer}`)
      }
    },
  },
]

const wrongCases: readonly Case[] = [
  {
    id: 'flow/wrong-code',
    title: 'refuses an acknowledgement with a Reason Code that is not for it',
    statements: ['MQTT5-3.4.2-1', 'MQTT5-3.5.2-1', 'MQTT5-3.6.2-1', 'MQTT5-3.7.2-1'],
    versions: [5],
    async run(t) {
      const rows = {
        'PUBACK 01': { qos: 1, write: puback, code: 0x01 },
        'PUBACK 92': { qos: 1, write: puback, code: 0x92 },
        'PUBREC 05': { qos: 2, write: pubrec, code: 0x05 },
        'PUBREC 92': { qos: 2, write: pubrec, code: 0x92 },
      } as const
      await t.each(rows, async ({ qos, write, code }) => {
        const { peer, packetId } = await holding(t, qos)
        peer.send(write(packetId, code))
        await peer.rejects([0x82, 0x81])
      })
      const released = {
        'PUBREL 80': pubrel(5, 0x80),
        'PUBREL 10': pubrel(5, 0x10),
      }
      await t.each(released, async (bytes) => {
        const peer = await t.connect()
        peer.sendPublish(t.topic(), 'x', { qos: 2, packetId: 5 })
        await peer.expect('pubrec', { packetId: 5 })
        peer.send(bytes)
        await peer.rejects([0x82, 0x81])
      })
    },
  },
  {
    id: 'flow/wrong-code-of-pubcomp',
    title: 'refuses a PUBCOMP with a Reason Code that is not for it',
    statements: ['MQTT5-3.7.2-1'],
    versions: [5],
    async run(t) {
      await t.each({ 80: 0x80, 10: 0x10 }, async (code) => {
        const { peer, packetId } = await holding(t, 2)
        peer.send(pubrec(packetId))
        await peer.expect('pubrel', { packetId })
        peer.send(pubcomp(packetId, code))
        await peer.rejects([0x82, 0x81])
      })
    },
  },
  {
    id: 'flow/malformed-acknowledgements',
    title: 'refuses acknowledgements that are too short, too long, or have broken properties',
    statements: ['MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const kinds = { PUBACK: 0x40, PUBREC: 0x50, PUBREL: 0x62, PUBCOMP: 0x70 }
      const bodies = [
        '',
        '00',
        ...(t.version === 5 ? ['0001 00 05', '0001 00 02 2600'] : ['000100']),
      ]
      const rows = Object.entries(kinds).flatMap(([name, first]) =>
        bodies.map((body) => [`${name} ${body}`, packet(first, hex(body))] as const),
      )
      const { publisher, subscriber, topic } = await t.pair()
      await t.each(Object.fromEntries(rows), async (bytes) => {
        const peer = await t.connect()
        peer.send(bytes)
        await peer.rejects([0x81, 0x82])
      })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
]

export const acknowledgementCases: readonly Case[] = [...formCases, ...wrongCases]
