import assert from 'node:assert/strict'
import { property } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting } from './lasting-session.ts'

const characters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

const givenCases: readonly Case[] = [
  {
    id: 'connect/identifier-is-the-key',
    title: 'keeps a Session for each Client Identifier, compared byte by byte',
    statements: ['MQTT5-3.1.3-2', 'MQTT3-3.1.3-2'],
    versions: [5, 4],
    async run(t) {
      const [upper, lower] = [t.id('A'), t.id('a')]
      const [one, other] = [t.topic('1'), t.topic('2')]
      for (const [clientId, filter] of [[upper, one] as const, [lower, other] as const]) {
        const peer = await t.subscriber(filter, { connect: { clientId, ...lasting() } })
        await peer.disconnect()
      }
      const publisher = await t.connect()
      for (const topic of [one, other]) await publisher.publish(topic, topic, { qos: 1 })
      for (const [clientId, topic] of [[upper, one] as const, [lower, other] as const]) {
        const peer = await t.connect({ clientId, ...lasting() })
        assert.equal(peer.sessionPresent, true)
        await peer.message({ topic, payload: topic })
        await peer.expectNoMessage(300)
      }
    },
  },
  {
    id: 'connect/identifier-characters',
    title: 'takes Client Identifiers of 1 to 23 of the characters 0-9 a-z A-Z',
    statements: ['MQTT5-3.1.3-5', 'MQTT3-3.1.3-5'],
    versions: [5, 4, 3],
    async run(t) {
      // Each version takes a third of the shortest, because they run at the same time.
      const shortest = [...characters].filter((_, at) => at % 3 === t.version - 3)
      const longest = Array.from({ length: 8 }, (_, at) => {
        const start = `${t.id()}x`
        return (
          start +
          characters
            .slice(at * 8)
            .padEnd(23, '0')
            .slice(0, 23 - start.length)
        )
      })
      const clientIds = [...shortest, ...longest]
      await t.each(Object.fromEntries(clientIds.map((id) => [id, id])), async (clientId) => {
        const peer = await t.connect({ clientId })
        await peer.disconnect()
      })
    },
  },
  {
    id: 'connect/identifier-too-long',
    title: 'refuses a Client Identifier that is longer than it takes',
    statements: ['MQTT5-3.1.3-8', 'MQTT3-3.1.3-9'],
    versions: [5, 4],
    profile: 'small-limits',
    async run(t) {
      const peer = await t.open()
      peer.send(t.connectBytes({ clientId: t.id().padEnd(200, '0') }))
      const connack = await peer.receiveUnlessClosed()
      if (connack?.reasonCode === 0) t.skip('the Server takes long Client Identifiers')
      if (t.version === 4) assert.equal(connack?.reasonCode, 0x02)
      else assert.equal(connack?.reasonCode ?? 0x85, 0x85)
      await peer.expectClosed(1_000)
    },
  },
]

const assignedCases: readonly Case[] = [
  {
    id: 'connect/assigned-identifier',
    title: 'gives clients without a Client Identifier different ones, and tells them',
    statements: ['MQTT5-3.1.3-6', 'MQTT5-3.2.2-16'],
    versions: [5],
    async run(t) {
      const peers = await Promise.all([1, 2].map(async () => await t.connect({ clientId: '' })))
      const assigned = peers.map(({ connack }) => connack.property('assignedClientIdentifier'))
      assert.ok(assigned.every((clientId) => (clientId ?? '') !== ''))
      assert.notEqual(assigned[0], assigned[1])
      for (const peer of peers) await peer.ping()
      const named = await t.connect()
      assert.equal(named.connack.property('assignedClientIdentifier'), undefined)
    },
  },
  {
    id: 'connect/thousand-assigned-identifiers',
    title: 'assigns a thousand Client Identifiers of which no two are the same',
    statements: ['MQTT5-3.2.2-16'],
    versions: [5],
    async run(t) {
      const assigned = new Set<string | undefined>()
      // With an expiry, so that the Session of each is still there when the next one comes.
      const options = { clientId: '', properties: [property.sessionExpiryInterval(20)] }
      for (let round = 0; round < 20; round += 1) {
        const fifty = Array.from({ length: 50 }, async () => {
          const peer = await t.connect(options)
          assigned.add(peer.connack.property('assignedClientIdentifier'))
          assert.equal(peer.sessionPresent, false)
          await peer.disconnect()
        })
        await Promise.all(fifty)
      }
      assert.equal(assigned.size, 1_000)
    },
  },
  {
    id: 'connect/assigned-identifier-resumed',
    title: 'keeps the Session of an assigned Client Identifier as of any other',
    statements: ['MQTT5-3.1.3-7'],
    versions: [5],
    async run(t) {
      const first = await t.connect({ clientId: '', ...lasting() })
      assert.equal(first.sessionPresent, false)
      await first.subscribe(t.topic())
      await first.disconnect()
      const clientId = first.connack.property('assignedClientIdentifier') ?? ''
      const again = await t.connect({ clientId, ...lasting() })
      assert.equal(again.sessionPresent, true)
      await again.publish(t.topic(), 'x', { qos: 1 })
      await again.message({ payload: 'x' })
    },
  },
  {
    id: 'connect/empty-identifiers',
    title: 'gives two clients with an empty Client Identifier Sessions of their own',
    statements: ['MQTT3-3.1.3-6'],
    versions: [4],
    async run(t) {
      const one = await t.connect({ clientId: '' })
      await one.subscribe(t.topic())
      const other = await t.connect({ clientId: '' })
      await other.publish(t.topic(), 'x', { qos: 1 })
      await one.message({ payload: 'x' })
      await other.expectNoMessage()
      await one.ping()
    },
  },
  {
    id: 'connect/empty-identifier-refused',
    title: 'refuses an empty Client Identifier without Clean Session with code 2',
    statements: ['MQTT3-3.1.3-8', 'MQTT3-3.2.2-4', 'MQTT3-3.2.2-5'],
    versions: [4],
    async run(t) {
      const peer = await t.open()
      peer.send(t.connectBytes({ clientId: '', clean: false }))
      const { bytes } = await peer.expect('connack')
      assert.deepEqual([...bytes], [0x20, 2, 0, 2])
      await peer.expectClosed(1_000)
    },
  },
]

export const identifierCases: readonly Case[] = [...givenCases, ...assignedCases]
