import assert from 'node:assert/strict'
import { property, puback, pubcomp, pubrec } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'
import type { Received } from '../received.ts'
import { lasting, resume } from './lasting-session.ts'

/** A subscriber with a lasting Session that has got a message of this QoS and not answered. */
async function unanswered(
  t: Trial,
  qos: 1 | 2,
  properties: readonly Uint8Array[] = [],
): Promise<{ readonly peer: ConnectedPeer; readonly message: Received }> {
  const peer = await t.subscriber(t.topic(), { connect: lasting() })
  const publisher = await t.connect()
  await publisher.publish(t.topic(), 'x', { qos, properties })
  return { peer, message: await peer.pick('publish', { qos, dup: false }) }
}

const resentCases: readonly Case[] = [
  {
    id: 'flow/resume-qos-1',
    title: 'resends an unacknowledged message of QoS 1 when the Session is resumed, until PUBACK',
    statements: [
      'MQTT5-3.3.1-1',
      'MQTT5-4.3.2-3',
      'MQTT5-4.4.0-1',
      'MQTT3-3.3.1-1',
      'MQTT3-4.3.2-1',
      'MQTT3-4.4.0-1',
      'MQTT3-2.3.1-4',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const { peer, message } = await unanswered(t, 1)
      peer.abort()
      for (let times = 0; times < 2; times += 1) {
        const again = await resume(t, peer)
        const { packetId } = message
        await again.pick('publish', { payload: 'x', qos: 1, packetId, dup: true })
        await again.expectNoMessage(300)
        if (times === 1) again.send(puback(packetId))
        await again.ping()
        again.abort()
      }
      await (await resume(t, peer)).expectNoMessage()
    },
  },
  {
    id: 'flow/resume-qos-2',
    title: 'resends an unacknowledged message of QoS 2 when the Session is resumed',
    statements: [
      'MQTT5-3.3.1-1',
      'MQTT5-4.3.3-3',
      'MQTT5-4.4.0-1',
      'MQTT3-3.3.1-1',
      'MQTT3-4.3.3-1',
      'MQTT3-4.4.0-1',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const { peer, message } = await unanswered(t, 2)
      peer.abort()
      const again = await resume(t, peer)
      await again.message({ payload: 'x', qos: 2, packetId: message.packetId, dup: true })
      await again.expectNoMessage()
      again.abort()
      await (await resume(t, peer)).expectNoMessage()
    },
  },
  {
    id: 'flow/resume-pubrel',
    title: 'resends PUBREL, and not the PUBLISH, until PUBCOMP',
    statements: ['MQTT5-4.3.3-5', 'MQTT5-4.3.3-6', 'MQTT5-4.4.0-1', 'MQTT3-4.3.3-1'],
    versions: [5, 4, 3],
    async run(t) {
      const { peer, message } = await unanswered(t, 2)
      const { packetId } = message
      peer.send(pubrec(packetId))
      await peer.expect('pubrel', { packetId, firstByte: 0x62 })
      peer.abort()
      for (let times = 0; times < 2; times += 1) {
        const again = await resume(t, peer)
        await again.expect('pubrel', { packetId, reasonCode: 0 })
        await again.expectNothing(500)
        if (times === 1) again.send(pubcomp(packetId))
        await again.ping()
        again.abort()
      }
      await (await resume(t, peer)).expectNothing()
    },
  },
  {
    id: 'flow/resume-order',
    title: 'resends in the order of the first transmission, and new messages behind',
    statements: ['MQTT5-4.4.0-1', 'MQTT5-4.6.0-1', 'MQTT3-4.4.0-1', 'MQTT3-4.6.0-1'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.subscriber(t.topic(), { connect: lasting() })
      const publisher = await t.connect()
      for (let sent = 0; sent < 10; sent += 1) {
        await publisher.publish(t.topic(), `${sent}`, { qos: sent % 3 === 1 ? 2 : 1 })
      }
      const first = await peer.take(10, { acknowledge: false })
      await peer.disconnect()
      for (let sent = 10; sent < 15; sent += 1) {
        await publisher.publish(t.topic(), `${sent}`, { qos: 1 })
      }
      const again = await resume(t, peer)
      const second = await again.take(10, { acknowledge: false })
      const shown = (messages: readonly Received[]): readonly string[] =>
        messages.map(({ text, packetId, qos }) => `${text} id ${packetId} QoS ${qos}`)
      assert.deepEqual(shown(second), shown(first))
      t.check(
        second.every(({ dup }) => dup),
        'a resent message has DUP 0',
      )
      for (const message of second) await again.acknowledge(message)
      const fresh = await again.take(5)
      const texts = fresh.map(({ text, dup }) => `${text} ${dup}`)
      assert.deepEqual(texts, ['10 false', '11 false', '12 false', '13 false', '14 false'])
    },
  },
  {
    id: 'flow/resume-after-clean-start',
    title: 'resends for a Session that was begun with Clean Start 1',
    statements: ['U5-4.4-a', 'MQTT5-4.4.0-1'],
    versions: [5],
    async run(t) {
      const connect = { clean: true, properties: [property.sessionExpiryInterval(60)] }
      const peer = await t.subscriber(t.topic(), { connect })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 1 })
      const { packetId } = await peer.pick('publish', { payload: 'x' })
      peer.abort()
      await (await resume(t, peer)).message({ payload: 'x', packetId, dup: true })
    },
  },
  {
    id: 'flow/resume-expired',
    title: 'resends a message of QoS 2 that expired after it was sent',
    statements: ['MQTT5-4.3.3-7'],
    versions: [5],
    async run(t) {
      const { peer, message } = await unanswered(t, 2, [property.messageExpiryInterval(1)])
      await t.delay(3_000)
      peer.abort()
      const again = await resume(t, peer)
      await again.message({ payload: 'x', packetId: message.packetId, dup: true })
    },
  },
  {
    id: 'flow/offline',
    title: 'keeps messages for every Session with a matching subscription that is offline',
    statements: ['MQTT5-4.5.0-1', 'MQTT3-4.5.0-1'],
    versions: [5, 4, 3],
    async run(t) {
      const first = await t.subscriber(t.topic('a'), { connect: lasting() })
      const second = await t.subscriber(t.topic('#'), { connect: lasting() })
      const other = await t.subscriber(t.topic('other'), { connect: lasting() })
      for (const peer of [first, second, other]) await peer.disconnect()
      const publisher = await t.connect()
      await publisher.publish(t.topic('a'), 'one', { qos: 1 })
      await publisher.publish(t.topic('a'), 'two', { qos: 2 })
      for (const peer of [first, second]) {
        const again = await resume(t, peer)
        await again.message({ payload: 'one', qos: 1, dup: false, retain: false })
        await again.message({ payload: 'two', qos: 2, dup: false })
      }
      await (await resume(t, other)).expectNoMessage()
    },
  },
]

