import assert from 'node:assert/strict'
import { property } from '../bytes.ts'
import type { Case, ConnectOptions, Trial } from '../case.ts'

/** The fields of a CONNECT with Clean Start 0 and a Session Expiry Interval. */
function expiring(t: Trial, seconds: number): ConnectOptions & { readonly clientId: string } {
  const properties = [property.sessionExpiryInterval(seconds)]
  return { clientId: t.id(), clean: false, properties }
}

export const expiryCases: readonly Case[] = [
  {
    id: 'session/expiry-not-over',
    title: 'keeps the Session before its expiry is over',
    statements: ['MQTT5-3.1.2-23'],
    versions: [5],
    async run(t) {
      const options = expiring(t, 5)
      await (await t.connect(options)).disconnect()
      await t.delay(2_000)
      const again = await t.connect(options)
      assert.equal(again.sessionPresent, true)
    },
  },
  {
    id: 'session/expiry-over',
    title: 'discards the Session and its messages when its expiry is over',
    statements: ['MQTT5-4.1.0-2', 'MQTT5-3.1.2-23'],
    versions: [5],
    async run(t) {
      const ends = {
        DISCONNECT: { seconds: 5, wait: 7_000, isCut: false },
        'connection cut': { seconds: 2, wait: 4_000, isCut: true },
      }
      await t.each(ends, async ({ seconds, wait, isCut }, name) => {
        const options = expiring(t, seconds)
        const first = await t.subscriber(t.topic(name), { connect: options })
        if (isCut) first.abort()
        else await first.disconnect()
        const publisher = await t.connect()
        await publisher.publish(t.topic(name), 'queued', { qos: 1 })
        await t.delay(wait)
        const again = await t.connect(options)
        assert.equal(again.sessionPresent, false)
        await publisher.publish(t.topic(name), 'live', { qos: 1 })
        await again.expectNoMessage()
      })
    },
  },
  {
    id: 'session/expiry-absent',
    title: 'ends a Session without expiry with its connection, also one begun with Clean Start 0',
    statements: ['MQTT5-4.1.0-2', 'MQTT5-3.2.2-3'],
    versions: [5],
    async run(t) {
      const rows = { absent: [], zero: [property.sessionExpiryInterval(0)] }
      await t.each(rows, async (properties) => {
        const options = { clientId: t.id(), clean: false, properties }
        await (await t.connect(options)).disconnect()
        const second = await t.connect(options)
        assert.equal(second.sessionPresent, false)
        second.abort()
        // The Server learns of the end of the connection by itself.
        await t.delay(500)
        const third = await t.connect(options)
        assert.equal(third.sessionPresent, false)
      })
    },
  },
  {
    id: 'session/expiry-from-the-end',
    title: 'counts the expiry from the end of the connection and not from CONNECT',
    statements: ['MQTT5-4.1.0-1', 'MQTT5-3.1.2-23'],
    versions: [5],
    async run(t) {
      const options = expiring(t, 2)
      const first = await t.connect(options)
      await first.expectNoMessage(4_000)
      first.abort()
      await t.delay(300)
      const again = await t.connect(options)
      assert.equal(again.sessionPresent, true)
      await again.expectNoMessage(4_000)
    },
  },
  {
    id: 'session/expiry-set-again',
    title: 'goes by the expiry of the last CONNECT',
    statements: ['MQTT5-4.1.0-2', 'MQTT5-3.1.2-23'],
    versions: [5],
    async run(t) {
      const { clientId, ...long } = expiring(t, 300)
      await (await t.connect({ clientId, ...long })).disconnect()
      const short = expiring(t, 1)
      const second = await t.connect({ ...short, clientId })
      assert.equal(second.sessionPresent, true)
      await second.disconnect()
      await t.delay(3_000)
      const third = await t.connect({ clientId, clean: false })
      assert.equal(third.sessionPresent, false)
    },
  },
  {
    id: 'session/expiry-never',
    title: 'keeps a Session with the expiry FFFFFFFF, or says how long it keeps it',
    statements: ['MQTT5-3.1.2-23'],
    versions: [5],
    async run(t) {
      const options = expiring(t, 0xffff_ffff)
      const first = await t.connect(options)
      assert.ok((first.connack.property('sessionExpiryInterval') ?? 0xffff_ffff) > 10)
      await first.disconnect()
      await t.delay(5_000)
      const again = await t.connect(options)
      assert.equal(again.sessionPresent, true)
      await again.disconnect(0, [property.sessionExpiryInterval(0)])
    },
  },
  {
    id: 'session/expiry-capped',
    title: 'tells the expiry that it uses instead of the one asked for, and uses it',
    statements: ['U5-3.2.2-g', 'MQTT5-4.1.0-2'],
    versions: [5],
    profile: 'small-limits',
    async run(t) {
      const options = expiring(t, 300)
      const first = await t.connect(options)
      const seconds = first.connack.property('sessionExpiryInterval') ?? 300
      await first.disconnect()
      const early = await t.connect(options)
      assert.equal(early.sessionPresent, true)
      await early.disconnect()
      await t.delay(4_500)
      const late = await t.connect(options)
      assert.equal(late.sessionPresent, seconds > 4, `after 4.5 of ${seconds} s`)
      if (seconds === 300) t.skip('the Server does not limit the expiry')
    },
  },
]
