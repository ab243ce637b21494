import assert from 'node:assert/strict'
import { property, puback, pubcomp, publish, pubrec, pubrel } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'
import { lasting, resume } from './lasting-session.ts'

/** Messages between others go on. */
async function othersGoOn(t: Trial): Promise<void> {
  const { publisher, subscriber, topic } = await t.pair({ topic: t.topic(`bystander/${t.id()}`) })
  await publisher.publish(topic, 'still here', { qos: 2 })
  await subscriber.message({ payload: 'still here' })
}

/** The Server answers what was sent by mistake, ignores it, or closes the connection. */
async function survives(t: Trial, peer: ConnectedPeer): Promise<void> {
  await t.delay(300)
  const disconnect = peer.waiting.find(({ type }) => type === 'disconnect')
  const code = disconnect?.reasonCode ?? 0x82
  t.check([0x80, 0x81, 0x82, 0x83, 0x93].includes(code), `it sent ${disconnect}`)
  if (peer.isOpen) await peer.ping()
  await othersGoOn(t)
}

const acknowledgementCases: readonly Case[] = [
  {
    id: 'flow/unknown-acknowledgements',
    title: 'does no harm to anything when acknowledgements answer nothing',
    statements: ['MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const kinds = { PUBACK: puback, PUBREC: pubrec, PUBREL: pubrel, PUBCOMP: pubcomp }
      await t.each(kinds, async (write) => {
        const peer = await t.subscriber(t.topic(), { connect: lasting() })
        peer.send(...[1, 2, 300, 65_535].map((packetId) => write(packetId)))
        await survives(t, peer)
        peer.abort()
        const again = await resume(t, peer)
        const publisher = await t.connect()
        await publisher.publish(t.topic(), peer.clientId, { qos: 2 })
        const messages = [await again.message()]
        while (messages.at(-1)?.text !== peer.clientId) messages.push(await again.message())
      })
    },
  },
  {
    id: 'flow/wrong-kind-at-qos-1',
    title: 'does not take a PUBREC or PUBCOMP for the PUBACK of a message of QoS 1',
    statements: ['MQTT5-4.3.2-3', 'MQTT3-4.3.2-1'],
    versions: [5, 4],
    async run(t) {
      await t.each({ PUBREC: pubrec, PUBCOMP: pubcomp, PUBREL: pubrel }, async (write) => {
        await keepsUnanswered(t, { qos: 1, write })
      })
    },
  },
  {
    id: 'flow/wrong-kind-at-qos-2',
    title: 'does not take a PUBACK or PUBCOMP for the PUBREC of a message of QoS 2',
    statements: ['MQTT5-4.3.3-3', 'MQTT3-4.3.3-1'],
    versions: [5, 4],
    async run(t) {
      await t.each({ PUBACK: puback, PUBCOMP: pubcomp, PUBREL: pubrel }, async (write) => {
        await keepsUnanswered(t, { qos: 2, write })
      })
    },
  },
  {
    id: 'flow/wrong-kind-behind-pubrec',
    title: 'does not take a PUBACK for the PUBCOMP of a message of QoS 2',
    statements: ['MQTT5-4.3.3-5', 'MQTT3-4.3.3-1'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.subscriber(t.topic(), { connect: lasting() })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 2 })
      const { packetId } = await peer.pick('publish', { qos: 2 })
      peer.send(pubrec(packetId))
      await peer.expect('pubrel', { packetId })
      peer.send(puback(packetId))
      await survives(t, peer)
      peer.abort()
      const again = await resume(t, peer)
      await again.expect('pubrel', { packetId })
    },
  },
  {
    id: 'flow/pubrec-twice',
    title: 'answers a repeated PUBREC with PUBREL again',
    statements: ['MQTT5-4.3.3-4', 'MQTT3-4.3.3-1'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      await publisher.publish(topic, 'x', { qos: 2 })
      const { packetId } = await subscriber.pick('publish', { qos: 2 })
      for (let times = 0; times < 3; times += 1) {
        subscriber.send(pubrec(packetId))
        await subscriber.expect('pubrel', { packetId, reasonCode: 0 })
      }
      subscriber.send(pubcomp(packetId))
      await subscriber.expectNoMessage(300)
    },
  },
]

type Acknowledgement = typeof puback

