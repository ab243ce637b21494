import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, Framer, largestPacket, type Packet, readPacket } from '@busbar/protocol'
import { connect, lazyConnect } from './connect.ts'
import type { ClientOptions } from './options.ts'
import type { SessionStore } from './store/session-store.ts'
import { isCode } from './testing/client-options.ts'
import { ack, connack, publish, ScriptedPeer } from './testing/scripted-peer.ts'
import { settle, VirtualClock } from './testing/virtual-clock.ts'
import type { TransportEvents } from './transport/transport.ts'

/** A network that takes bytes when the test says so. */
class SlowNetwork {
  readonly sent: Packet[] = []
  bufferedBytes = 0
  isStuck = false
  events: TransportEvents | undefined
  readonly #framer = new Framer(largestPacket)

  readonly open: NonNullable<ClientOptions['transport']> = async (_target, events) => {
    this.events = events
    const network = this
    return {
      get bufferedBytes() {
        return network.bufferedBytes
      },
      send: (bytes) => this.#send(bytes),
      pause() {},
      resume() {},
      end: () => this.close(),
      destroy: () => this.close(),
    }
  }

  /** The system has taken everything. */
  drain(): void {
    this.isStuck = false
    this.bufferedBytes = 0
    this.events?.drained()
  }

  close(): void {
    queueMicrotask(() => this.events?.closed())
  }

  #send(bytes: Uint8Array): void {
    if (this.isStuck) this.bufferedBytes += bytes.length
    this.#framer.push(bytes.slice())
    while (this.#framer.advance()) {
      const packet = readPacket(this.#framer.firstByte, this.#framer.body(), 5, 'client')
      this.sent.push(packet)
      if (packet.type !== 'connect') continue
      queueMicrotask(() => this.events?.receive(encodePacket(connack(), 5)))
    }
  }
}

const base = (network: SlowNetwork, clock = new VirtualClock()) => ({
  clientId: 'c',
  clock,
  keepAlive: 10,
  transport: network.open,
  reconnect: false as const,
})
const url = 'test://network'
const large = new Uint8Array(100_000)

test('QoS 0 resolves when the network takes more, and data waits until then', async () => {
  const network = new SlowNetwork()
  const client = await connect(url, base(network))
  network.isStuck = true
  let resolved = 0
  const all = Array.from({ length: 10 }, () => client.publish('t', large).then(() => resolved++))
  await settle()
  const sent = network.sent.filter(({ type }) => type === 'publish').length
  assert.ok(sent > 0 && sent < 10, `${sent} were sent`)
  assert.ok(resolved < sent) // what made it stuck has not left
  network.drain()
  await Promise.all(all)
  assert.equal(network.sent.filter(({ type }) => type === 'publish').length, 10)
  await client.close()
})

test('PINGREQ and acknowledgements do not wait behind data', async () => {
  const network = new SlowNetwork()
  const options = base(network)
  const client = await connect(url, options)
  const all = Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => {
      network.isStuck = true
      return client.publish('t', large, { qos: n % 2 ? 1 : 0 })
    }),
  )
  await settle()
  const data = network.sent.filter(({ type }) => type === 'publish').length
  assert.ok(data < 20)
  network.events?.receive(encodePacket(publish(7, 1), 5))
  await options.clock.pass(9_000)
  const types = network.sent.map(({ type }) => type)
  assert.ok(types.includes('pingreq') && types.includes('puback'))
  assert.equal(types.filter((type) => type === 'publish').length, data)
  await client.close({ drainMs: 0 })
  await all
})

test('QoS 0 that has not left when the connection is lost rejects', async () => {
  const network = new SlowNetwork()
  const client = await connect(url, base(network))
  network.isStuck = true
  const codes = Promise.all(
    Array.from({ length: 10 }, () => client.publish('t', large).catch(({ code }) => code)),
  )
  await settle()
  network.events?.closed(new Error('gone'))
  const seen = new Set((await codes).map((code) => (typeof code === 'string' ? code : 'sent')))
  assert.ok(seen.has('transport-failed') && seen.has('offline'), [...seen].join())
  await client.close()
})

test('a store that fails ends the client, and everybody is told', async () => {
  const store: SessionStore = {
    load: async () => ({ messages: [], held: [] }),
    commit: async () => {
      throw new Error('disk full')
    },
    [Symbol.asyncDispose]: async () => {},
  }
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { clientId: 'c', session: { store } })
  await assert.rejects(client.publish('t', 'x', { qos: 1 }), isCode('store-failed'))
  assert.equal(client.state, 'stopped')
  assert.equal((await peer.last.take('publish')).length, 0)
  await client.close()

  const unreadable = { ...store, load: () => Promise.reject(new Error('unreadable')) }
  const options = { clientId: 'c', session: { store: unreadable } }
  await assert.rejects(connect(peer.target, options), isCode('store-failed'))
  const nameless = connect(peer.target, { session: { store } })
  await assert.rejects(nameless, isCode('invalid-argument'))
})

test('a store that never answers does not keep close', async () => {
  const clock = new VirtualClock()
  const store: SessionStore = {
    load: async () => ({ messages: [], held: [] }),
    commit: () => new Promise(() => {}),
    [Symbol.asyncDispose]: async () => {},
  }
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { clientId: 'c', clock, session: { store } })
  const waits = assert.rejects(client.publish('t', 'x', { qos: 1 }), isCode('closed'))
  const closing = client.close({ drainMs: 100 })
  await clock.pass(3_000)
  assert.deepEqual(await closing, { left: 1 })
  await waits
})

test('what becomes of a message after enqueue is an event', async () => {
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, { clientId: 'c' })
  const events = client.events()
  await client.enqueue('t', 'x', { qos: 1 })
  await settle()
  peer.last.send(ack('puback', 1, 0x87))
  const { value } = await events.next()
  assert.ok(
    value.type === 'undelivered' && value.topicName === 't' && value.error.reasonCode === 0x87,
  )
  await client.close()
})

test('any bytes of a server end the connection at most', async () => {
  let seed = 1
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return seed % below
  }
  for (let round = 0; round < 300; round++) {
    const peer = new ScriptedPeer().serve()
    const client = lazyConnect(peer.target, { clientId: 'c', reconnect: false })
    const subscribed = client.subscribe('#', { qos: 2 }).catch(() => {})
    const published = client.publish('t', 'x', { qos: 2 }).catch(() => {})
    await settle()
    const length = random(12)
    const first = [0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0, 0xf0]
    const body = Array.from({ length }, () => (random(8) === 0 ? random(256) : random(4)))
    peer.last.sendBytes(Uint8Array.of(first[random(first.length)] ?? 0, length, ...body))
    await settle()
    await client.close({ drainMs: 0 })
    await Promise.all([subscribed, published])
  }
})
