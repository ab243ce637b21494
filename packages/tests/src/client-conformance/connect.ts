import assert from 'node:assert/strict'
import { ClientError, type ClientOptions, memoryStore } from '@busbar/client'
import { connect as connectBytes, property, publish, raw, toHex } from '@busbar/conformance/bytes'
import type { ClientCase, ClientTrial } from './case.ts'
import { connack } from './raw-server.ts'
import type { SentConnect } from './sent.ts'

const both = [5, 4] as const

/** What the CONNECT of a client with these options says. */
async function connectOf(trial: ClientTrial, options: ClientOptions): Promise<SentConnect> {
  trial.start(options)
  const { connect } = await (await trial.server.accept()).expect('connect')
  assert.ok(connect !== undefined)
  return connect
}

/** The client stops, and the server has heard nothing of it. */
async function sendsNothing(trial: ClientTrial, options: ClientOptions): Promise<void> {
  const client = trial.start(options)
  await assert.rejects(client.connected, isInvalid)
  for (const peer of trial.server.peers) await peer.closed()
}

function isInvalid(error: unknown): boolean {
  return error instanceof ClientError && error.code.startsWith('invalid-')
}

const will = { topic: 'w/t', payload: 'gone', qos: 2, retain: true } as const

const full: ClientCase = {
  id: 'connect/everything',
  title: 'CONNECT comes first, and its payload is in order, each field as its flag says',
  statements: [
    ...['MQTT5-3.1.0-1', 'MQTT5-3.1.2-1', 'MQTT5-3.1.2-9', 'MQTT5-3.1.2-17', 'MQTT5-3.1.2-19'],
    ...['MQTT5-3.1.3-1', 'MQTT5-3.1.3-3'],
    ...['MQTT3-3.1.0-1', 'MQTT3-3.1.2-9', 'MQTT3-3.1.2-19', 'MQTT3-3.1.2-21', 'MQTT3-3.1.3-1'],
    'MQTT3-3.1.3-3',
  ],
  versions: both,
  async run(trial) {
    const { version } = trial
    const credentials = { username: 'ü', password: Uint8Array.of(0, 255) }
    trial.start({ clientId: 'näme', keepAlive: 258, will, credentials })
    const peer = await trial.server.accept()
    const { bytes, connect } = await peer.expect('connect')
    const fields = { version, clientId: 'näme', keepAlive: 258, will, ...credentials }
    if (version === 4) {
      assert.equal(toHex(bytes), toHex(connectBytes(fields)))
    } else {
      assert.ok(connect !== undefined)
      const { willPayload, willProperties, password, ...rest } = connect
      assert.deepEqual(rest, {
        protocolName: 'MQTT',
        level: 5,
        flags: 0b1111_0110,
        keepAlive: 258,
        clientId: 'näme',
        willTopic: 'w/t',
        username: 'ü',
      })
      assert.equal(willProperties.size, 0)
      assert.deepEqual([willPayload, password], [raw('gone'), credentials.password].map(plain))
    }
  },
}

function plain(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}

const bare: ClientCase = {
  id: 'connect/bare',
  title: 'without Will, user name and password their flags are 0 and nothing is in the payload',
  statements: [
    ...['MQTT5-3.1.2-11', 'MQTT5-3.1.2-13', 'MQTT5-3.1.2-16', 'MQTT5-3.1.2-18'],
    ...['MQTT3-3.1.2-11', 'MQTT3-3.1.2-13', 'MQTT3-3.1.2-15', 'MQTT3-3.1.2-18', 'MQTT3-3.1.2-20'],
  ],
  versions: both,
  async run(trial) {
    // What is left over behind the Client Identifier fails when it is read.
    assert.equal((await connectOf(trial, {})).flags, 0b10)
  },
}

/** A client that is given a Will as no type allows, as JavaScript can. */
const wrongWill: ClientCase = {
  id: 'connect/wrong-will',
  title: 'a Will of QoS 3, or to what is no Topic Name, never leaves',
  statements: ['MQTT5-3.1.2-12', 'MQTT5-3.1.3-11', 'MQTT3-3.1.2-14', 'MQTT3-3.1.3-10'],
  versions: both,
  async run(trial) {
    for (const wrong of [{ qos: 3 as 2 }, { topic: 'a/#' }, { topic: '' }, { topic: 'a\0' }]) {
      await sendsNothing(trial, { will: { ...will, ...wrong } })
    }
  },
}