const notResentCases: readonly Case[] = [
  {
    id: 'flow/no-resend-while-open',
    title: 'resends nothing while the connection is open',
    statements: ['MQTT5-4.4.0-1'],
    versions: [5],
    async run(t) {
      const { peer } = await unanswered(t, 1)
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'y', { qos: 2 })
      await peer.pick('publish', { payload: 'y' })
      await publisher.publish(t.topic(), 'z', { qos: 2 })
      const { packetId } = await peer.pick('publish', { payload: 'z' })
      peer.send(pubrec(packetId))
      await peer.expect('pubrel', { packetId })
      await peer.expectNothing(5_000)
    },
  },
  {
    id: 'flow/refused-not-resent',
    title: 'does not resend what was answered with 80 or more',
    statements: ['MQTT5-4.4.0-2', 'MQTT5-3.4.2-1'],
    versions: [5],
    async run(t) {
      const peer = await t.subscriber(t.topic(), { connect: lasting() })
      const publisher = await t.connect()
      for (const qos of [1, 2] as const) {
        await publisher.publish(t.topic(), `at QoS ${qos}`, { qos })
        const { packetId } = await peer.pick('publish', { payload: `at QoS ${qos}` })
        peer.send(qos === 1 ? puback(packetId, 0x97) : pubrec(packetId, 0x97))
      }
      await peer.ping()
      peer.abort()
      await (await resume(t, peer)).expectNoMessage()
    },
  },
  {
    id: 'flow/nothing-of-a-discarded-session',
    title: 'resends nothing of a Session that Clean Start discarded',
    statements: ['MQTT5-4.4.0-1', 'MQTT3-4.4.0-1'],
    versions: [5, 4, 3],
    async run(t) {
      const { peer } = await unanswered(t, 1)
      peer.abort()
      const fresh = await t.connect({ ...lasting(), clientId: peer.clientId, clean: true })
      assert.equal(fresh.sessionPresent, false)
      await fresh.expectNoMessage()
    },
  },
]

export const resumeCases: readonly Case[] = [...resentCases, ...notResentCases]
