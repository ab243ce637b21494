import assert from 'node:assert/strict'
import { hex, property } from '../bytes.ts'
import type { Case } from '../case.ts'

const oversized = Array.from({ length: 3 }, (_, at) => property.userProperty(`name${at}`, 'value'))

export const serverDisconnectCases: readonly Case[] = [
  {
    id: 'disconnect/none-before-connack',
    title: 'never answers a CONNECT that it refuses with DISCONNECT',
    statements: ['MQTT5-3.14.0-1', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const rows = {
        'reserved Connect Flag': { flags: 0x03 },
        'Will QoS 3': { will: { topic: t.topic(), qos: 3 } },
        'unknown property': { properties: [property.raw(0x7f, 0)] },
        'Receive Maximum 0': { properties: [property.receiveMaximum(0)] },
        'unknown Authentication Method': { properties: [property.authenticationMethod('NOPE')] },
        'ill-formed User Name': { username: hex('ff') },
      } as const
      await t.each(rows, async (options) => {
        const peer = await t.open()
        peer.send(t.connectBytes(options))
        const first = await peer.receiveUnlessClosed()
        if (first === undefined) return
        assert.equal(first.type, 'connack', `${first}`)
        assert.ok(first.reasonCode >= 0x80, `${first}`)
        await peer.expectClosed()
      })
      // The first packet is not a CONNECT.
      const stranger = await t.open()
      stranger.send(hex('c0 00'))
      await stranger.expectClosed()
    },
  },
  {
    id: 'disconnect/reason-sent',
    title: 'says in DISCONNECT why it closes the connection',
    statements: ['U5-4.13.1-a'],
    versions: [5],
    async run(t) {
      const rows = {
        'QoS 3': { bytes: '36 07 0001 61 0001 00 78', codes: [0x81] },
        'unknown property': { bytes: '30 06 0001 61 02 7f00', codes: [0x81, 0x82] },
        'SUBSCRIBE without filter': { bytes: '82 03 0001 00', codes: [0x81, 0x82] },
        'Topic Alias 0': { bytes: '30 07 0001 61 03 230000', codes: [0x94] },
        'empty topic': { bytes: '30 03 0000 00', codes: [0x81, 0x82] },
      } as const
      await t.each(rows, async ({ bytes, codes }) => {
        const peer = await t.connect()
        peer.send(hex(bytes))
        const farewell = await peer.rejects(codes)
        t.check(farewell !== undefined, 'expected DISCONNECT, but the Server closed without it')
      })
    },
  },
  {
    id: 'disconnect/no-expiry-sent',
    title: 'sends no Session Expiry Interval in DISCONNECT',
    statements: ['MQTT5-3.14.2-2', 'MQTT5-3.14.2-1'],
    versions: [5],
    async run(t) {
      const properties = [property.sessionExpiryInterval(30)]
      const first = await t.connect({ properties })
      const second = await t.connect({ properties, clientId: first.clientId, clean: false })
      const takenOver = await first.rejects([0x8e])
      assert.equal(takenOver?.property('sessionExpiryInterval'), undefined)
      second.send(hex('36 00'))
      const refused = await second.rejects([0x81])
      assert.equal(refused?.property('sessionExpiryInterval'), undefined)
      // So that the broker need not keep it.
      await t.connect({ clientId: first.clientId })
    },
  },
  {
    id: 'disconnect/maximum-packet-size',
    title: 'keeps DISCONNECT within the Maximum Packet Size of the client',
    statements: ['MQTT5-3.14.2-3', 'MQTT5-3.14.2-4', 'MQTT5-3.1.2-24'],
    versions: [5],
    async run(t) {
      const maximum = 20
      const properties = [property.maximumPacketSize(maximum), ...oversized]
      const errors = {
        malformed: '36 00',
        'Protocol Error': '82 03 0001 00',
        alias: '30 06 0000 03 230000',
      }
      await t.each(errors, async (bytes) => {
        const client = await t.connect({ properties })
        client.send(hex(bytes))
        const farewell = await client.rejects([0x81, 0x82, 0x94])
        if (farewell === undefined) return
        assert.ok(farewell.bytes.length <= maximum, `${farewell} has more than ${maximum} bytes`)
      })
      const first = await t.connect({ properties })
      await t.connect({ clientId: first.clientId })
      const farewell = await first.rejects([0x8e])
      assert.ok((farewell?.bytes.length ?? 0) <= maximum, `${farewell} is too long`)
    },
  },
  {
    id: 'disconnect/server-last-packet',
    title: 'sends nothing behind its DISCONNECT, and closes',
    statements: ['MQTT5-3.14.4-1', 'MQTT5-3.14.4-2'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair({ qos: 0 })
      for (let sent = 0; sent < 200; sent += 1) publisher.sendPublish(topic, `${sent}`)
      await t.connect({ clientId: subscriber.clientId })
      for (let sent = 0; sent < 200; sent += 1) publisher.sendPublish(topic, `${sent}`)
      await subscriber.closed
      const packets = subscriber.takeWaiting().map(({ type }) => type)
      const at = packets.indexOf('disconnect')
      assert.ok(at === -1 || at === packets.length - 1, 'there are packets behind DISCONNECT')
    },
  },
  {
    id: 'disconnect/client-does-not-read',
    title: 'closes a connection that was taken over although its client does not read',
    statements: ['MQTT5-4.13.2-1', 'MQTT5-3.14.4-2', 'MQTT3-3.1.4-2'],
    versions: [5, 4],
    async run(t) {
      const topic = t.topic()
      const { client, watcher } = await t.withWill()
      await client.subscribe(topic, { qos: 0 })
      client.pause()
      const publisher = await t.connect()
      // More than the buffers of both sockets hold.
      const payload = new Uint8Array(50_000)
      for (let sent = 0; sent < 200; sent += 1) publisher.sendPublish(topic, payload)
      await publisher.ping()
      const successor = await t.connect({ clientId: client.clientId })
      await successor.ping()
      // The Will is published when the Server has closed the connection.
      await watcher.message({ payload: 'will' }, 5_000)
      client.resume()
      await client.closed
    },
  },
]
