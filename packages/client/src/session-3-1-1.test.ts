import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import type { SessionOptions } from './options.ts'
import { memoryStore } from './store/memory.ts'
import { connack, goodAnswer, ScriptedPeer } from './testing/scripted-peer.ts'
import { VirtualClock } from './testing/virtual-clock.ts'

const base = (session: SessionOptions) => ({
  clientId: 'c',
  version: 4 as const,
  clock: new VirtualClock(),
  reconnect: { minMs: 1_000, jitter: 'none' as const },
  session,
})

/** A server of 3.1.1 with a Session: Clean Session ends it, and nothing of its own outlasts that. */
function server(hasSession: boolean) {
  const peer = new ScriptedPeer()
  const state = { hasSession }
  peer.onPacket = (packet, connection) => {
    if (packet.type !== 'connect') {
      const answer = goodAnswer(packet)
      if (answer !== undefined) connection.send(answer)
      return
    }
    const sessionPresent = state.hasSession && !packet.cleanStart
    state.hasSession = !packet.cleanStart
    connection.send(connack({ sessionPresent }))
  }
  return peer
}

const cleanSessions = (peer: ScriptedPeer) =>
  peer.connections.map(({ received }) => received[0]?.type === 'connect' && received[0].cleanStart)

const cases: readonly {
  name: string
  session: SessionOptions
  hasSession: boolean
  first: readonly boolean[]
  isPresent: boolean
}[] = [
  {
    name: 'nothing left: it is kept from the first connection on',
    session: { expirySeconds: 300 },
    hasSession: false,
    first: [false],
    isPresent: false,
  },
  {
    name: 'an earlier program has left one, of which nothing is known: it is ended',
    session: { expirySeconds: 300 },
    hasSession: true,
    first: [false, true, false],
    isPresent: false,
  },
  {
    name: 'a program that goes on where the earlier one has stopped',
    session: { expirySeconds: 300, cleanStart: false },
    hasSession: true,
    first: [false],
    isPresent: true,
  },
  {
    name: 'a store, which knows it',
    session: { expirySeconds: 300, store: memoryStore() },
    hasSession: true,
    first: [false],
    isPresent: true,
  },
  {
    name: 'a store, and the wish to begin anew',
    session: { expirySeconds: 300, store: memoryStore(), cleanStart: true },
    hasSession: true,
    first: [false, true, false],
    isPresent: false,
  },
]
for (const { name, session, hasSession, first, isPresent } of cases) {
  test(`3.1.1 with an expiry, ${name}`, async () => {
    const peer = server(hasSession)
    const options = base(session)
    const client = await connect(peer.target, options)
    assert.deepEqual(cleanSessions(peer), first)
    assert.equal(client.negotiated?.sessionPresent, isPresent)
    for (const earlier of peer.connections.slice(0, -1)) {
      assert.deepEqual(await earlier.types(), ['connect', 'disconnect'])
      assert.ok(earlier.isClosed)
    }
    await client.subscribe('t', { qos: 1 })
    peer.last.cut()
    await options.clock.pass(1_000)
    assert.deepEqual(cleanSessions(peer), [...first, false])
    assert.equal(client.negotiated?.sessionPresent, true)
    assert.deepEqual(await peer.last.types(), ['connect']) // what was subscribed is still there
    await client.close()
    assert.equal(options.clock.timers, 0)
  })
}

test('3.1.1 without an expiry has a Session as long as the connection', async () => {
  for (const session of [{}, { expirySeconds: 0 }]) {
    const peer = server(true)
    const options = base(session)
    const client = await connect(peer.target, options)
    peer.last.cut()
    await options.clock.pass(1_000)
    assert.deepEqual(cleanSessions(peer), [true, true])
    await client.close()
  }
})

test('3.1.1: a server that does not end it is taken as it is', async () => {
  const peer = new ScriptedPeer()
  peer.onPacket = (packet, connection) => {
    if (packet.type === 'connect') connection.send(connack({ sessionPresent: !packet.cleanStart }))
  }
  const client = await connect(peer.target, base({ expirySeconds: 300 }))
  assert.deepEqual(cleanSessions(peer), [false, true, false])
  await client.close()
})

test('3.1.1 over a Link, to which there is no second connection, begins with Clean Session', async () => {
  const peer = server(true)
  const client = await connect(peer.target(), base({ expirySeconds: 300 }))
  assert.deepEqual(cleanSessions(peer), [true])
  await client.close()
})
