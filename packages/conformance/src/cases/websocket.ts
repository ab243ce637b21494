import assert from 'node:assert/strict'
import { concat, pingreq, publish, subscribe } from '../bytes.ts'
import { type Case, type Suite, suite } from '../case.ts'
import { opcode } from '../websocket.ts'

const frameCases: readonly Case[] = [
  {
    id: 'websocket/exchange',
    title: 'carries MQTT in binary frames',
    statements: ['MQTT5-6.0.0-1', 'MQTT5-4.2.0-1', 'MQTT3-6.0.0-1', 'MQTT3-7.1.1-1'],
    versions: [5, 4, 3],
    profile: 'websocket',
    async run(t) {
      const wire = await t.openWebSocket()
      const peer = t.over(wire)
      const { version } = t
      peer.send(t.connectBytes())
      await peer.expect('connack', { reasonCode: 0 })
      peer.send(subscribe({ version, filters: [{ filter: t.topic() }] }))
      await peer.expect('suback')
      const publisher = await t.connect()
      const payload = new Uint8Array(70_000).fill(7)
      for (const sent of [new Uint8Array(), Uint8Array.of(1), payload]) {
        await publisher.publish(t.topic(), sent, { qos: 1 })
        await peer.expect('publish', { payload: sent })
      }
      assert.ok(wire.frames.every((frame) => frame.opcode !== opcode.text))
    },
  },
  {
    id: 'websocket/text-frame',
    title: 'closes a connection on a data frame that is not binary',
    statements: ['MQTT5-6.0.0-1', 'MQTT3-6.0.0-1'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const bystander = await t.connect()
      // Type 3 is reserved for further kinds of data frames.
      await t.each({ text: opcode.text, reserved: 3 }, async (code) => {
        const first = await t.openWebSocket()
        first.sendFrame(code, t.connectBytes())
        await t.over(first).rejects([0x81, 0x82])
        const later = await t.openWebSocket()
        const peer = t.over(later)
        peer.send(t.connectBytes())
        await peer.expect('connack', { reasonCode: 0 })
        later.sendFrame(code, pingreq)
        await peer.rejects([0x81, 0x82])
      })
      await bystander.ping()
    },
  },
  {
    id: 'websocket/text-frame-will',
    title: 'publishes the Will of a connection that it closes for a text frame',
    statements: ['MQTT5-6.0.0-1', 'MQTT5-3.1.2-8', 'MQTT3-6.0.0-1', 'MQTT3-3.1.2-8'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const will = { topic: t.topic(), payload: 'will' }
      const watcher = await t.subscriber(will.topic)
      const wire = await t.openWebSocket()
      const peer = t.over(wire)
      peer.send(t.connectBytes({ will }))
      await peer.expect('connack', { reasonCode: 0 })
      wire.sendFrame(opcode.text, pingreq)
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'websocket/control-frames',
    title: 'answers a ping between packets and between the pieces of one',
    statements: ['MQTT5-6.0.0-1', 'MQTT3-6.0.0-1'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const wire = await t.openWebSocket()
      const peer = t.over(wire)
      const bytes = t.connectBytes()
      wire.sendFrame(opcode.ping, Uint8Array.of(1, 2))
      wire.sendFrame(opcode.binary, bytes.subarray(0, 5), false)
      wire.sendFrame(opcode.ping, new Uint8Array())
      wire.sendFrame(opcode.continuation, bytes.subarray(5))
      await peer.expect('connack', { reasonCode: 0 })
      wire.sendFrame(opcode.pong, new Uint8Array())
      peer.send(pingreq)
      await peer.expect('pingresp')
      // A Server may answer the last of several pings only (RFC 6455, section 5.5.3).
      t.check(
        wire.frames.some((frame) => frame.opcode === opcode.pong),
        'expected a pong',
      )
    },
  },
  {
    id: 'websocket/several-packets',
    title: 'takes several packets in one frame',
    statements: ['MQTT5-6.0.0-2', 'MQTT3-6.0.0-2'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const peer = t.over(await t.openWebSocket())
      const { version } = t
      const topic = t.topic()
      const message = publish({ version, topic, payload: 'x', qos: 1, packetId: 2 })
      peer.send(t.connectBytes(), subscribe({ version, filters: [{ filter: topic }] }), message)
      await peer.expect('connack', { reasonCode: 0 })
      await peer.pick('suback')
      await peer.pick('puback', { packetId: 2 })
      await peer.pick('publish', { payload: 'x' })
    },
  },
  {
    id: 'websocket/split-packets',
    title: 'takes packets cut into frames of one byte, of a few, and across packets',
    statements: ['MQTT5-6.0.0-2', 'MQTT3-6.0.0-2'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const { version } = t
      await t.each({ 'one byte': 1, 'three bytes': 3, 'eleven bytes': 11 }, async (size) => {
        const topic = t.topic(`${size}`)
        const peer = t.over(await t.openWebSocket())
        const filters = [{ filter: topic }]
        const message = publish({ version, topic, payload: 'x', qos: 1, packetId: 2 })
        const stream = concat(t.connectBytes(), subscribe({ version, filters }), message)
        await peer.sendInPieces(stream, { size })
        await peer.expect('connack', { reasonCode: 0 })
        await peer.pick('puback', { packetId: 2 })
        await peer.pick('publish', { payload: 'x' })
      })
    },
  },
  {
    id: 'websocket/fragments',
    title: 'takes a packet in a message of fragments',
    statements: ['MQTT5-6.0.0-2', 'MQTT3-6.0.0-2'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const wire = await t.openWebSocket()
      const peer = t.over(wire)
      const bytes = concat(t.connectBytes(), pingreq)
      wire.sendFrame(opcode.binary, bytes.subarray(0, 4), false)
      wire.sendFrame(opcode.continuation, new Uint8Array(), false)
      wire.sendFrame(opcode.continuation, bytes.subarray(4, -1), false)
      wire.sendFrame(opcode.continuation, bytes.subarray(-1))
      await peer.expect('connack', { reasonCode: 0 })
      await peer.expect('pingresp')
    },
  },
]

const upgradeCases: readonly Case[] = [
  {
    id: 'websocket/subprotocol',
    title: 'selects the subprotocol mqtt',
    statements: ['MQTT5-6.0.0-4', 'MQTT3-6.0.0-4'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const offers = { alone: ['mqtt'], first: ['mqtt', 'x'], last: ['x', 'mqtt'] }
      await t.each(offers, async (subprotocols) => {
        const { response } = await t.openWebSocket({ subprotocols })
        assert.equal(response.status, 101)
        assert.equal(response.headers.get('sec-websocket-protocol'), 'mqtt')
      })
    },
  },
  {
    id: 'websocket/other-subprotocol',
    title: 'does not select a subprotocol that the client did not offer',
    statements: ['MQTT5-6.0.0-3', 'MQTT5-6.0.0-4', 'MQTT3-6.0.0-3', 'MQTT3-6.0.0-4'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const offers = { none: [], unknown: ['x'], 'of 3.1': ['mqttv3.1'], 'other case': ['MQTT'] }
      await t.each(offers, async (subprotocols: readonly string[]) => {
        const { response, isUpgraded } = await t.openWebSocket({ subprotocols })
        const selected = response.headers.get('sec-websocket-protocol')
        if (isUpgraded && selected !== undefined) assert.ok(subprotocols.includes(selected))
        assert.notEqual(selected, 'mqtt')
      })
    },
  },
]

const endCases: readonly Case[] = [
  {
    id: 'websocket/close-frame',
    title: 'takes a close frame without DISCONNECT for the end that publishes the Will',
    statements: ['MQTT5-3.1.2-8', 'MQTT3-3.1.2-8'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      const { client, watcher } = await t.withWill()
      client.end()
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'websocket/refusal',
    title: 'refuses a CONNECT over WebSocket as over TCP, and closes',
    statements: ['MQTT5-3.1.4-1', 'MQTT3-3.1.4-1'],
    versions: [5, 4],
    profile: 'websocket',
    async run(t) {
      await t.refused({ flags: 0x03 }, [0x81])
      const peer = await t.connect()
      await peer.ping()
    },
  },
]

export const websocket: Suite = suite('websocket', [...frameCases, ...upgradeCases, ...endCases])
