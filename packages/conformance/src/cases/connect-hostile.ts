import assert from 'node:assert/strict'
import { concat, hex, publish, utf8 } from '../bytes.ts'
import type { Case } from '../case.ts'
import { takesSeconds } from './takes-seconds.ts'

const inputCases: readonly Case[] = [
  {
    id: 'connect/byte-by-byte',
    title: 'takes a CONNECT that comes byte by byte',
    statements: ['MQTT5-4.2.0-1', 'MQTT3-7.1.1-1'],
    versions: [5, 4, 3],
    async run(t) {
      const will = { topic: t.topic('will'), payload: 'will' }
      const watcher = await t.subscriber(will.topic)
      const peer = await t.open()
      await peer.sendInPieces(t.connectBytes({ will, username: 'u' }), { pauseMs: 10 })
      await peer.expect('connack', { reasonCode: 0 })
      peer.abort()
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'connect/256-megabytes',
    title: 'refuses a CONNECT of 256 MB at its first bytes',
    statements: ['U5-3.2.2-c'],
    versions: [5],
    async run(t) {
      const bystander = await t.connect()
      if (bystander.connack.property('maximumPacketSize') === undefined) {
        t.skip('the Server takes packets of any size')
      }
      const rows = {
        'length alone': hex('10 ffffff7f'),
        'and a name': hex('10 ffffff7f 0004 4d51'),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.open()
        peer.send(bytes)
        await peer.rejects([0x95, 0x81])
      })
      await bystander.ping()
    },
  },
  {
    id: 'connect/256-megabytes-of-something-else',
    title: 'closes at the first byte when the first packet has 256 MB and is no CONNECT',
    statements: ['MQTT5-3.1.0-1', 'MQTT3-3.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.open()
      peer.send(hex('30 ffffff7f 0001 61'))
      await peer.rejects([0x81, 0x82, 0x95])
    },
  },
  {
    id: 'connect/not-mqtt',
    title: 'closes a connection that speaks another protocol',
    statements: ['MQTT5-3.1.0-1', 'MQTT3-3.1.0-1'],
    versions: [5, 4],
    async run(t) {
      const bystander = await t.connect()
      const rows = {
        HTTP: Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
        TLS: hex('16 03 01 00 05 01 00 00 01 03'),
        zeros: new Uint8Array(64),
        ones: new Uint8Array(64).fill(0xff),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.open()
        peer.send(bytes)
        await peer.rejects([0x81, 0x82])
      })
      await bystander.ping()
    },
  },
  {
    id: 'connect/longest-fields',
    title: 'takes or refuses fields of 65,535 bytes, and keeps serving others',
    statements: ['MQTT5-3.1.4-2'],
    versions: [5, 4],
    async run(t) {
      const bystander = await t.connect()
      const long = 'x'.repeat(65_535)
      const will = { topic: t.topic('will'), payload: long }
      const rows = { clientId: { clientId: long }, username: { username: long }, will: { will } }
      await t.each(rows, async (options) => {
        const peer = await t.open()
        peer.send(t.connectBytes(options))
        const answer = await peer.receiveUnlessClosed()
        if (answer?.reasonCode === 0) return
        const codes = [0x81, 0x85, 0x86, 0x87, 0x95, 0x97]
        if (answer !== undefined) assert.ok([...codes, 2, 4, 5].includes(answer.reasonCode))
        await peer.expectClosed()
      })
      await bystander.ping()
    },
  },
]

const halfConnect = concat(hex('10 20'), utf8('MQTT'), hex('05 02'))

const deadlineCases: readonly Case[] = [
  {
    id: 'connect/deadline',
    title: 'closes a connection on which no CONNECT comes in the time that is configured',
    statements: ['U5-3.1.4-a'],
    versions: [5],
    profile: 'connect-deadline',
    async run(t) {
      const bystander = await t.connect()
      const rows = {
        silence: new Uint8Array(),
        'half a CONNECT': halfConnect,
        'one byte': hex('10'),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.open()
        peer.send(bytes)
        await takesSeconds(peer.closed, [2, 2], 'the end of the connection')
        await peer.rejects([])
      })
      await bystander.ping()
    },
  },
  {
    id: 'connect/deadline-in-total',
    title: 'counts that time for the whole CONNECT and not from its last byte',
    statements: ['U5-3.1.4-a'],
    versions: [5, 4],
    profile: 'connect-deadline',
    async run(t) {
      const peer = await t.open()
      void peer.sendInPieces(t.connectBytes({ username: 'x'.repeat(100) }), { pauseMs: 200 })
      await takesSeconds(peer.closed, [2, 2], 'the end of the connection')
    },
  },
  {
    id: 'connect/deadline-only-for-connect',
    title: 'sets no such limit to a connection that was accepted',
    statements: ['U5-3.1.4-a'],
    versions: [5],
    profile: 'connect-deadline',
    async run(t) {
      const peer = await t.connect()
      await peer.expectNoMessage(4_000)
    },
  },
]

const silentCases: readonly Case[] = [
  {
    id: 'connect/silent',
    title: 'gives no texts away in its refusals when it is configured to be silent',
    statements: ['MQTT5-4.13.1-1'],
    versions: [5],
    profile: 'silent',
    async run(t) {
      const rows = { level: { protocolLevel: 99 }, flag: { flags: 0x03 } }
      await t.each(rows, async (options) => {
        const connack = await t.refused(options, [0x81, 0x84])
        assert.deepEqual(connack?.propertyList ?? [], [])
      })
      const peer = await t.connect()
      peer.send(publish({ version: 5, topic: 'a', qos: 3 }))
      const farewell = await peer.rejects([0x81])
      assert.deepEqual(farewell?.propertyList ?? [], [])
    },
  },
]

export const hostileCases: readonly Case[] = [...inputCases, ...deadlineCases, ...silentCases]
