import assert from 'node:assert/strict'
import { property, publish } from '../bytes.ts'
import type { Case } from '../case.ts'
import { takesSeconds } from './takes-seconds.ts'

const keepAlive = 2

const clientCases: readonly Case[] = [
  {
    id: 'connect/keep-alive',
    title: 'closes a silent connection after one and a half times Keep Alive, and sends the Will',
    statements: ['MQTT5-3.1.2-22', 'MQTT5-3.2.2-22', 'MQTT5-3.1.2-8', 'MQTT3-3.1.2-24'],
    versions: [5, 4, 3],
    async run(t) {
      const { client, watcher } = await t.withWill({ keepAlive })
      const seconds = client.connack.property('serverKeepAlive') ?? keepAlive
      const expected = [1.5 * seconds, 2 * seconds] as const
      await takesSeconds(client.closed, expected, 'the end of the connection')
      await client.rejects([0x8d])
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'connect/keep-alive-ping',
    title: 'keeps a connection open on which something comes within Keep Alive',
    statements: ['MQTT5-3.1.2-22', 'MQTT3-3.1.2-24'],
    versions: [5, 4],
    async run(t) {
      const [pinging, publishing] = await Promise.all([
        t.connect({ keepAlive }),
        t.connect({ keepAlive }),
      ])
      for (let round = 0; round < 4; round += 1) {
        await t.delay(keepAlive * 1_000)
        await pinging.ping()
        publishing.sendPublish(t.topic(), 'x')
      }
      await publishing.ping()
    },
  },
  {
    id: 'connect/keep-alive-incomplete',
    title: 'does not take a packet that never ends for a sign of life',
    statements: ['MQTT5-3.1.2-22', 'MQTT3-3.1.2-24'],
    versions: [5, 4],
    async run(t) {
      const client = await t.connect({ keepAlive })
      const message = publish({ version: t.version, topic: t.topic(), payload: 'long'.repeat(20) })
      void client.sendInPieces(message, { pauseMs: 250 })
      await takesSeconds(client.closed, [3, 4], 'the end of the connection')
    },
  },
  {
    id: 'connect/keep-alive-receiving',
    title: 'does not take what the Server sends for a sign of life of the client',
    statements: ['MQTT5-3.1.2-22', 'MQTT3-3.1.2-24'],
    versions: [5, 4],
    async run(t) {
      const topic = t.topic()
      const client = await t.subscriber(topic, { qos: 0, connect: { keepAlive } })
      const publisher = await t.connect()
      const timer = setInterval(() => publisher.sendPublish(topic, 'x'), 300)
      try {
        await takesSeconds(client.closed, [3, 4], 'the end of the connection')
      } finally {
        clearInterval(timer)
      }
    },
  },
  {
    id: 'connect/keep-alive-off',
    title: 'closes no connection for its silence when Keep Alive is 0',
    statements: ['MQTT5-3.1.2-22', 'MQTT3-3.1.2-24'],
    versions: [5, 4, 3],
    async run(t) {
      const client = await t.connect({ keepAlive: 0 })
      const limit = client.connack.property('serverKeepAlive')
      if (limit !== undefined && limit < 10) t.skip(`the Server sets Keep Alive ${limit}`)
      await client.expectNoMessage(8_000)
    },
  },
  {
    id: 'connect/keep-alive-longest',
    title: 'takes the longest Keep Alive',
    statements: ['MQTT5-3.2.2-22'],
    versions: [5, 4],
    async run(t) {
      const client = await t.connect({ keepAlive: 65_535 })
      await client.expectNoMessage()
    },
  },
]

const serverCases: readonly Case[] = [
  {
    id: 'connect/server-keep-alive',
    title: 'tells its own Keep Alive and closes after one and a half times that',
    statements: ['MQTT5-3.1.2-22', 'MQTT5-3.2.2-22'],
    versions: [5],
    profile: 'keep-alive',
    async run(t) {
      await t.each({ 'longer than the limit': 1_000, off: 0 }, async (asked) => {
        const { client, watcher } = await t.withWill({ keepAlive: asked })
        const seconds = client.connack.property('serverKeepAlive') ?? 0
        assert.ok(seconds > 0 && seconds < 1_000, `no Server Keep Alive in ${client.connack}`)
        const timer = setInterval(() => void watcher.ping(), seconds * 900)
        try {
          const expected = [1.5 * seconds, 2 * seconds] as const
          await takesSeconds(client.closed, expected, 'the end of the connection')
        } finally {
          clearInterval(timer)
        }
        await client.rejects([0x8d])
        await watcher.pick('publish', { payload: 'will' })
      })
    },
  },
  {
    id: 'connect/server-keep-alive-shorter',
    title: 'goes by the Keep Alive of CONNECT when it sends no Server Keep Alive',
    statements: ['MQTT5-3.2.2-22'],
    versions: [5],
    profile: 'keep-alive',
    async run(t) {
      const properties = [property.sessionExpiryInterval(0)]
      const client = await t.connect({ keepAlive: 1, properties })
      assert.ok([undefined, 1].includes(client.connack.property('serverKeepAlive')))
      await takesSeconds(client.closed, [1.5, 2.5], 'the end of the connection')
    },
  },
]

export const keepAliveCases: readonly Case[] = [...clientCases, ...serverCases]
