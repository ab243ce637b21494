import assert from 'node:assert/strict'
import { hex, type Version } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting } from './lasting-session.ts'

const protocolCases: readonly Case[] = [
  {
    id: 'connect/protocol-name',
    title: 'refuses a Protocol Name other than MQTT',
    statements: ['MQTT5-3.1.2-1', 'MQTT3-3.1.2-1'],
    versions: [5, 4],
    async run(t) {
      const names = ['mqtt', 'MQTQ', 'MQTX', 'MQIsdp', 'MQTTX', 'MQT', '']
      await t.each(Object.fromEntries(names.map((name) => [name, name])), async (protocolName) => {
        // As another protocol, such as 3.1, it has the answer of that protocol.
        await t.refused({ protocolName }, [0x84, 0x81, 0x01], { returnCodes: [0x01] })
      })
    },
  },
  {
    id: 'connect/protocol-level',
    title: 'refuses a Protocol Level that it does not serve',
    statements: ['MQTT5-3.1.2-2'],
    versions: [5],
    async run(t) {
      await t.each({ 'level 0': 0, 'level 6': 6, 'level 255': 255 }, async (protocolLevel) => {
        // For an unknown level the Server chooses the form of CONNACK, and with it the code.
        const connack = await t.refused({ protocolLevel }, [0x84, 0x01])
        const inForm3 = connack?.body.length === 2
        if (connack !== undefined) assert.equal(connack.reasonCode, inForm3 ? 0x01 : 0x84)
        assert.equal(connack?.sessionPresent ?? false, false)
      })
    },
  },
  {
    id: 'connect/protocol-level-3',
    title: 'answers a Protocol Level that it does not serve with CONNACK, and closes',
    statements: ['MQTT3-3.1.2-2'],
    versions: [4],
    async run(t) {
      await t.each({ 'level 6': 6, 'level 99': 99, 'level 0': 0 }, async (protocolLevel) => {
        const connack = await t.refused({ protocolLevel }, [], { returnCodes: [0x01, 0x84] })
        t.check(connack !== undefined, 'expected CONNACK, but the Server closed without it')
      })
    },
  },
  {
    id: 'connect/versions-on-one-port',
    title: 'lets clients of 3.1, 3.1.1 and 5.0 exchange messages over one port',
    statements: ['U5-3.1.4-c', 'MQTT3-7.0.0-2'],
    versions: [5, 4, 3],
    async run(t) {
      const topic = t.topic()
      const publisher = await t.connect()
      for (const version of [3, 4, 5] satisfies Version[]) {
        const subscriber = await t.subscriber(topic, { connect: { version } })
        for (const qos of [0, 1, 2] as const) {
          await publisher.publish(topic, `${qos}`, { qos })
          await subscriber.message({ topic, payload: `${qos}`, qos })
        }
      }
    },
  },
]

/** MQTT 3.1, which has no numbered statements. */
const version3Cases: readonly Case[] = [
  {
    id: 'connect/31-level',
    title: 'serves MQIsdp level 3, and refuses that name with another level',
    statements: [],
    versions: [3],
    async run(t) {
      const peer = await t.open()
      const [, ...clientId] = hex(`00 ${Buffer.from(t.id()).toString('hex')}`)
      const length = clientId.length
      peer.send(0x10, 14 + length, hex('0006 4d5149736470 03 02 003c 00'), length)
      peer.send(Uint8Array.from(clientId))
      const { bytes } = await peer.expect('connack')
      assert.deepEqual(bytes, hex('20 02 00 00'))
      await t.refused({ protocolLevel: 2 }, [], { returnCodes: [0x01] })
    },
  },
  {
    id: 'connect/31-session',
    title: 'resumes a Session of 3.1 and leaves the reserved byte of CONNACK 0',
    statements: [],
    versions: [3],
    async run(t) {
      const options = { clientId: t.id(), clean: false }
      await (await t.subscriber(t.topic(), { connect: options })).disconnect()
      await (await t.connect()).publish(t.topic(), 'kept', { qos: 1 })
      const again = await t.connect(options)
      assert.deepEqual(again.connack.bytes, hex('20 02 00 00'))
      await again.message({ payload: 'kept', qos: 1 })
      await (await t.connect({ clientId: options.clientId })).disconnect()
    },
  },
  {
    id: 'connect/31-identifier-length',
    title: 'takes Client Identifiers of 1 to 23 characters and refuses others with code 2',
    statements: [],
    versions: [3],
    async run(t) {
      const longest = t.id().padEnd(23, '0')
      await t.connect({ clientId: longest })
      await t.each({ '24 characters': `${longest}0`, empty: '' }, async (clientId) => {
        const connack = await t.refused({ clientId }, [], { returnCodes: [0x02] })
        assert.equal(connack?.reasonCode, 0x02)
      })
      await t.refused({ clientId: '', clean: false }, [], { returnCodes: [0x02] })
    },
  },
  {
    id: 'connect/31-takeover',
    title: 'lets a client of 3.1 take over the Session of one of 5.0, and the other way round',
    statements: [],
    versions: [3],
    async run(t) {
      const five = await t.connect({ version: 5, ...lasting(), clientId: t.id() })
      await five.subscribe(t.topic())
      const three = await t.connect({ clientId: five.clientId, clean: false })
      await five.rejects([0x8e])
      await three.publish(t.topic(), 'to itself', { qos: 1 })
      await three.message({ payload: 'to itself' })
      const last = await t.connect({ version: 5, clientId: five.clientId })
      await three.expectClosed()
      assert.equal(last.sessionPresent, false)
    },
  },
]

export const versionCases: readonly Case[] = [...protocolCases, ...version3Cases]
