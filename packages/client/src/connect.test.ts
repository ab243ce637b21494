import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { connect, lazyConnect } from './connect.ts'
import { ClientError, MqttConnectError } from './errors.ts'
import type { Authentication, ClientOptions } from './options.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { connack, publish, ScriptedPeer, textOf } from './testing/scripted-peer.ts'
import { settle, type VirtualClock } from './testing/virtual-clock.ts'
import { openLink } from './transport/link.ts'

const base = () => ({ ...testOptions(), reconnect: { minMs: 1_000, maxMs: 8_000 } })

for (const reasonCode of [0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x88, 0x8a, 0x8c, 0x95, 0x9d]) {
  test(`connect rejects for good with 0x${reasonCode.toString(16)}`, async () => {
    const properties = { reasonString: 'because', serverReference: 'other' }
    const peer = new ScriptedPeer().accept({ reasonCode, properties })
    await assert.rejects(connect(peer.target, { ...base(), version: 5 }), (error) => {
      assert.ok(error instanceof MqttConnectError)
      assert.deepEqual([error.reasonCode, error.reasonString], [reasonCode, 'because'])
      assert.equal(error.properties.serverReference, 'other')
      return true
    })
    assert.equal(peer.connections.length, 1)
  })
}

test('authentication that is larger than the server takes ends the client', async () => {
  const properties = { authenticationMethod: 'long', maximumPacketSize: 50 }
  const peer = new ScriptedPeer().serve({ properties })
  let data = new Uint8Array(1)
  const authentication: Authentication = {
    method: 'long',
    start: () => ({ first: async () => data, next: async () => undefined, finish: async () => {} }),
  }
  const client = await connect(peer.target, { ...base(), authentication })
  data = new Uint8Array(100)
  await assert.rejects(client.reauthenticate(), isCode('packet-too-large'))
  await settle()
  assert.equal(client.state, 'stopped')
})

test('transient refusals back off, doubling, with full jitter, and begin anew after a lasting connection', async () => {
  const peer = new ScriptedPeer().accept({ reasonCode: 0x89 })
  const options = base()
  const client = lazyConnect(peer.target, options)
  const delays: number[] = []
  const events = client.events()
  const watch = (async () => {
    for await (const event of events)
      if (event.type === 'disconnected') delays.push(event.retryInMs ?? -1)
  })()
  await options.clock.pass(12_000)
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 4_000, 4_000])
  peer.accept()
  await options.clock.pass(4_000)
  assert.equal(client.state, 'connected')
  await options.clock.pass(11_000)
  peer.last.cut()
  await settle()
  assert.equal(delays.at(-1), 500)
  await client.close()
  await watch
})

test('the signal, the deadline and giveUpAfterMs end it', async () => {
  const none = () => {
    throw new Error('no network')
  }
  const abort = new AbortController()
  const aborted = assert.rejects(
    connect(none, { ...base(), signal: abort.signal }),
    isCode('aborted'),
  )
  await settle()
  abort.abort()
  await aborted
  const options = base()
  const late = assert.rejects(
    connect(none, { ...options, deadlineMs: 3_000 }),
    ({ code, cause }) => code === 'connect-timeout' && cause.message === 'no network',
  )
  const gone = assert.rejects(
    connect(none, { ...options, reconnect: { giveUpAfterMs: 5_000 } }),
    isCode('gave-up'),
  )
  await options.clock.pass(30_000)
  await late
  await gone
  assert.equal(options.clock.timers, 0)
})

test('no CONNACK in time is a failure of the attempt', async () => {
  const peer = new ScriptedPeer()
  const options = { ...base(), connectTimeoutMs: 100, reconnect: false as const }
  const late = assert.rejects(connect(peer.target, options), isCode('connect-timeout'))
  await options.clock.pass(100)
  await late
  assert.ok(peer.last.isClosed)
})

test('3.1.1 where the server knows no 5.0', async () => {
  for (const isOldForm of [true, false]) {
    const peer = new ScriptedPeer()
    peer.onPacket = (packet, connection) => {
      if (packet.type !== 'connect') return
      if (packet.protocolVersion === 4) connection.send(connack())
      else if (isOldForm) connection.sendBytes(Uint8Array.of(0x20, 2, 0, 1))
      else connection.send(connack({ reasonCode: 0x84 }))
    }
    const client = await connect(peer.target, base())
    assert.equal(client.negotiated?.version, 4)
    const [first] = await peer.last.take('connect')
    assert.deepEqual([first?.cleanStart, first?.clientIdentifier], [true, 'c'])
    await client.close()
  }
  const peer = new ScriptedPeer().accept({ reasonCode: 0x84 })
  await assert.rejects(connect(peer.target, { ...base(), version: 5 }), MqttConnectError)
})