/** A message stays unanswered when a wrong acknowledgement came for it. */
async function keepsUnanswered(
  t: Trial,
  { qos, write }: { readonly qos: 1 | 2; readonly write: Acknowledgement },
): Promise<void> {
  const topic = t.topic(t.id())
  const peer = await t.subscriber(topic, { connect: lasting() })
  const publisher = await t.connect()
  await publisher.publish(topic, 'x', { qos })
  const { packetId } = await peer.pick('publish', { qos })
  peer.send(write(packetId))
  await survives(t, peer)
  peer.abort()
  const again = await resume(t, peer)
  await again.pick('publish', { payload: 'x', qos, packetId, dup: true })
}

const identifierCases: readonly Case[] = [
  {
    id: 'flow/identifier-in-use',
    title: 'survives a message of QoS 1 with the identifier of an unfinished one of QoS 2',
    statements: ['MQTT5-4.13.1-1', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const publisher = await t.connect()
      publisher.sendPublish(t.topic('other'), 'at QoS 2', { qos: 2, packetId: 5 })
      await publisher.expect('pubrec', { packetId: 5 })
      publisher.sendPublish(t.topic('other'), 'at QoS 1', { qos: 1, packetId: 5 })
      const answer = await publisher.receiveUnlessClosed()
      if (answer?.type === 'puback') {
        publisher.send(pubrel(5))
        await publisher.expect('pubcomp', { packetId: 5 })
        await publisher.publish(t.topic('other'), 'again', { qos: 2, packetId: 5 })
      } else if (answer !== undefined) {
        assert.ok([0x82, 0x91].includes(answer.reasonCode), `${answer}`)
      }
      await othersGoOn(t)
    },
  },
  {
    id: 'flow/other-message-with-identifier',
    title: 'delivers one message for the PUBLISHes that repeat an unfinished identifier',
    statements: ['MQTT5-4.3.3-10', 'MQTT3-4.3.3-2'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const { version } = t
      const repeated = ['first', 'another', 'and another'].map((payload) =>
        publish({ version, topic, payload, qos: 2, packetId: 5 }),
      )
      publisher.send(...repeated)
      for (const _ of repeated) await publisher.expect('pubrec', { packetId: 5 })
      publisher.send(pubrel(5))
      await publisher.expect('pubcomp', { packetId: 5 })
      // Which of them is open, because no client may do this.
      await subscriber.message()
      await subscriber.expectNoMessage()
    },
  },
]

const slowCases: readonly Case[] = [
  {
    id: 'flow/never-acknowledges',
    title: 'goes on with others while a subscriber acknowledges nothing',
    statements: ['MQTT5-3.3.4-10', 'MQTT5-4.5.0-1', 'MQTT3-4.5.0-1'],
    versions: [5, 4],
    async run(t) {
      const silent = await t.subscriber(t.topic())
      const { publisher, subscriber, topic } = await t.pair()
      for (let sent = 0; sent < 300; sent += 1) {
        await publisher.publish(topic, `${sent}`, { qos: sent % 2 === 0 ? 1 : 2 })
        await subscriber.message({ payload: `${sent}` })
      }
      t.check(silent.waiting.length > 0, 'the silent subscriber got nothing')
      await silent.ping()
    },
  },
  {
    id: 'flow/never-reads',
    title: 'goes on with others while a subscriber reads nothing',
    statements: ['MQTT5-4.5.0-1', 'MQTT3-4.5.0-1'],
    versions: [5, 4],
    async run(t) {
      const stuck = await t.subscriber(t.topic())
      stuck.pause()
      const { publisher, subscriber, topic } = await t.pair()
      const limit = publisher.connack.property('maximumPacketSize') ?? 60_000
      const payload = new Uint8Array(Math.min(limit - 200, 50_000))
      for (let sent = 0; sent < 200; sent += 1) {
        await publisher.publish(topic, payload, { qos: sent % 2 === 0 ? 0 : 1 })
        await subscriber.message({ payload })
      }
    },
  },
  {
    id: 'flow/leaves-in-the-middle',
    title: 'goes on with others when subscribers break off with messages on their way',
    statements: ['MQTT5-4.5.0-1', 'MQTT3-4.5.0-1'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const connect = t.version === 5 ? { properties: [property.receiveMaximum(3)] } : {}
      for (let round = 0; round < 20; round += 1) {
        const leaving = await t.subscriber(topic, { connect })
        for (let sent = 0; sent < 5; sent += 1) {
          await publisher.publish(topic, `${round} ${sent}`, { qos: sent % 2 === 0 ? 1 : 2 })
          if (sent === 2) leaving.abort()
          await subscriber.message({ payload: `${round} ${sent}` })
        }
      }
    },
  },
]

export const hostileCases: readonly Case[] = [
  ...acknowledgementCases,
  ...identifierCases,
  ...slowCases,
]