const willQoS: ClientCase = {
  id: 'connect/will-qos',
  title: 'the Will QoS is 0, 1 or 2',
  statements: ['MQTT5-3.1.2-12', 'MQTT3-3.1.2-14'],
  versions: both,
  async run(trial) {
    for (const qos of [0, 1, 2] as const) {
      const { flags } = await connectOf(trial, { will: { ...will, qos, retain: false } })
      assert.equal(flags, 0b110 | (qos << 3))
    }
  },
}

const passwordAlone: ClientCase = {
  id: 'connect/password-alone',
  title: 'a password without user name is for 5.0 only',
  statements: ['MQTT5-3.1.2-16', 'MQTT5-3.1.2-19', 'MQTT3-3.1.2-22'],
  versions: both,
  async run(trial) {
    const options = { credentials: { password: 'p' } }
    if (trial.version === 4) return await sendsNothing(trial, options)
    assert.equal((await connectOf(trial, options)).flags, 0b0100_0010)
  },
}

const illFormed: ClientCase = {
  id: 'connect/ill-formed-text',
  title: 'text that is not UTF-8, or has U+0000, never leaves',
  statements: [
    ...['MQTT5-1.5.4-1', 'MQTT5-1.5.4-2', 'MQTT5-3.1.3-4', 'MQTT5-3.1.3-11', 'MQTT5-3.1.3-12'],
    ...['MQTT3-1.5.3-1', 'MQTT3-1.5.3-2', 'MQTT3-3.1.3-4', 'MQTT3-3.1.3-10', 'MQTT3-3.1.3-11'],
  ],
  versions: both,
  async run(trial) {
    for (const text of ['a\ud800', '\udc00b', 'a\0b']) {
      await sendsNothing(trial, { clientId: text })
      await sendsNothing(trial, { credentials: { username: text } })
      await sendsNothing(trial, { will: { topic: text, payload: '' } })
    }
  },
}

const noName: ClientCase = {
  id: 'connect/no-identifier',
  title: 'without a Client Identifier a 3.1.1 client makes one up, or asks for a clean Session',
  statements: ['MQTT3-3.1.3-7'],
  versions: [4],
  async run(trial) {
    for (const expirySeconds of [0, 300]) {
      for (const clientId of [{ clientId: '' }, {}]) {
        const options = { ...clientId, session: { expirySeconds, cleanStart: false } }
        const { clientId: sent, flags } = await connectOf(trial, options)
        assert.ok(sent !== '' || (flags & 0b10) !== 0, 'no name, and a Session is asked for')
      }
    }
  },
}

const sameName: ClientCase = {
  id: 'connect/same-identifier',
  title: 'the client comes back by the same Client Identifier, be it its own or assigned',
  statements: ['MQTT5-3.1.3-2', 'MQTT3-3.1.3-2'],
  versions: both,
  async run(trial) {
    const client = trial.start({ clientId: '', reconnect: { minMs: 1 } })
    const first = await trial.server.accept()
    const sent = (await first.expect('connect')).connect?.clientId
    const properties = [property.assignedClientIdentifier('given')]
    first.send(connack(trial.version, { properties }))
    await client.connected
    first.cut()
    const again = (await (await trial.server.accept()).expect('connect')).connect?.clientId
    assert.equal(again, trial.version === 5 ? 'given' : sent)
    assert.notEqual(again, '')
  },
}

const noConnack: ClientCase = {
  id: 'connect/no-connack',
  title: 'the client closes when no CONNACK comes in time, and has sent nothing else',
  statements: ['U5-3.2-a'],
  versions: [5],
  async run(trial) {
    const clock = trial.clock()
    const client = trial.start({ clock })
    client.subscribe('a').catch(() => {})
    client.publish('a', 'b', { qos: 1 }).catch(() => {})
    const peer = await trial.server.accept()
    await peer.expect('connect')
    clock.pass(30_000)
    await peer.closed()
    await assert.rejects(client.connected, { code: 'connect-timeout' })
  },
}