test('the assigned Client Identifier is kept, and its Session given up at the end', async () => {
  const peer = new ScriptedPeer().accept({ properties: { assignedClientIdentifier: 'given' } })
  const { clientId: _, ...options } = base()
  const client = await connect(peer.target, options)
  peer.last.cut()
  await options.clock.pass(1_000)
  const [again] = await peer.last.take('connect')
  assert.deepEqual([again?.clientIdentifier, again?.cleanStart], ['given', false])
  await client.close()
  assert.equal((await peer.last.take('disconnect'))[0]?.properties.sessionExpiryInterval, 0)
})

test('credentials are asked for every attempt', async () => {
  const peer = new ScriptedPeer().accept()
  const options = base()
  const attempts: number[] = []
  const client = await connect(peer.target, {
    ...options,
    credentials: async ({ attempt }) => {
      attempts.push(attempt)
      return { username: 'u', password: `p${attempts.length}` }
    },
  })
  peer.last.cut()
  await options.clock.pass(1_000)
  const [packet] = await peer.last.take('connect')
  assert.deepEqual([packet?.username, textOf(packet?.password)], ['u', 'p2'])
  assert.deepEqual(attempts, [1, 1])
  await client.close()
})

for (const reasonCode of [0x8e, 0x98, 0x9c, 0x9d]) {
  test(`DISCONNECT 0x${reasonCode.toString(16)} is the end`, async () => {
    const peer = new ScriptedPeer().accept()
    const options = base()
    const client = await connect(peer.target, options)
    const pending = assert.rejects(client.publish('t', 'x', { qos: 1 }), MqttConnectError)
    const subscription = client.subscribe('t')
    const ends = assert.rejects(subscription, MqttConnectError)
    await settle()
    peer.last.send({ type: 'disconnect', reasonCode, properties: {} })
    await options.clock.pass(60_000)
    assert.equal(client.state, 'stopped')
    assert.equal(peer.connections.length, 1)
    await pending
    await ends
    assert.deepEqual(await client.close(), { left: 1 })
  })
}

test('a redirect that is consented to is followed, and retryOn overrules', async () => {
  const peer = new ScriptedPeer().accept()
  const options = base()
  const client = await connect(peer.target, {
    ...options,
    reconnect: { retryOn: (code) => code === 0x8e },
  })
  peer.last.send({ type: 'disconnect', reasonCode: 0x8e, properties: {} })
  await options.clock.pass(1_000)
  assert.equal(client.state, 'connected')
  await client.close()

  const moved = new ScriptedPeer().accept({
    reasonCode: 0x9c,
    properties: { serverReference: 'there:1' },
  })
  const asked: unknown[] = []
  const to = lazyConnect(moved.target, {
    ...base(),
    clock: options.clock,
    transport: async ({ url }) => {
      asked.push(url.href)
      throw new Error('enough')
    },
    onRedirect: ({ serverReference }) => `mqtt://${serverReference}`,
  })
  await options.clock.pass(1_000)
  assert.deepEqual(asked.slice(0, 1), ['mqtt://there:1'])
  await to.close({ drainMs: 0 })
})

test('keep alive: PINGREQ in time, and a silent server is given up', async () => {
  const peer = new ScriptedPeer().accept({ properties: { serverKeepAlive: 10 } })
  const options = base()
  const client = await connect(peer.target, { ...options, keepAlive: 60 })
  await options.clock.pass(9_000)
  assert.equal((await peer.last.take('pingreq')).length, 1)
  peer.last.send({ type: 'pingresp' })
  await settle()
  assert.equal(client.stats.rttMs, 0)
  // Sending alone proves nothing of the server.
  for (let n = 0; n < 25 && client.state === 'connected'; n++) {
    await options.clock.pass(1_000)
    if (client.state === 'connected') await client.publish('t', 'x')
  }
  assert.notEqual(client.state, 'connected')
  await client.close({ drainMs: 0 })
})

