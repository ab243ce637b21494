import assert from 'node:assert/strict'
import { hex, property, pubcomp, pubrec, pubrel } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'

const receiverCases: readonly Case[] = [
  {
    id: 'flow/qos-1',
    title: 'acknowledges a message of QoS 1 with PUBACK, and takes its identifier as new then',
    statements: ['MQTT5-4.3.2-4', 'MQTT5-4.3.2-5', 'MQTT3-4.3.2-2', 'MQTT3-2.3.1-6'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const [payload, dup] of [
        ['first', false],
        ['second', true],
        ['third', false],
      ] as const) {
        publisher.sendPublish(topic, payload, { qos: 1, packetId: 5, dup })
        const { bytes } = await publisher.expect('puback', { packetId: 5, reasonCode: 0 })
        if (t.version !== 5) assert.deepEqual(bytes, hex('40 02 0005'))
        await subscriber.message({ payload, dup: false })
      }
    },
  },
  {
    id: 'flow/qos-2',
    title: 'answers PUBLISH with PUBREC and PUBREL with PUBCOMP, and delivers once',
    statements: [
      'MQTT5-4.3.3-8',
      'MQTT5-4.3.3-11',
      'MQTT5-4.3.3-12',
      'MQTT3-4.3.3-2',
      'MQTT3-2.3.1-6',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const payload of ['first', 'second']) {
        publisher.sendPublish(topic, payload, { qos: 2, packetId: 5 })
        const received = await publisher.expect('pubrec', { packetId: 5, reasonCode: 0 })
        publisher.send(pubrel(5))
        const complete = await publisher.expect('pubcomp', { packetId: 5, reasonCode: 0 })
        if (t.version !== 5) assert.deepEqual(received.bytes, hex('50 02 0005'))
        if (t.version !== 5) assert.deepEqual(complete.bytes, hex('70 02 0005'))
        await subscriber.message({ payload, qos: 2 })
      }
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'flow/qos-2-repeated',
    title: 'answers a repeated PUBLISH with PUBREC and does not deliver it again',
    statements: ['MQTT5-4.3.3-10', 'MQTT3-4.3.3-2'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const dup of [false, true, true]) {
        publisher.sendPublish(topic, 'once', { qos: 2, packetId: 5, dup })
        await publisher.expect('pubrec', { packetId: 5, reasonCode: 0 })
      }
      publisher.send(pubrel(5))
      await publisher.expect('pubcomp', { packetId: 5, reasonCode: 0 })
      await subscriber.message({ payload: 'once' })
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'flow/qos-2-repeated-after-reconnect',
    title: 'remembers in the Session that it has a message of QoS 2',
    statements: ['MQTT5-4.3.3-10', 'MQTT3-4.3.3-2', 'MQTT5-4.4.0-1', 'MQTT3-4.4.0-1'],
    versions: [5, 4, 3],
    async run(t) {
      const subscriber = await t.subscriber()
      const publisher = await t.connect(lasting())
      publisher.sendPublish(t.topic(), 'once', { qos: 2, packetId: 5 })
      await publisher.expect('pubrec', { packetId: 5 })
      publisher.abort()
      const again = await resume(t, publisher)
      again.sendPublish(t.topic(), 'once', { qos: 2, packetId: 5, dup: true })
      await again.expect('pubrec', { packetId: 5, reasonCode: 0 })
      again.abort()
      const last = await resume(t, publisher)
      last.send(pubrel(5))
      await last.expect('pubcomp', { packetId: 5, reasonCode: 0 })
      await subscriber.message({ payload: 'once' })
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'flow/qos-2-after-refusal',
    title: 'takes an identifier as new after a PUBREC of 80 or more',
    statements: ['MQTT5-4.3.3-9', 'U5-2.2.1-a'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      publisher.sendPublish(`$SYS/${t.id()}`, 'refused', { qos: 2, packetId: 5 })
      const answer = await publisher.receiveUnlessClosed()
      if (answer?.type !== 'pubrec' || answer.reasonCode < 0x80) {
        t.skip('the Server refuses no publication below $SYS with PUBREC')
      }
      await publisher.publish(topic, 'allowed', { qos: 2, packetId: 5 })
      await subscriber.message({ payload: 'allowed' })
    },
  },
  {
    id: 'flow/qos-2-expired',
    title: 'completes the exchange of a message that has expired meanwhile',
    statements: ['MQTT5-4.3.3-13'],
    versions: [5],
    async run(t) {
      const { publisher, topic } = await t.pair()
      const properties = [property.messageExpiryInterval(1)]
      publisher.sendPublish(topic, 'x', { qos: 2, packetId: 5, properties })
      await publisher.expect('pubrec', { packetId: 5, reasonCode: 0 })
      await t.delay(3_000)
      publisher.send(pubrel(5))
      await publisher.expect('pubcomp', { packetId: 5, reasonCode: 0 })
    },
  },
  {
    id: 'flow/pubrel-unknown',
    title: 'answers a PUBREL whose identifier it does not know with PUBCOMP of code 92 or 00',
    statements: ['MQTT5-4.3.3-11', 'MQTT5-3.7.2-1', 'MQTT3-4.3.3-2'],
    versions: [5, 4, 3],
    async run(t) {
      const peer = await t.connect()
      peer.send(pubrel(77))
      const { reasonCode } = await peer.expect('pubcomp', { packetId: 77 })
      // No statement says that 00 may not stand for "nothing to do".
      assert.ok([0x00, 0x92].includes(reasonCode), `code ${reasonCode.toString(16)}`)
      await peer.ping()
    },
  },
]

