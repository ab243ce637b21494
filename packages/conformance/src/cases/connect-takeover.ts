import assert from 'node:assert/strict'
import { property } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting } from './lasting-session.ts'

export const takeoverCases: readonly Case[] = [
  {
    id: 'connect/takeover',
    title: 'closes the old connection, accepts the new one and publishes the Will of the old one',
    statements: ['MQTT5-3.1.4-3', 'MQTT5-4.13.2-1', 'MQTT3-3.1.4-2'],
    versions: [5, 4, 3],
    async run(t) {
      const { client: first, watcher } = await t.withWill()
      const second = await t.connect({ clientId: first.clientId })
      await first.rejects([0x8e])
      await watcher.message({ payload: 'will' })
      await second.ping()
    },
  },
  {
    id: 'connect/takeover-told',
    title: 'tells a client whose Session is taken over so, with DISCONNECT 8E',
    statements: ['MQTT5-3.1.4-3'],
    versions: [5],
    async run(t) {
      const first = await t.connect()
      await t.connect({ clientId: first.clientId })
      const farewell = await first.rejects([0x8e])
      t.check(farewell !== undefined, 'expected DISCONNECT 8E, but the Server closed without it')
    },
  },
  {
    id: 'connect/takeover-across-versions',
    title: 'ends the old connection whatever versions the old and the new one have',
    statements: ['MQTT5-3.1.4-3'],
    versions: [5],
    async run(t) {
      const rows = {
        '3.1.1 after 5.0': { before: 5, after: 4 },
        '5.0 after 3.1.1': { before: 4, after: 5 },
        '5.0 after 3.1': { before: 3, after: 5 },
      } as const
      await t.each(rows, async ({ before, after }) => {
        const first = await t.connect({ version: before })
        const second = await t.connect({ version: after, clientId: first.clientId })
        await first.rejects([0x8e])
        await second.ping()
      })
    },
  },
  {
    id: 'connect/takeover-resumes',
    title: 'gives the Session of the connection that is taken over to the new one',
    statements: ['MQTT5-3.1.4-4', 'MQTT5-3.1.2-5', 'MQTT3-3.1.4-3', 'MQTT3-3.1.2-4'],
    versions: [5, 4],
    async run(t) {
      const options = { clientId: t.id(), ...lasting() }
      const first = await t.subscriber(t.topic(), { connect: options })
      const second = await t.connect(options)
      assert.equal(second.sessionPresent, true)
      await first.rejects([0x8e])
      await second.publish(t.topic(), 'x', { qos: 1 })
      await second.message({ payload: 'x' })
    },
  },
  {
    id: 'connect/takeover-clean',
    title: 'drops the Session of the connection that is taken over by one with a clean start',
    statements: ['MQTT5-3.1.4-4', 'MQTT5-3.1.2-4', 'MQTT3-3.1.4-3', 'MQTT3-3.1.2-6'],
    versions: [5, 4],
    async run(t) {
      const options = { clientId: t.id(), ...lasting() }
      const first = await t.subscriber(t.topic(), { connect: options })
      const second = await t.connect({ clientId: options.clientId })
      assert.equal(second.sessionPresent, false)
      await first.rejects([0x8e])
      await second.publish(t.topic(), 'x', { qos: 1 })
      await second.expectNoMessage()
    },
  },
  {
    id: 'connect/takeover-of-passing-session',
    title: 'begins a Session when the one that is taken over ends with its connection',
    statements: ['MQTT5-3.1.4-4', 'MQTT5-3.1.2-6'],
    versions: [5],
    async run(t) {
      const first = await t.subscriber(t.topic(), {
        connect: { properties: [property.sessionExpiryInterval(0)] },
      })
      const second = await t.connect({ clientId: first.clientId, clean: false })
      await first.rejects([0x8e])
      await second.publish(t.topic(), 'x', { qos: 1 })
      // The standard does not say whether it ends before the new CONNECT is looked at.
      if (second.sessionPresent) await second.message({ payload: 'x' })
      else await second.expectNoMessage()
    },
  },
  {
    id: 'connect/takeover-flapping',
    title: 'leaves one connection when thirty want the same Client Identifier',
    statements: ['MQTT5-3.1.4-3', 'MQTT3-3.1.4-2'],
    versions: [5, 4],
    async run(t) {
      const bystander = await t.connect()
      const clientId = t.id()
      const peers = await Promise.all(
        Array.from({ length: 30 }, async () => {
          const peer = await t.open()
          peer.send(t.connectBytes({ clientId, ...lasting() }))
          return peer
        }),
      )
      await t.delay(1_500)
      assert.equal(peers.filter(({ isOpen }) => isOpen).length, 1)
      const last = await t.connect({ clientId })
      await last.ping()
      await bystander.ping()
    },
  },
]
