import assert from 'node:assert/strict'
import { property, puback, pubcomp, pubrec, subscribe } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'
import { serverWindowCases } from './flow-window-server.ts'
import { lasting, resume } from './lasting-session.ts'

/** A subscriber with this Receive Maximum, for whom `count` messages of the QoS are there. */
async function flooded(
  t: Trial,
  receiveMaximum: number,
  { qos, count }: { readonly qos: 1 | 2; readonly count: number },
): Promise<ConnectedPeer> {
  const connect = lasting(property.receiveMaximum(receiveMaximum))
  const peer = await t.subscriber(t.topic(), { connect })
  const publisher = await t.connect()
  for (let sent = 0; sent < count; sent += 1) {
    await publisher.publish(t.topic(), `${sent}`, { qos })
  }
  return peer
}

const senderCases: readonly Case[] = [
  {
    id: 'flow/receive-maximum',
    title: 'sends as many unacknowledged messages as the client allows, one more for each PUBACK',
    statements: ['MQTT5-3.3.4-9', 'MQTT5-4.9.0-2', 'U5-4.9-a'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 2, { qos: 1, count: 6 })
      let outstanding = await peer.take(2, { acknowledge: false })
      await peer.expectNoMessage()
      for (let next = 2; next < 6; next += 1) {
        peer.send(puback(outstanding[0]?.packetId ?? 0))
        const message = await peer.pick('publish', { payload: `${next}` })
        await peer.expectNoMessage(200)
        outstanding = [...outstanding.slice(1), message]
      }
    },
  },
  {
    id: 'flow/receive-maximum-at-qos-2',
    title: 'sends one more for each PUBCOMP and for each PUBREC of 80, and none for PUBREC',
    statements: ['MQTT5-3.3.4-9', 'MQTT5-4.9.0-2', 'U5-4.9-a'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 2, { qos: 2, count: 5 })
      const [first, second] = await peer.take(2, { acknowledge: false })
      await peer.expectNoMessage()
      const [one, two] = [first?.packetId ?? 0, second?.packetId ?? 0]
      peer.send(pubrec(one))
      await peer.expect('pubrel', { packetId: one })
      await peer.expectNothing()
      peer.send(pubcomp(one))
      await peer.pick('publish', { payload: '2' })
      await peer.expectNothing(500)
      peer.send(pubrec(two, 0x80))
      await peer.pick('publish', { payload: '3' })
      await peer.expectNothing(500)
    },
  },
  {
    id: 'flow/receive-maximum-failed-pubcomp',
    title: 'sends one more for a PUBCOMP of code 92',
    statements: ['U5-4.9-a'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 1, { qos: 2, count: 2 })
      const [first] = await peer.take(1, { acknowledge: false })
      const packetId = first?.packetId ?? 0
      peer.send(pubrec(packetId))
      await peer.expect('pubrel', { packetId })
      peer.send(pubcomp(packetId, 0x92))
      await peer.message({ payload: '1' })
    },
  },
  {
    id: 'flow/receive-maximum-1',
    title: 'delivers everything one by one to a client with Receive Maximum 1',
    statements: ['MQTT5-4.9.0-1', 'MQTT5-3.3.4-9'],
    versions: [5],
    async run(t) {
      const connect = { properties: [property.receiveMaximum(1)] }
      const peer = await t.subscriber(t.topic(), { connect })
      const publisher = await t.connect()
      for (let sent = 0; sent < 12; sent += 1) {
        await publisher.publish(t.topic(), `${sent}`, { qos: sent % 2 === 0 ? 1 : 2 })
      }
      for (let taken = 0; taken < 12; taken += 1) {
        const message = await peer.pick('publish', { payload: `${taken}` })
        await t.delay(50)
        t.check(peer.waiting.length === 0, `before its acknowledgement came ${peer.waiting[0]}`)
        await peer.acknowledge(message)
      }
      await peer.expectNoMessage()
    },
  },
  {
    id: 'flow/receive-maximum-not-above',
    title: 'does not let its window grow by acknowledgements that nothing asked for',
    statements: ['U5-4.9-a', 'MQTT5-3.3.4-9'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 2, { qos: 1, count: 8 })
      const [first, second] = await peer.take(2, { acknowledge: false })
      const id = first?.packetId ?? 0
      const unknown = [1, 2, 3].map((more) => id + (second?.packetId ?? 0) + more)
      peer.send(...unknown.map((packetId) => puback(packetId)), puback(id), puback(id))
      const isOpen = (await peer.receiveUnlessClosed())?.type === 'publish'
      // To close on an acknowledgement that answers nothing is allowed.
      if (!isOpen) return
      await t.delay(1_000)
      t.check(peer.waiting.length === 0, `a third unacknowledged message: ${peer.waiting[0]}`)
    },
  },
  {
    id: 'flow/full-window',
    title: 'answers other packets while its send window is full',
    statements: ['MQTT5-3.3.4-10', 'MQTT5-4.9.0-3'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 1, { qos: 1, count: 3 })
      await peer.pick('publish', { payload: '0' })
      const filters = [{ filter: t.topic('other') }]
      peer.send(subscribe({ version: 5, packetId: 9, filters }))
      await peer.expect('suback', { packetId: 9 }, 1_000)
      await peer.ping()
      await peer.publish(t.topic('elsewhere'), 'own', { qos: 2 })
      await peer.unsubscribe(t.topic('other'))
      await peer.expectNothing(500)
    },
  },
  {
    id: 'flow/window-after-resume',
    title: 'counts resent messages against the Receive Maximum of the new connection',
    statements: ['MQTT5-4.9.0-2', 'U5-4.9-a'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 2, { qos: 1, count: 6 })
      await peer.take(2, { acknowledge: false })
      await peer.disconnect()
      const second = await resume(t, peer, property.receiveMaximum(2))
      const resent = (await second.take(2, { acknowledge: false })).map(({ text }) => text)
      assert.deepEqual(resent, ['0', '1'])
      await second.expectNoMessage()
      await second.disconnect()
      const third = await resume(t, peer, property.receiveMaximum(3))
      const texts = (await third.take(3, { acknowledge: false })).map(({ text }) => text)
      assert.deepEqual(texts, ['0', '1', '2'])
      await third.expectNoMessage()
    },
  },
  {
    id: 'flow/window-smaller-after-resume',
    title: 'resends no more at once than the new connection allows',
    statements: ['MQTT5-4.9.0-2', 'MQTT5-3.3.4-9'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 4, { qos: 1, count: 6 })
      await peer.take(4, { acknowledge: false })
      await peer.disconnect()
      const again = await resume(t, peer, property.receiveMaximum(1))
      for (let next = 0; next < 6; next += 1) {
        const message = await again.pick('publish', { payload: `${next}` })
        await t.delay(50)
        t.check(again.waiting.length === 0, `a second message at once: ${again.waiting[0]}`)
        await again.acknowledge(message)
      }
    },
  },
  {
    id: 'flow/pubrel-is-no-message',
    title: 'does not let its window grow by the PUBCOMP of a PUBREL that it resent',
    statements: ['MQTT5-4.9.0-2', 'U5-4.9-a'],
    versions: [5],
    async run(t) {
      const peer = await flooded(t, 1, { qos: 2, count: 4 })
      const [first] = await peer.take(1, { acknowledge: false })
      const packetId = first?.packetId ?? 0
      peer.send(pubrec(packetId))
      await peer.expect('pubrel', { packetId })
      await peer.disconnect()
      const again = await resume(t, peer, property.receiveMaximum(1))
      await again.pick('pubrel', { packetId })
      again.send(pubcomp(packetId))
      await again.pick('publish', { payload: '1' })
      await again.expectNoMessage()
    },
  },
]

export const windowCases: readonly Case[] = [...senderCases, ...serverWindowCases]