const senderCases: readonly Case[] = [
  {
    id: 'flow/unused-identifiers',
    title: 'gives a message no identifier that is in use, also not one between PUBREC and PUBCOMP',
    statements: ['MQTT5-4.3.3-1', 'MQTT5-4.3.2-1', 'MQTT3-4.3.3-1', 'MQTT3-2.3.1-4'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (let sent = 0; sent < 15; sent += 1) {
        await publisher.publish(topic, `${sent}`, { qos: sent % 5 === 4 ? 1 : 2 })
      }
      const inUse: number[] = []
      for (let taken = 0; taken < 15; taken += 1) {
        const { packetId, qos } = await subscriber.pick('publish', { payload: `${taken}` })
        t.check(packetId > 0 && !inUse.includes(packetId), `${packetId} beside ${inUse}`)
        inUse.push(packetId)
        if (qos === 2) subscriber.send(pubrec(packetId))
        if (qos === 2) await subscriber.pick('pubrel', { packetId })
      }
    },
  },
  {
    id: 'flow/sends-pubrel',
    title: 'answers PUBREC with PUBREL of the same identifier',
    statements: ['MQTT5-4.3.3-4', 'MQTT5-3.6.2-1', 'MQTT3-4.3.3-1', 'MQTT3-2.3.1-6'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const code of t.version === 5 ? [undefined, 0x00] : [undefined]) {
        await publisher.publish(topic, 'x', { qos: 2 })
        const { packetId } = await subscriber.pick('publish', { qos: 2, dup: false })
        subscriber.send(pubrec(packetId, code))
        const released = await subscriber.expect('pubrel', { packetId, reasonCode: 0 })
        assert.equal(released.firstByte, 0x62)
        subscriber.send(pubcomp(packetId))
        await subscriber.ping()
      }
      await subscriber.expectNothing(500)
    },
  },
  {
    id: 'flow/pubrec-refusal',
    title: 'sends no PUBREL for a PUBREC of 80 or more',
    statements: ['MQTT5-4.3.3-4', 'MQTT5-4.4.0-2'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      for (const code of [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]) {
        await publisher.publish(topic, 'x', { qos: 2 })
        const { packetId } = await subscriber.pick('publish', { qos: 2, dup: false })
        subscriber.send(pubrec(packetId, code))
        await subscriber.ping()
      }
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'flow/pubrec-unknown',
    title: 'answers a PUBREC whose identifier it does not know with PUBREL of code 92 or 00',
    statements: ['MQTT5-4.3.3-4', 'MQTT5-3.6.2-1'],
    versions: [5],
    async run(t) {
      const peer = await t.connect()
      peer.send(pubrec(77))
      const { reasonCode } = await peer.expect('pubrel', { packetId: 77 })
      assert.ok([0x00, 0x92].includes(reasonCode), `code ${reasonCode.toString(16)}`)
      peer.send(pubcomp(77))
      await peer.ping()
    },
  },
]

export const handshakeCases: readonly Case[] = [...receiverCases, ...senderCases]
