import assert from 'node:assert/strict'
import type { Case, ConnectOptions } from '../case.ts'
import { lasting } from './lasting-session.ts'

/** Flags that contradict each other or the payload, by their bits in both versions. */
export const flagCases: readonly Case[] = [
  {
    id: 'connect/reserved-flag',
    title: 'refuses a CONNECT whose reserved flag is set, and creates no Session',
    statements: ['MQTT5-3.1.2-3', 'MQTT3-3.1.2-3'],
    versions: [5, 4],
    async run(t) {
      const options = { clientId: t.id(), ...lasting() }
      await t.refused({ ...options, flags: 0x03 }, [0x81])
      await t.refused({ ...options, flags: 0x01 }, [0x81])
      const peer = await t.connect(options)
      assert.equal(peer.sessionPresent, false)
    },
  },
  refusesFlags('will-qos-without-will', [0x81, 0x82], {
    title: 'refuses a Will QoS without a Will',
    statements: ['MQTT5-3.1.2-11', 'MQTT3-3.1.2-11', 'MQTT3-3.1.2-13'],
    rows: { 'QoS 1': { flags: 0x0a }, 'QoS 2': { flags: 0x12 }, 'QoS 3': { flags: 0x1a } },
  }),
  refusesFlags('will-retain-without-will', [0x81, 0x82], {
    title: 'refuses Will Retain without a Will',
    statements: ['MQTT5-3.1.2-13', 'MQTT3-3.1.2-11', 'MQTT3-3.1.2-15'],
    rows: { 'Will Retain': { flags: 0x22 } },
  }),
  refusesFlags('will-qos-3', [0x81], {
    title: 'refuses Will QoS 3',
    statements: ['MQTT5-3.1.2-12', 'MQTT3-3.1.2-14'],
    rows: { 'QoS 3': { will: { topic: 'conformance/will', qos: 3 } } },
  }),
  refusesFlags('will-fields-missing', [0x81], {
    title: 'refuses a Will Flag without Will fields',
    statements: ['MQTT5-3.1.2-9', 'MQTT3-3.1.2-9'],
    rows: {
      'no field': { flags: 0x06 },
      'one field': { flags: 0x06, username: 'a' },
    },
  }),
  refusesFlags('user-name-unannounced', [0x81], {
    title: 'refuses a User Name without its flag',
    statements: ['MQTT5-3.1.2-16', 'MQTT3-3.1.2-18'],
    rows: { 'flag 0': { username: 'a', flags: 0x02 } },
  }),
  refusesFlags('user-name-missing', [0x81], {
    title: 'refuses the User Name Flag without a User Name',
    statements: ['MQTT5-3.1.2-17', 'MQTT3-3.1.2-19'],
    rows: { 'flag 1': { flags: 0x82 } },
  }),
  refusesFlags('password-unannounced', [0x81], {
    title: 'refuses a Password without its flag',
    statements: ['MQTT5-3.1.2-18', 'MQTT3-3.1.2-20'],
    rows: { 'flag 0': { username: 'a', password: 'b', flags: 0x82 } },
  }),
  refusesFlags('password-missing', [0x81], {
    title: 'refuses the Password Flag without a Password',
    statements: ['MQTT5-3.1.2-19', 'MQTT3-3.1.2-21'],
    rows: { 'no User Name': { flags: 0x42 }, 'User Name': { username: 'a', flags: 0xc2 } },
  }),
  {
    id: 'connect/password-alone',
    title: 'refuses a Password without a User Name',
    statements: ['MQTT3-3.1.2-22'],
    versions: [4],
    async run(t) {
      await t.refused({ password: 'b', flags: 0x42 }, [])
    },
  },
]

interface FlagRows {
  readonly title: string
  readonly statements: readonly string[]
  readonly rows: Readonly<Record<string, ConnectOptions>>
}

function refusesFlags(
  name: string,
  codes: readonly number[],
  { title, statements, rows }: FlagRows,
): Case {
  return {
    id: `connect/${name}`,
    title,
    statements,
    versions: [5, 4],
    async run(t) {
      const bystander = await t.connect()
      await t.each(rows, async (options) => void (await t.refused(options, codes)))
      await bystander.ping()
    },
  }
}
