import assert from 'node:assert/strict'
import { auth, disconnect, hex, pingreq, property, publish, subscribe } from '../bytes.ts'
import { type Case, type Suite, suite } from '../case.ts'
import { flagCases } from './connect-flags.ts'
import { hostileCases } from './connect-hostile.ts'
import { identifierCases } from './connect-identifier.ts'
import { keepAliveCases } from './connect-keep-alive.ts'
import { layoutCases } from './connect-layout.ts'
import { takeoverCases } from './connect-takeover.ts'
import { versionCases } from './connect-versions.ts'
import { lasting } from './lasting-session.ts'

const acceptanceCases: readonly Case[] = [
  {
    id: 'connect/accepted',
    title: 'accepts an ordinary CONNECT with CONNACK code 0',
    statements: [
      'MQTT5-3.1.4-5',
      'MQTT5-3.2.2-1',
      'MQTT5-3.2.2-2',
      'MQTT3-3.1.4-4',
      'MQTT3-3.2.2-1',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const { connack } = await t.connect()
      assert.equal(connack.firstByte, 0x20)
      assert.deepEqual([...connack.body.subarray(0, 2)], [0, 0], `${connack}`)
      if (t.version !== 5) assert.equal(connack.body.length, 2, `${connack}`)
    },
  },
  {
    id: 'connect/connack-first',
    title: 'sends CONNACK before the messages that wait for the Session',
    statements: ['MQTT5-3.2.0-1', 'MQTT3-3.2.0-1'],
    versions: [5, 4],
    async run(t) {
      const options = { clientId: t.id(), ...lasting() }
      const first = await t.subscriber(t.topic(), { connect: options })
      await first.disconnect()
      const publisher = await t.connect()
      for (const payload of ['1', '2', '3']) await publisher.publish(t.topic(), payload, { qos: 1 })
      const peer = await t.open()
      peer.send(t.connectBytes(options))
      await peer.expect('connack', { reasonCode: 0, sessionPresent: true })
      await peer.expect('publish', { payload: '1' })
    },
  },
  {
    id: 'connect/pipelined',
    title: 'processes in their order the packets that a client sends right behind CONNECT',
    statements: ['U5-3.1.4-b', 'MQTT5-3.2.0-1', 'MQTT3-3.2.0-1'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.open()
      const { version } = t
      peer.send(
        t.connectBytes(),
        subscribe({ version, filters: [{ filter: t.topic() }] }),
        publish({ version, topic: t.topic(), payload: 'own', qos: 1, packetId: 2 }),
        pingreq,
      )
      await peer.expect('connack', { reasonCode: 0 })
      await peer.pick('suback', { packetId: 1, reasonCodes: [0] })
      await peer.pick('puback', { packetId: 2, reasonCode: 0 })
      await peer.pick('publish', { payload: 'own' })
      await peer.pick('pingresp')
    },
  },
  {
    id: 'connect/one-connack',
    title: 'sends no second CONNACK on a connection',
    statements: ['MQTT5-3.2.0-2'],
    versions: [5],
    async run(t) {
      const peer = await t.connect(lasting())
      await peer.subscribe(t.topic())
      for (const qos of [0, 1, 2] as const) {
        await peer.publish(t.topic(), `${qos}`, { qos })
        await peer.message({ payload: `${qos}` })
      }
      await peer.unsubscribe(t.topic())
      // Any packet that came unasked, a CONNACK too, would still wait.
      await peer.expectNoMessage()
    },
  },
]

