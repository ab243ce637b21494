import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  ConnectProperties,
  Packet,
  ProtocolVersion,
  Publish,
  QoS,
  SubscribeProperties,
} from '@busbar/protocol'
import { loadPolicies } from './access/load-policies.ts'
import { changePolicies } from './access-change.ts'
import { parseConfig } from './config.ts'
import { createMemoryStore } from './store/memory.ts'
import type { Store } from './store/store.ts'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'
import { publish, subscribe } from './testing/packets.contract.ts'

interface Reader {
  readonly version: ProtocolVersion
  readonly qos: 1 | 2
  /** What it says in SUBSCRIBE. */
  readonly subscribe?: SubscribeProperties
  /** What it says in CONNECT. */
  readonly connect?: ConnectProperties
  /** Its connection breaks after so many messages, and each time again. */
  readonly breaksAfter?: number
}

const readers: readonly Reader[] = [
  { version: 3, qos: 1 },
  { version: 4, qos: 1 },
  { version: 4, qos: 2 },
  { version: 5, qos: 1 },
  { version: 5, qos: 2 },
  { version: 4, qos: 1, breaksAfter: 20 },
  { version: 5, qos: 2, breaksAfter: 60 },
  { version: 5, qos: 1, subscribe: { subscriptionIdentifier: 7 } },
  { version: 5, qos: 1, connect: { topicAliasMaximum: 3 } },
  { version: 5, qos: 2, connect: { maximumPacketSize: 150 }, breaksAfter: 30 },
  { version: 5, qos: 1, connect: { receiveMaximum: 1 } },
]

/** Of all kinds that could be sent in different ways, and more than are held in memory at once. */
const messages: readonly Publish[] = [1, 2].flatMap((qos) =>
  ['plain', 'größe', 'long/'.repeat(60)].flatMap((topic) =>
    [0, 1, 63, 64, 65, 5_000, 20_000].flatMap((bytes) =>
      [{}, { contentType: 'text' }, { messageExpiryInterval: 100 }].flatMap((properties) =>
        [1, 2, 3].map((copy) =>
          publish(`waits/${topic}`, {
            qos: qos as QoS,
            packetIdentifier: 1,
            properties,
            payload: new Uint8Array(bytes).fill(bytes + copy),
          }),
        ),
      ),
    ),
  ),
)

for (const reader of readers) {
  test(`what has waited is sent as if it had been read: ${JSON.stringify(reader)}`, async () => {
    const seen = await outcome(reader, createMemoryStore())
    const first = seen.received.filter(({ dup }) => !dup)
    assert.equal(first.length + seen.lost, messages.length)
    assert.ok(seen.received.length > 100)
    assert.deepEqual(seen.waiting, { messages: 0, bytes: 0, inFlight: 0 })
    assert.deepEqual(seen, await outcome(reader, readingStore()))
  })
}

test('what has waited goes on to others when its Session ends, each as it was', async () => {
  await using broker = await startTestBroker({}, { store: createMemoryStore() })
  const share = '$share/g/work'
  const first = lasting(broker, 'first', 50)
  first.send(subscribe(share, 1)).cut()
  const publisher = broker.open().connect({ clientIdentifier: 'publisher' })
  const numbers = Array.from({ length: 400 }, (_, at) => at)
  for (const at of numbers) publisher.send(numbered(at))
  // Some of them are on their way, some in hand, and the rest is in the store.
  lasting(broker, 'first', 50).send({
    ...{ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 3_600 } },
  })
  const again = lasting(broker, 'first', 50)
  const second = lasting(broker, 'second', 20)
  second.send(subscribe(share, 1))
  again.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } })
  // What was theirs in the store is used again.
  for (const at of numbers) publisher.send(numbered(10_000 + at))
  drain(second)
  const received = second.take('publish').map(({ payload }) => Buffer.from(payload).toString())
  const expected = [...numbers, ...numbers.map((at) => 10_000 + at)].map(textOf)
  assert.deepEqual(received.sort(), expected.sort())
})

test('what has waited is not sent when the right to it is gone', async () => {
  await using broker = await startTestBroker({}, { store: createMemoryStore() })
  const peer = overdue(broker)
  const access = { default: 'allow', rules: [{ deny: ['receive'], topics: ['work'] }] } as const
  changePolicies(broker.core, await loadPolicies(parseConfig({ access }), false))
  broker.endTurn()
  expectDenied(broker, peer)
})