const unknownSession: ClientCase = {
  id: 'connect/unknown-session',
  title: 'a client that has no Session closes when the server has one',
  statements: ['MQTT5-3.2.2-4'],
  versions: [5],
  async run(trial) {
    const client = trial.start()
    const peer = await trial.server.accept()
    assert.equal(((await peer.expect('connect')).connect?.flags ?? 0) & 0b10, 0b10)
    peer.send(connack(5, { sessionPresent: true }))
    await peer.closed()
    await assert.rejects(client.connected, { code: 'protocol-error' })
  },
}

const lostSession: ClientCase = {
  id: 'connect/lost-session',
  title:
    'Session Present 0: no PUBREL and no DUP from before, and old identifiers mean new messages',
  statements: ['MQTT5-3.2.2-5'],
  versions: [5],
  async run(trial) {
    const { client, peer, subscription } = await trial.subscribe({
      reconnect: { minMs: 1 },
      session: { requeueWhenLost: false },
    })
    const calls = ['a', 'b'].map((payload) => client.publish('t', payload, { qos: 2 }))
    const settled = Promise.allSettled(calls)
    const [first] = await peer.expectMany('publish', 2)
    peer.send(Uint8Array.of(0x50, 2, 0, first?.packetId ?? 0))
    await peer.expect('pubrel')
    peer.send(publish({ version: 5, topic: 'x', payload: '1', qos: 2, packetId: 9 }))
    ;(await subscription.next()).value?.ack()
    await peer.expect('pubrec')
    peer.cut()
    const next = await trial.reconnect()
    await next.expect('subscribe') // the subscription was of that Session too
    next.send(publish({ version: 5, topic: 'x', payload: '2', qos: 2, packetId: 9 }))
    const { value } = await subscription.next()
    assert.equal(value?.text(), '2')
    value?.ack()
    await next.expect('pubrec')
    await next.quiet()
    const [one, two] = await settled
    assert.deepEqual([one?.status, two?.status], ['fulfilled', 'rejected'])
  },
}

const cleanStart: ClientCase = {
  id: 'connect/clean-start',
  title: 'with Clean Start nothing of an earlier Session is sent again',
  statements: ['MQTT5-3.1.2-4', 'MQTT3-3.1.2-6'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const clean = version === 5 ? { cleanStart: true } : { expirySeconds: 0 }
    const { client, peer } = await trial.connect({
      reconnect: { minMs: 1 },
      session: { expirySeconds: 0 },
    })
    const call = client.publish('t', 'x', { qos: 2 })
    await peer.expect('publish')
    peer.send(Uint8Array.of(0x50, 2, 0, 1))
    await peer.expect('pubrel')
    peer.cut()
    const next = await trial.reconnect()
    await call
    await next.quiet() // no PUBREL
    await client.close({ drainMs: 0 })
    const fields = await connectOf(trial, { session: { ...clean, store: memoryStore() } })
    assert.equal(fields.flags & 0b10, 0b10)
  },
}

const granted: ClientCase = {
  id: 'connect/session-expiry',
  title: "the server's Session Expiry Interval replaces the one that was asked for",
  statements: ['U5-3.2.2-g'],
  versions: [5],
  async run(trial) {
    const session = { expirySeconds: 100 }
    const properties = [property.sessionExpiryInterval(7)]
    const replaced = await trial.connect({ session }, { properties })
    assert.equal(replaced.client.negotiated?.sessionExpirySeconds, 7)
    const kept = await trial.connect({ session })
    assert.equal(kept.client.negotiated?.sessionExpirySeconds, 100)
  },
}

const anyOrder: ClientCase = {
  id: 'connect/properties-in-any-order',
  title: 'the order of different properties has no meaning',
  statements: ['U5-2.2.2-b'],
  versions: [5],
  async run(trial) {
    const list = [
      property.receiveMaximum(3),
      property.maximumPacketSize(200),
      property.serverKeepAlive(9),
      property.assignedClientIdentifier('z'),
    ]
    const there = await trial.connect({ clientId: '' }, { properties: list })
    const back = await trial.connect({ clientId: '' }, { properties: list.toReversed() })
    assert.deepEqual(there.client.negotiated, back.client.negotiated)
    assert.equal(back.client.negotiated?.receiveMaximum, 3)
  },
}

export const connectCases: readonly ClientCase[] = [
  ...[full, bare, willQoS, wrongWill, passwordAlone, illFormed, noName, sameName, noConnack],
  ...[unknownSession, lostSession, cleanStart, granted, anyOrder],
]
