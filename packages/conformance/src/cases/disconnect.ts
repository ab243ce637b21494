import assert from 'node:assert/strict'
import { hex, property, publish, disconnect as writeDisconnect } from '../bytes.ts'
import { type Case, type Suite, suite } from '../case.ts'
import { serverDisconnectCases } from './disconnect-server.ts'

const willCases: readonly Case[] = [
  {
    id: 'disconnect/will-discarded',
    title: 'discards the Will on a normal DISCONNECT, in each of its forms',
    statements: ['MQTT5-3.14.4-3', 'U5-3.14.2-c', 'MQTT3-3.14.4-3', 'MQTT3-3.1.2-10'],
    versions: [5, 4, 3],
    async run(t) {
      const forms = t.version === 5 ? ['e0 00', 'e0 01 00', 'e0 02 00 00'] : ['e0 00']
      await t.each(Object.fromEntries(forms.map((form) => [form, form])), async (form) => {
        const { client, watcher } = await t.withWill()
        client.send(hex(form))
        await client.expectClosed()
        await watcher.expectNoMessage(1_500)
      })
    },
  },
  {
    id: 'disconnect/will-published',
    title: 'publishes the Will on a DISCONNECT with any other code that a client may send',
    statements: ['MQTT5-3.14.4-3', 'MQTT5-3.14.2-1', 'MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      const codes = [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]
      const rows = Object.fromEntries(codes.map((code) => [`code ${code.toString(16)}`, code]))
      await t.each(rows, async (code) => {
        const { client, watcher } = await t.withWill()
        client.send(writeDisconnect(code))
        await client.expectClosed()
        await watcher.message({ payload: 'will' })
      })
    },
  },
  {
    id: 'disconnect/reserved-flags',
    title: 'does not take a DISCONNECT with wrong flags for one',
    statements: ['MQTT5-3.14.1-1', 'MQTT5-2.1.3-1', 'MQTT3-3.14.1-1', 'MQTT3-2.2.2-2'],
    versions: [5, 4],
    async run(t) {
      const { client, watcher } = await t.withWill()
      client.send(hex('e1 00'))
      await client.rejects([0x81])
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'disconnect/server-only-code',
    title: 'refuses a Reason Code that is not for clients, and publishes the Will',
    statements: ['MQTT5-3.14.2-1', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = { 'Server shutting down': 0x8b, 'Session taken over': 0x8e, unknown: 0x05 }
      await t.each(rows, async (code) => {
        const { client, watcher } = await t.withWill()
        client.send(writeDisconnect(code))
        await client.rejects([0x82, 0x81])
        await watcher.message({ payload: 'will' })
      })
    },
  },
]

const expiryCases: readonly Case[] = [
  {
    id: 'disconnect/expiry-after-zero',
    title: 'refuses a Session Expiry Interval in DISCONNECT when CONNECT had 0',
    statements: ['U5-3.14.2-a', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const { client, watcher } = await t.withWill()
      client.send(writeDisconnect(0, [property.sessionExpiryInterval(10)]))
      await client.rejects([0x82])
      await watcher.message({ payload: 'will' })
      const again = await t.connect({ clientId: client.clientId, clean: false })
      assert.equal(again.sessionPresent, false)
    },
  },
  {
    id: 'disconnect/expiry-to-zero',
    title: 'ends the Session at once when DISCONNECT sets its expiry to 0',
    statements: ['U5-3.14.2-b', 'MQTT5-3.1.2-23'],
    versions: [5],
    async run(t) {
      const properties = [property.sessionExpiryInterval(300)]
      const client = await t.connect({ properties })
      await client.disconnect(0, [property.sessionExpiryInterval(0)])
      const again = await t.connect({ clientId: client.clientId, clean: false })
      assert.equal(again.sessionPresent, false)
    },
  },
  {
    id: 'disconnect/expiry-shortened',
    title: 'replaces the expiry of CONNECT with that of DISCONNECT',
    statements: ['U5-3.14.2-b', 'MQTT5-3.1.2-23', 'MQTT5-4.1.0-2'],
    versions: [5],
    async run(t) {
      const properties = [property.sessionExpiryInterval(300)]
      const clientId = t.id()
      const shortened = [property.sessionExpiryInterval(2)]
      await (await t.connect({ clientId, properties })).disconnect(0, shortened)
      const early = await t.connect({ clientId, clean: false, properties })
      assert.equal(early.sessionPresent, true)
      await early.disconnect(0, shortened)
      await t.delay(3_500)
      const late = await t.connect({ clientId, clean: false })
      assert.equal(late.sessionPresent, false)
    },
  },
]

const endCases: readonly Case[] = [
  {
    id: 'disconnect/server-closes',
    title: 'closes the connection on which DISCONNECT came',
    statements: ['U5-3.14.4-a', 'U5-3.14.2-c'],
    versions: [5, 4, 3],
    async run(t) {
      const peer = await t.connect()
      peer.send(hex('e0 00'))
      await peer.expectClosed(1_000)
    },
  },
  {
    id: 'disconnect/data-behind',
    title: 'ignores what a client sends behind DISCONNECT',
    statements: ['MQTT5-3.14.4-1', 'MQTT3-3.14.4-2'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const { version } = t
      publisher.send(writeDisconnect(), publish({ version, topic, payload: 'behind' }))
      await publisher.expectClosed()
      await subscriber.expectNoMessage()
    },
  },
]

export const disconnect: Suite = suite('disconnect', [
  ...willCases,
  ...expiryCases,
  ...endCases,
  ...serverDisconnectCases,
])