const orderCases: readonly Case[] = [
  {
    id: 'connect/first-packet',
    title: 'closes a connection on which the first packet is not a CONNECT',
    statements: ['MQTT5-3.1.0-1', 'MQTT3-3.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      const topic = t.topic()
      const rows = {
        PINGREQ: pingreq,
        PUBLISH: publish({ version, topic, payload: 'x', retain: true }),
        SUBSCRIBE: subscribe({ version, filters: [{ filter: topic }] }),
        DISCONNECT: disconnect(),
        ...(version === 5 ? { AUTH: auth(0x18, [property.authenticationMethod('a')]) } : {}),
      }
      const watcher = await t.subscriber(topic)
      await t.each(rows, async (bytes) => {
        const peer = await t.open()
        peer.send(bytes)
        await peer.rejects([0x81, 0x82])
      })
      await watcher.expectNoMessage()
      const late = await t.subscriber(topic)
      await late.expectNoMessage(300)
    },
  },
  {
    id: 'connect/second-connect',
    title: 'closes a connection on a second CONNECT, publishes its Will and disturbs nobody else',
    statements: ['MQTT5-3.1.0-2', 'MQTT5-4.13.1-1', 'MQTT3-3.1.0-2'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const rows = { 'its own': undefined, another: t.id(), 'that of another': subscriber.clientId }
      await t.each(rows, async (clientId) => {
        const { client, watcher } = await t.withWill()
        client.send(t.connectBytes({ clientId: clientId ?? client.clientId }))
        await client.rejects([0x82])
        await watcher.message({ payload: 'will' })
      })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
  {
    id: 'connect/nothing-behind-refusal',
    title: 'processes nothing that a client sends behind a CONNECT that is refused',
    statements: ['MQTT5-3.1.4-6', 'MQTT3-3.1.4-5'],
    versions: [5, 4],
    async run(t) {
      const topic = t.topic()
      const watcher = await t.subscriber(topic)
      const rows = {
        'reserved Connect Flag': { flags: 0x03 },
        'Protocol Name': { protocolName: 'MQTQ' },
        'Protocol Level': { protocolLevel: 99 },
        'Will QoS 3': { will: { topic, payload: 'will', qos: 3 } },
      } as const
      await t.each(rows, async (options) => {
        const peer = await t.open()
        const { version } = t
        const message = publish({ version, topic, payload: 'behind', retain: true })
        peer.send(t.connectBytes(options), message)
        // Of an unknown level the form of the answer is open, and with it the code.
        await peer.rejects([0x81, 0x84, 0x01], { returnCodes: [0x01, 0x84] })
      })
      await watcher.expectNoMessage()
      const late = await t.subscriber(topic)
      await late.expectNoMessage(300)
    },
  },
]

/** What every Server has a reason to refuse, and may answer with CONNACK. */
const refusals = {
  'Authentication Method': { properties: [property.authenticationMethod('NOPE')] },
  'reserved Connect Flag': { flags: 0x03 },
  'Will Topic': { will: { topic: 'conformance/#' } },
  'Receive Maximum': { properties: [property.receiveMaximum(0)] },
} as const

const refusalCases: readonly Case[] = [
  {
    id: 'connect/refusal-closes',
    title: 'closes the connection within 1 s when it refuses CONNECT, at most after one CONNACK',
    statements: ['MQTT5-3.2.2-7', 'MQTT5-3.2.2-8', 'MQTT5-3.1.4-2', 'MQTT5-4.13.2-1'],
    versions: [5],
    async run(t) {
      // Table 3-1 of the standard.
      const codes = hex('80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f')
      await t.each(refusals, async (options) => {
        await t.refused(options, [...codes], { withinMs: 1_000 })
      })
    },
  },
  {
    id: 'connect/refusal-closes-3',
    title: 'closes the connection within 1 s behind a return code that is not 0',
    statements: ['MQTT3-3.2.2-5', 'MQTT3-3.2.2-4', 'MQTT3-3.2.2-6'],
    versions: [4],
    async run(t) {
      const rows = {
        'unknown Protocol Level': { options: { protocolLevel: 99 }, code: 0x01 },
        'empty Client Identifier': { options: { clientId: '', clean: false }, code: 0x02 },
      }
      await t.each(rows, async ({ options, code }) => {
        const allowed = { returnCodes: [code, 0x84], withinMs: 1_000 }
        const connack = await t.refused(options, [], allowed)
        assert.equal(connack?.sessionPresent, false)
      })
    },
  },
  {
    id: 'connect/refusal-session-present',
    title: 'sets Session Present to 0 in a refusal, and keeps the Session',
    statements: ['MQTT5-3.2.2-6'],
    versions: [5],
    async run(t) {
      const options = { clientId: t.id(), ...lasting() }
      await (await t.connect(options)).disconnect()
      const method = property.authenticationMethod('NOPE')
      const connack = await t.refused({ ...options, properties: [method] }, [0x8c, 0x87])
      assert.equal(connack?.body[0] ?? 0, 0)
      const again = await t.connect(options)
      assert.equal(again.sessionPresent, true)
    },
  },
]

export const connect: Suite = suite('connect', [
  ...acceptanceCases,
  ...orderCases,
  ...refusalCases,
  ...versionCases,
  ...flagCases,
  ...layoutCases,
  ...identifierCases,
  ...keepAliveCases,
  ...takeoverCases,
  ...hostileCases,
])
