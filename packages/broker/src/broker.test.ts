import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startBroker } from './broker.ts'
import type { ConfigInput } from './config.ts'
import { ListenError } from './listener/listener.ts'
import { eventually } from './listener/transport.contract.ts'
import { silentLog } from './log.ts'

const log = silentLog
const store = { engine: 'memory' } as const
const oneTcp: ConfigInput = { listeners: [{ kind: 'tcp', port: 0 }], store }

/** Packets in hex, spaces at field borders. */
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hex = (sent: readonly Uint8Array[]) => Buffer.concat(sent).toString('hex')

// MQTT 5.0, Clean Start, Keep Alive 0, Client Identifier `a`
const connectPacket = bytes('10 0e 0004 4d515454 05 02 0000 00 0001 61')
// the same with the user name `u` and the password `p`
const withPassword = bytes('10 14 0004 4d515454 05 c2 0000 00 0001 61 0001 75 0001 70')
const pingreq = bytes('c0 00')

test('serves clients over TCP and in memory', async () => {
  await using broker = await startBroker(oneTcp, { log })
  const { port } = new URL(broker.url)
  const socket = connect(Number(port), '127.0.0.1')
  const overTcp: Uint8Array[] = []
  socket.on('data', (data: Buffer) => overTcp.push(data))
  socket.write(Buffer.concat([connectPacket, pingreq]))
  await eventually(() => hex(overTcp).endsWith('d000'), 'PINGRESP over TCP')
  socket.destroy()

  const link = broker.connectInMemory()
  const inMemory: Uint8Array[] = []
  link.receive = (data) => inMemory.push(Uint8Array.from(data))
  link.send(connectPacket)
  link.send(pingreq)
  await eventually(() => hex(inMemory).endsWith('d000'), 'PINGRESP in memory')
  assert.equal(broker.statistics.connectionsAccepted, 2)
})

test('meets deadlines', { timeout: 10_000 }, async () => {
  const limits = { connectTimeoutSeconds: 1 }
  await using broker = await startBroker({ ...oneTcp, limits }, { log })
  const socket = connect(Number(new URL(broker.url).port), '127.0.0.1')
  socket.resume()
  await once(socket, 'close')
})

test('says goodbye to clients when it is closed', async () => {
  const broker = await startBroker(oneTcp, { log })
  const socket = connect(Number(new URL(broker.url).port), '127.0.0.1')
  const received: Uint8Array[] = []
  socket.on('data', (data: Buffer) => received.push(data))
  socket.write(connectPacket)
  await eventually(() => received.length > 0, 'CONNACK')
  const ended = once(socket, 'end')
  await broker.close()
  await ended
  const goodbye = Buffer.concat(received.slice(1))
  assert.deepEqual([goodbye[0], goodbye[2]], [0xe0, 0x8b])
  await broker.close()
  assert.throws(() => broker.connectInMemory(), /this broker is closed/)
})

test('gives the addresses in the order of the configuration', async () => {
  const listeners = [
    { kind: 'ws', port: 0, path: '/a' },
    { kind: 'tcp', port: 0 },
  ] as const
  await using broker = await startBroker({ listeners, store }, { log })
  assert.deepEqual(
    broker.addresses.map(({ kind }) => kind),
    ['ws', 'tcp'],
  )
  assert.match(broker.addresses[0]?.url ?? '', /^ws:\/\/127.0.0.1:\d+\/a$/)
  assert.match(broker.url, /^mqtt:\/\/127.0.0.1:\d+$/)
})

test('without TCP there is no url', async () => {
  await using broker = await startBroker({ listeners: [], store }, { log })
  assert.throws(() => broker.url, /does not listen on TCP/)
  assert.deepEqual(broker.addresses, [])
})

test('a listener that fails closes those that were opened', async () => {
  await using first = await startBroker(oneTcp, { log })
  const taken = Number(new URL(first.url).port)
  const free = await freePort()
  const listeners = [free, taken].map((port) => ({ kind: 'tcp', port }) as const)
  await assert.rejects(startBroker({ listeners, store }, { log }), ListenError)
  const socket = connect(free, '127.0.0.1')
  const [error] = await once(socket, 'error')
  assert.equal(error.code, 'ECONNREFUSED')
})

async function freePort(): Promise<number> {
  await using broker = await startBroker(oneTcp, { log })
  return Number(new URL(broker.url).port)
}

test('refuses a bad configuration, and one that is open to a network', async () => {
  await assert.rejects(startBroker({ mqtt: { receiveMaximum: 0 } }), { name: 'ConfigError' })
  const listeners = [{ kind: 'tcp', host: '0.0.0.0', port: 0 }] as const
  await assert.rejects(startBroker({ listeners }), /others can reach/)
})

const refuseAll = {
  authenticate: () => ({ outcome: 'refused', reasonCode: 0x87, reason: 'no' }) as const,
}

const letIn = { authenticate: () => ({ outcome: 'accepted', user: 'x' }) as const }
const passing = { authenticators: [{ authenticate: () => ({ outcome: 'passed-on' }) as const }] }

// the user `u` with the password `p`, RFC 5802 with 4096 iterations and the salt `salt`
const user = {
  name: 'u',
  scram: {
    salt: 'c2FsdA==',
    iterations: 4_096,
    storedKey: 'KWwHs1ysS4TG8aVMBScx1VhLJ3KSCqfSRgDNt4mY41Q=',
    serverKey: 'npDy99qnByIELLIqisIld8O1Q3Le3jX0Fdls6+FA3TE=',
  },
}

const logins = [
  ['nobody known, no name', {}, {}, connectPacket, 0x00],
  ['nobody known, any name', {}, {}, withPassword, 0x00],
  ['an authenticator', {}, { authenticators: [refuseAll] }, withPassword, 0x87],
  ['the first of two', { users: [user] }, { authenticators: [letIn, refuseAll] }, connectPacket, 0],
  ['users, after one that passes on', { users: [user] }, passing, withPassword, 0x00],
  ['one that passes on, and nobody else', {}, passing, withPassword, 0x86],
  ['users, the right password', { users: [user] }, {}, withPassword, 0x00],
  ['users, no name', { users: [user] }, {}, connectPacket, 0x87],
  ['users and others, no name', { users: [user], allowAnonymous: true }, {}, connectPacket, 0x00],
  ['no anonymous clients, no name', { allowAnonymous: false }, {}, connectPacket, 0x87],
  ['no anonymous clients, any name', { allowAnonymous: false }, {}, withPassword, 0x86],
] as const

for (const [name, auth, options, packet, reasonCode] of logins) {
  test(`login: ${name}: 0x${reasonCode.toString(16)}`, async () => {
    await using broker = await startBroker({ listeners: [], store, auth }, { log, ...options })
    const link = broker.connectInMemory()
    const received: Uint8Array[] = []
    link.receive = (data) => received.push(Uint8Array.from(data))
    link.send(packet)
    await eventually(() => received.length > 0, 'CONNACK')
    const connack = Buffer.concat(received)
    assert.deepEqual([connack[0], connack[3]], [0x20, reasonCode])
  })
}