test('what has waited is not sent when a program has changed its mind', async () => {
  let isAllowed = true
  const access = {
    mayPublish: () => true,
    maySubscribe: () => true,
    mayReceive: () => isAllowed,
  }
  await using broker = await startTestBroker({}, { store: createMemoryStore(), access })
  const peer = overdue(broker)
  isAllowed = false
  expectDenied(broker, peer)
})

/** 400 messages have waited for it, of which 10 are on their way. */
function overdue(broker: TestBroker): TestPeer {
  lasting(broker, 'reader', 10).send(subscribe('work', 1)).cut()
  const publisher = broker.open().connect({ clientIdentifier: 'publisher' })
  for (let at = 0; at < 400; at++) publisher.send(numbered(at))
  return lasting(broker, 'reader', 10)
}

function expectDenied(broker: TestBroker, peer: TestPeer): void {
  drain(peer)
  assert.equal(peer.take('publish').length, 10)
  assert.equal(broker.core.losses.total('not-authorized').messages, 390)
  assert.equal(broker.core.statistics.queuedMessages, 0)
}

/** A store that hands over what was read. */
function readingStore(): Store {
  const store = createMemoryStore()
  const readQueue = store.readQueue.bind(store)
  store.readQueue = (clientIdentifier, afterPosition, limit, page) =>
    readQueue(clientIdentifier, afterPosition, limit, (entries, error) =>
      page(
        entries.map((entry) => ({ ...entry, message: entry.message, record: undefined })),
        error,
      ),
    )
  return store
}

/** What becomes of all that has waited for a client that is back. */
async function outcome(reader: Reader, store: Store) {
  await using broker = await startTestBroker({}, { store })
  const { version, qos, subscribe: properties = {}, breaksAfter } = reader
  const open = () =>
    broker.open().connect({
      ...{ clientIdentifier: 'reader', cleanStart: false, protocolVersion: version },
      properties: version === 5 ? { sessionExpiryInterval: 3_600, ...reader.connect } : {},
    })
  open()
    .send(subscribe('waits/#', qos, properties))
    .cut()
  const publisher = broker.open().connect({ clientIdentifier: 'publisher' })
  for (const each of messages) {
    publisher.send(each)
    if (each.qos === 2) publisher.send(answer('pubrel', 1))
  }
  const { statistics, losses } = broker.core
  const received: Publish[] = []
  for (let isOver = false; !isOver; ) {
    const peer = open()
    drain(peer, breaksAfter)
    const all = peer.take('publish')
    received.push(...all)
    peer.cut()
    isOver = breaksAfter === undefined || all.length === 0
  }
  const { publishSent, publishBytesSent, bytesSent } = statistics
  const { queuedMessages, queuedBytes, inFlight } = statistics
  return {
    received,
    lost: losses.total().messages,
    lostBytes: losses.total().bytes,
    sent: { publishSent, publishBytesSent, bytesSent },
    waiting: { messages: queuedMessages, bytes: queuedBytes, inFlight },
  }
}

function lasting(broker: TestBroker, clientIdentifier: string, receiveMaximum: number): TestPeer {
  const properties = { sessionExpiryInterval: 3_600, receiveMaximum }
  return broker.open().connect({ clientIdentifier, cleanStart: false, properties })
}

function numbered(at: number): Publish {
  const payload = Buffer.from(textOf(at))
  return publish('work', { qos: 1, packetIdentifier: 1, payload })
}

function textOf(at: number): string {
  return `${at}:`.padEnd(20 + (at % 50), 'x')
}

/** Acknowledges, until nothing more comes or so many messages have. */
function drain(peer: TestPeer, most = Number.POSITIVE_INFINITY): void {
  let messages = 0
  for (let at = 0; at < peer.received.length; at++) {
    const packet = peer.received[at] as Packet
    if (packet.type === 'pubrel') peer.send(answer('pubcomp', packet.packetIdentifier))
    if (packet.type !== 'publish' || packet.qos === 0) continue
    if (messages++ === most) return
    peer.send(answer(packet.qos === 1 ? 'puback' : 'pubrec', packet.packetIdentifier))
  }
}

function answer(
  type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp',
  packetIdentifier: number,
): Packet {
  return { type, packetIdentifier, reasonCode: 0, properties: {} }
}
