import assert from 'node:assert/strict'
import { disconnect, pingreq, property, puback, toHex } from '@busbar/conformance/bytes'
import type { ClientCase } from './case.ts'
import { connack, RawServer } from './raw-server.ts'
import { ignore } from './send.ts'

const both = [5, 4] as const
const pingresp = Uint8Array.of(0xd0, 0)

const keepAlive: ClientCase = {
  id: 'lifetime/keep-alive',
  title: 'PINGREQ goes out before Keep Alive is over, as often as nothing else does',
  statements: ['MQTT5-3.1.2-20', 'MQTT3-3.1.2-23'],
  versions: both,
  async run(trial) {
    const clock = trial.clock()
    const { peer } = await trial.connect({ clock, keepAlive: 10 })
    for (let n = 0; n < 3; n++) {
      clock.pass(10_000)
      const { bytes } = await peer.expect('pingreq')
      assert.equal(toHex(bytes), toHex(pingreq))
      // What comes is no reason not to send one; that the answer was read is known by the next.
      peer.send(pingresp)
      await peer.quiet()
    }
    clock.pass(5_000)
    await peer.quiet() // which is something sent, so half of Keep Alive has not passed since
    clock.pass(3_000)
    await peer.quiet()
  },
}

const serverKeepAlive: ClientCase = {
  id: 'lifetime/server-keep-alive',
  title: "Server Keep Alive replaces the client's own, 0 included",
  statements: ['MQTT5-3.1.2-21', 'MQTT5-3.2.2-21'],
  versions: [5],
  async run(trial) {
    const clock = trial.clock()
    const shorter = [property.serverKeepAlive(5)]
    const one = await trial.connect({ clock, keepAlive: 600 }, { properties: shorter })
    clock.pass(5_000)
    await one.peer.expect('pingreq')
    const none = [property.serverKeepAlive(0)]
    const other = trial.clock()
    const two = await trial.connect({ clock: other, keepAlive: 5 }, { properties: none })
    other.pass(100_000)
    await two.peer.quiet()
  },
}

const noPingresp: ClientCase = {
  id: 'lifetime/no-pingresp',
  title: 'closes when PINGREQ is not answered in time',
  statements: ['U5-3.1.2-a'],
  versions: [5],
  async run(trial) {
    const clock = trial.clock()
    const { peer } = await trial.connect({ clock, keepAlive: 10 })
    clock.pass(10_000)
    await peer.expect('pingreq')
    // Pings may go on meanwhile; the timers are the client's own, so each pass runs one or none.
    for (let n = 0; n < 30; n++) clock.pass(1_000)
    const rest = peer.expect('pingreq').then(() => peer.closed())
    await rest.catch(async (error: Error) => {
      if (!error.message.startsWith('closed before')) throw error
    })
  },
}

const close: ClientCase = {
  id: 'lifetime/close',
  title: 'closing sends what waits, then DISCONNECT, then nothing, and closes the connection',
  statements: [
    ...['MQTT5-3.14.4-1', 'MQTT5-3.14.4-2', 'MQTT5-3.14.2-1'],
    ...['MQTT3-3.14.4-1', 'MQTT3-3.14.4-2'],
  ],
  versions: both,
  async run(trial) {
    for (const withWill of [false, true]) {
      const { client, peer } = await trial.connect()
      ignore(client.publish('t', '0'), client.publish('t', '1', { qos: 1 }))
      const closing = client.close({ withWill })
      await assert.rejects(client.publish('t', 'late'), { code: 'closed' })
      const [, last] = await peer.expectMany('publish', 2)
      peer.send(puback(last?.packetId ?? 0))
      const { bytes, reasonCode } = await peer.expect('disconnect')
      if (trial.version === 4) assert.equal(toHex(bytes), 'e0 00')
      else assert.equal(reasonCode, withWill ? 4 : 0)
      peer.send(pingresp) // it answers nothing any more, nor does it mind
      await peer.closed()
      assert.deepEqual(await closing, { left: 0 })
    }
  },
}

const dismissed: ClientCase = {
  id: 'lifetime/disconnect-of-the-server',
  title: 'DISCONNECT in every form makes the client close, without a word',
  statements: ['U5-3.14.4-a', 'U5-3.14.2-c', 'MQTT5-4.13.2-1'],
  versions: [5],
  async run(trial) {
    const rows = [
      ...[disconnect(), disconnect(0x8b), disconnect(0x8b, []), disconnect(0x8e)],
      disconnect(0x98, [property.reasonString('maintenance')]),
    ]
    for (const bytes of rows) {
      const { client, peer } = await trial.connect()
      const events = client.events()
      peer.send(bytes)
      await peer.closed()
      const { value } = await events.next()
      assert.equal(value?.type === 'disconnected' && value.error.reasonCode, bytes[2] ?? 0)
    }
  },
}

const redirect: ClientCase = {
  id: 'lifetime/use-another-server',
  title: 'the Server Reference is told, and followed only where the program says so',
  statements: ['U5-4.11-a'],
  versions: [5],
  async run(trial) {
    await using other = await RawServer.start(5)
    for (const reasonCode of [0x9c, 0x9d]) {
      for (const isLate of [false, true]) {
        const told: unknown[] = []
        const onRedirect = (redirected: object) => {
          told.push(redirected)
          return other.url
        }
        const client = trial.start({ onRedirect, reconnect: { minMs: 1 } })
        const peer = await trial.server.accept()
        await peer.expect('connect')
        const properties = [property.serverReference('other:1 [::1]:2')]
        if (isLate) peer.send(connack(5), disconnect(reasonCode, properties))
        else peer.send(connack(5, { reasonCode, properties }))
        await peer.closed()
        await (await other.accept()).expect('connect')
        assert.deepEqual(told, [{ reasonCode, serverReference: 'other:1 [::1]:2' }])
        await client.close({ drainMs: 0 })
        const stays = trial.start({ reconnect: { minMs: 1 } })
        const refused = assert.rejects(stays.connected, { code: 'connect-refused', reasonCode })
        const here = await trial.server.accept()
        await here.expect('connect')
        here.send(connack(5, { reasonCode, properties }))
        await refused
      }
    }
    assert.equal(trial.server.peers.length, 8)
  },
}

export const lifetimeCases: readonly ClientCase[] = [
  ...[keepAlive, serverKeepAlive, noPingresp, close, dismissed, redirect],
]
