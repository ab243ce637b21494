import assert from 'node:assert/strict'
import type { Authentication } from '@busbar/client'
import { auth, disconnect, property, puback, publish } from '@busbar/conformance/bytes'
import type { ClientCase, ClientTrial } from './case.ts'
import { connack } from './raw-server.ts'
import { ignore } from './send.ts'
import type { Sent } from './sent.ts'

/** Answers every challenge with as many bytes as it had. */
const echo: Authentication = {
  method: 'ECHO',
  start: () => ({
    first: async () => Uint8Array.of(1),
    next: async (data) => data,
    finish: async () => {},
  }),
}

const method = [property.authenticationMethod('ECHO')]
const challenge = auth(0x18, [...method, property.authenticationData('abc')])

function checkAuth({ properties, reasonCode }: Sent, code: number): void {
  assert.equal(reasonCode, code)
  // Neither Reason String nor User Property, whatever room there is.
  assert.deepEqual([...properties.keys()].toSorted(), [0x15, 0x16])
  assert.deepEqual(properties.get(0x15), ['ECHO'])
}

async function open(trial: ClientTrial) {
  const client = trial.start({ authentication: echo })
  const peer = await trial.server.accept()
  assert.deepEqual((await peer.expect('connect')).properties.get(0x15), ['ECHO'])
  return { client, peer }
}

const exchange: ClientCase = {
  id: 'authentication/exchange',
  title: 'AUTH 0x18 with the same method answers AUTH, and nothing else is sent before CONNACK',
  statements: [
    ...['MQTT5-3.1.2-30', 'MQTT5-4.12.0-3', 'MQTT5-4.12.0-5', 'MQTT5-3.15.2-1', 'MQTT5-3.15.2-2'],
    ...['MQTT5-3.15.2-3', 'MQTT5-3.15.1-1', 'U5-3.15.2-a'],
  ],
  versions: [5],
  async run(trial) {
    const { client, peer } = await open(trial)
    ignore(client.publish('t', 'waits', { qos: 1 }), client.subscribe('a'))
    for (let n = 0; n < 2; n++) {
      peer.send(challenge)
      checkAuth(await peer.expect('auth'), 0x18)
    }
    peer.send(connack(5, { properties: method }))
    await client.connected
    await peer.expect('subscribe')
    await peer.expect('publish')
  },
}

const otherMethod: ClientCase = {
  id: 'authentication/another-method',
  title: 'closes when AUTH or CONNACK names another method, or none',
  statements: ['MQTT5-4.12.0-5', 'U5-3.15.2-a'],
  versions: [5],
  async run(trial) {
    const other = [property.authenticationMethod('OTHER')]
    for (const bytes of [
      auth(0x18, other),
      auth(0x18, []),
      connack(5, { properties: other }),
      connack(5),
    ]) {
      const { client, peer } = await open(trial)
      const refused = assert.rejects(client.connected)
      peer.send(bytes)
      await peer.closed()
      await refused
    }
  },
}

const again: ClientCase = {
  id: 'authentication/again',
  title: 'AUTH 0x19 with the same method authenticates again; other packets flow meanwhile',
  statements: ['MQTT5-4.12.1-1', 'U5-4.12-a', 'MQTT5-4.12.0-3', 'MQTT5-3.15.2-1'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await open(trial)
    peer.send(connack(5, { properties: method }))
    await client.connected
    const done = client.reauthenticate()
    checkAuth(await peer.expect('auth'), 0x19)
    const call = client.publish('t', 'x', { qos: 1 })
    const { packetId } = await peer.expect('publish')
    peer.send(puback(packetId), publish({ version: 5, topic: 'a', qos: 1, packetId: 1 }))
    await call
    await peer.expect('puback')
    peer.send(challenge)
    checkAuth(await peer.expect('auth'), 0x18)
    peer.send(auth(0x00, method))
    await done
    await peer.quiet()
  },
}

const failed: ClientCase = {
  id: 'authentication/again-failed',
  title: 'closes when authenticating again fails at either end',
  statements: ['MQTT5-4.12.1-2', 'MQTT5-4.13.2-1'],
  versions: [5],
  async run(trial) {
    for (const bytes of [disconnect(0x87), auth(0x18, [property.authenticationMethod('OTHER')])]) {
      const { client, peer } = await open(trial)
      peer.send(connack(5, { properties: method }))
      await client.connected
      const refused = assert.rejects(client.reauthenticate())
      await peer.expect('auth')
      peer.send(bytes)
      if (bytes[0] === 0xf0) await peer.rejects(0x82)
      else await peer.closed()
      await refused
    }
  },
}

const unasked: ClientCase = {
  id: 'authentication/none',
  title: 'without a method in CONNECT the client sends no AUTH',
  statements: ['MQTT5-4.12.0-7'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect()
    await assert.rejects(client.reauthenticate(), { code: 'invalid-argument' })
    await peer.quiet()
    peer.send(challenge)
    await peer.rejects(0x82)
  },
}

export const authenticationCases: readonly ClientCase[] = [
  ...[exchange, otherMethod, again, failed, unasked],
]