test('keep alive 0 never pings, and a machine that slept looks at the clock', async () => {
  const peer = new ScriptedPeer().accept()
  const options = base()
  const never = await connect(peer.target, { ...options, keepAlive: 0 })
  await options.clock.pass(1_000_000)
  assert.deepEqual(await peer.last.types(), ['connect'])
  await never.close()
  const client = await connect(peer.target, { ...options, keepAlive: 10 })
  options.clock.sleep(3_600_000)
  await options.clock.pass(1)
  assert.deepEqual(await peer.last.types(), ['connect', 'pingreq'])
  await options.clock.pass(10_000)
  assert.notEqual(client.state, 'connected')
  await client.close({ drainMs: 0 })
})

test('reading that has stopped is no sign of a dead server, and it is still pinged', async () => {
  const peer = new ScriptedPeer().serve()
  const options = base()
  const client = await connect(peer.target, { ...options, keepAlive: 10 })
  await client.subscribe('t', { qos: 0, bufferSize: 1, whenFull: 'pause' })
  peer.last.send(publish(0, 0))
  await options.clock.pass(100_000)
  assert.equal(client.state, 'connected')
  assert.ok((await peer.last.take('pingreq')).length > 5)
  await client.close()
})

const hostile = [
  ['a packet before CONNACK', Uint8Array.of(0xd0, 0), undefined],
  ['a second CONNACK', Uint8Array.of(0x20, 3, 0, 0, 0, 0x20, 3, 0, 0, 0), 0x82],
  ['a Session nobody asked for', Uint8Array.of(0x20, 3, 1, 0, 0), undefined],
  ['AUTH unasked', Uint8Array.of(0x20, 3, 0, 0, 0, 0xf0, 0), 0x82],
  ['a SUBSCRIBE', Uint8Array.of(0x20, 3, 0, 0, 0, 0x82, 6, 0, 1, 0, 0, 1, 0x61, 0), 0x82],
  ['a wildcard in a Topic Name', Uint8Array.of(0x20, 3, 0, 0, 0, 0x30, 4, 0, 1, 0x23, 0), 0x90],
] as const
for (const [name, bytes, reasonCode] of hostile) {
  test(`${name} ends the connection`, async () => {
    const peer = new ScriptedPeer()
    peer.onPacket = (packet, connection) => packet.type === 'connect' && connection.sendBytes(bytes)
    const client = lazyConnect(peer.target, { ...base(), reconnect: false })
    client.connected.catch(() => {})
    await settle()
    assert.equal(client.state, 'stopped')
    const told = (await peer.last.take('disconnect')).map((packet) => packet.reasonCode)
    assert.deepEqual(told, reasonCode === undefined ? [] : [reasonCode])
  })
}

test('a certificate that is not trusted is the end at first, and a delay for who was connected', async () => {
  const peer = new ScriptedPeer().accept()
  const untrusted = new ClientError('invalid-certificate', 'it has expired')
  const outcomes = [untrusted, undefined, untrusted, undefined]
  const options: ClientOptions & { clock: VirtualClock } = {
    ...base(),
    transport: async (_target, events) => {
      const error = outcomes.shift()
      if (error !== undefined) throw error
      return openLink(peer.target(), events)
    },
  }
  await assert.rejects(connect('mqtts://localhost', options), untrusted)
  const client = await connect('mqtts://localhost', options)
  peer.last.cut()
  await options.clock.pass(1_000)
  assert.equal(client.state, 'waiting')
  await options.clock.pass(1_000)
  assert.equal(client.state, 'connected')
  assert.deepEqual(outcomes, [])
  await client.close()
})

test('wake ends a delay', async () => {
  const peer = new ScriptedPeer().accept()
  const options = base()
  const client = await connect(peer.target, options)
  peer.last.cut()
  await settle()
  assert.equal(client.state, 'waiting')
  client.wake()
  await settle()
  assert.equal(client.state, 'connected')
  await client.close({ withWill: true })
  assert.equal((await peer.last.take('disconnect'))[0]?.reasonCode, 4)
})

test('events reach diagnostics_channel', async () => {
  const seen: unknown[] = []
  const listen = (message: unknown) => seen.push((message as { type: string }).type)
  subscribe('busbar:client', listen)
  const client = await connect(new ScriptedPeer().accept().target, base())
  await client.close()
  unsubscribe('busbar:client', listen)
  assert.deepEqual(seen, ['connecting', 'connected', 'stopped'])
})
