import assert from 'node:assert/strict'
import { auth, hex, property, publish } from '../bytes.ts'
import { type Case, type ConnectOptions, type Suite, suite } from '../case.ts'
import { alice } from '../profiles.ts'
import { againCases } from './authentication-again.ts'
import { exchangeCases } from './authentication-exchange.ts'
import { lasting } from './lasting-session.ts'

const asAlice = { username: alice.name, password: alice.password }

/** What no Server may take for the user's name and password. */
const wrong: Readonly<Record<string, ConnectOptions>> = {
  anonymous: {},
  'wrong password': { username: alice.name, password: 'wrong' },
  'empty password': { username: alice.name, password: '' },
  'no password': { username: alice.name },
  'longer password': { username: alice.name, password: `${alice.password}x` },
  'shorter password': { username: alice.name, password: alice.password.slice(0, -1) },
  'password that is no text': { username: alice.name, password: hex('ff 00') },
  'unknown user': { username: 'mallory', password: alice.password },
  'other case': { username: 'Alice', password: alice.password },
  'empty user': { username: '', password: alice.password },
}

const passwordCases: readonly Case[] = [
  {
    id: 'authentication/password',
    title: 'accepts the right password',
    statements: ['MQTT5-3.1.4-5', 'MQTT3-3.1.4-4'],
    versions: [5, 4, 3],
    profile: 'authentication',
    async run(t) {
      const peer = await t.connect(asAlice)
      await peer.subscribe(t.topic())
      await peer.publish(t.topic(), 'x', { qos: 1 })
      await peer.message({ payload: 'x' })
    },
  },
  {
    id: 'authentication/refused',
    title: 'refuses whoever has not the right user name and password, and closes',
    statements: ['MQTT5-3.1.4-2', 'MQTT5-3.2.2-7', 'MQTT3-3.2.2-5'],
    versions: [5, 4, 3],
    profile: 'authentication',
    async run(t) {
      await t.each(wrong, async (options) => {
        await t.refused(options, [0x86, 0x87], { returnCodes: [4, 5], withinMs: 4_000 })
      })
      const peer = await t.connect(asAlice)
      await peer.ping()
    },
  },
  {
    id: 'authentication/binary-password',
    title: 'compares a Password as bytes, which do not end at U+0000',
    statements: ['MQTT5-3.1.4-2'],
    versions: [5, 4],
    profile: 'authentication',
    async run(t) {
      const options = { username: alice.name, password: `${alice.password}\u0000` }
      await t.refused(options, [0x86, 0x87], { returnCodes: [4, 5], withinMs: 4_000 })
    },
  },
  {
    id: 'authentication/password-alone',
    title: 'hands a Password without a User Name to the authentication',
    statements: ['MQTT5-3.1.2-19'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { password } = asAlice
      await t.refused({ password }, [0x86, 0x87], { withinMs: 4_000 })
    },
  },
  {
    id: 'authentication/same-answer',
    title: 'gives the same answer to a wrong password and an unknown user',
    statements: ['MQTT5-3.1.4-2'],
    versions: [5, 4],
    profile: 'authentication',
    async run(t) {
      const allowed = { returnCodes: [4, 5], withinMs: 4_000 }
      const [one, other] = ['wrong password', 'unknown user'].map((name) => wrong[name] ?? {})
      const first = await t.refused(one ?? {}, [0x86, 0x87], allowed)
      const second = await t.refused(other ?? {}, [0x86, 0x87], allowed)
      assert.deepEqual(first?.bytes, second?.bytes)
    },
  },
  {
    id: 'authentication/session-present',
    title: 'says Session Present 0 to a wrong password, and leaves the stored Session alone',
    statements: ['MQTT5-3.2.2-6', 'MQTT5-3.1.4-2', 'MQTT3-3.2.2-4'],
    versions: [5, 4],
    profile: 'authentication',
    async run(t) {
      const options = { ...lasting(), ...asAlice, clientId: t.id() }
      await (await t.connect(options)).disconnect()
      const allowed = { returnCodes: [4, 5], withinMs: 4_000 }
      for (const clean of [false, true]) {
        const attempt = { ...options, clean, password: 'wrong' }
        const connack = await t.refused(attempt, [0x86, 0x87], allowed)
        assert.equal(connack?.body[0] ?? 0, 0)
      }
      const again = await t.connect(options)
      assert.equal(again.sessionPresent, true)
    },
  },
  {
    id: 'authentication/no-takeover',
    title: 'does not let a CONNECT that it refuses end the connection of another',
    statements: ['MQTT5-3.1.4-2'],
    versions: [5, 4],
    profile: 'authentication',
    async run(t) {
      const client = await t.connect(asAlice)
      const thief = { ...asAlice, clientId: client.clientId, password: 'wrong' }
      await t.refused(thief, [0x86, 0x87], { returnCodes: [4, 5], withinMs: 4_000 })
      await client.expectNoMessage(500)
    },
  },
  {
    id: 'authentication/nothing-behind',
    title: 'processes nothing behind a CONNECT with a wrong password, and no Will of it',
    statements: ['MQTT5-3.1.4-6', 'MQTT5-3.1.4-2', 'MQTT3-3.1.4-5'],
    versions: [5, 4],
    profile: 'authentication',
    async run(t) {
      const topic = t.topic()
      const watcher = await t.subscriber(topic, { connect: asAlice })
      const peer = await t.open()
      const wrongPassword = { ...wrong['wrong password'], will: { topic, payload: 'will' } }
      const message = publish({ version: t.version, topic, payload: 'behind', retain: true })
      peer.send(t.connectBytes(wrongPassword), message)
      await peer.rejects([0x86, 0x87], { returnCodes: [4, 5], withinMs: 4_000 })
      await watcher.expectNoMessage()
      const late = await t.subscriber(topic, { connect: asAlice })
      await late.expectNoMessage(300)
    },
  },
]

const withoutMethodCases: readonly Case[] = [
  {
    id: 'authentication/unknown-method',
    title: 'refuses an Authentication Method that it does not know',
    statements: ['MQTT5-4.12.0-1'],
    versions: [5],
    async run(t) {
      const rows = { unknown: 'NOPE', empty: '', 'other case': 'Nope-sha-256' }
      await t.each(rows, async (name) => {
        const properties = [property.authenticationMethod(name)]
        await t.refused({ properties }, [0x8c, 0x87])
      })
    },
  },
  {
    id: 'authentication/no-method',
    title: 'sends no AUTH and no Authentication Method to a client that named none',
    statements: ['MQTT5-4.12.0-6'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      // Any AUTH would come before the CONNACK that `connect` waits for.
      const client = await t.connect(asAlice)
      assert.equal(client.connack.property('authenticationMethod'), undefined)
      assert.equal(client.connack.property('authenticationData'), undefined)
      await client.expectNoMessage()
    },
  },
  {
    id: 'authentication/unasked',
    title: 'refuses AUTH from a client that named no Authentication Method',
    statements: ['MQTT5-4.12.0-7', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      const named = [property.authenticationMethod('NOPE')]
      const rows = {
        'AUTH 18': auth(0x18, named),
        'AUTH 19': auth(0x19, named),
        'without anything': hex('f0 00'),
      }
      await t.each(rows, async (bytes) => {
        const { client, watcher } = await t.withWill()
        client.send(bytes)
        await client.rejects([0x82])
        await watcher.message({ payload: 'will' })
      })
    },
  },
  {
    id: 'authentication/reserved-flags',
    title: 'refuses AUTH with wrong flags',
    statements: ['MQTT5-3.15.1-1', 'MQTT5-2.1.3-1'],
    versions: [5],
    async run(t) {
      const [, ...rest] = auth(0x18, [property.authenticationMethod('NOPE')])
      await t.each({ '0001': 0xf1, '0010': 0xf2, '1000': 0xf8 }, async (first) => {
        const client = await t.connect()
        client.send(first, Uint8Array.from(rest))
        await client.rejects([0x81])
      })
    },
  },
]

export const authentication: Suite = suite('authentication', [
  ...passwordCases,
  ...withoutMethodCases,
  ...exchangeCases,
  ...againCases,
])
