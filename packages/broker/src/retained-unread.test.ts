import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  ConnectProperties,
  ProtocolVersion,
  Publish,
  PublishProperties,
  QoS,
} from '@busbar/protocol'
import type { Access } from './access/access.ts'
import { loadPolicies } from './access/load-policies.ts'
import { changePolicies } from './access-change.ts'
import { type ConfigInput, parseConfig } from './config.ts'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'
import { publish, subscribe } from './testing/packets.contract.ts'

/** Where there is somebody to ask, be it for nothing, a broker reads each message that it sends. */
const reading = { access: { mayPublish: yes, maySubscribe: yes, mayReceive: yes } satisfies Access }

function yes(): true {
  return true
}

interface Reader {
  readonly version: ProtocolVersion
  readonly qos: QoS
  readonly subscriptionIdentifier?: number
  /** What it says in CONNECT. */
  readonly connect?: ConnectProperties
  /** Takes nothing before all has been sent to it. */
  readonly isSlow?: boolean
}

const readers: readonly Reader[] = [
  { version: 3, qos: 0 },
  { version: 4, qos: 0 },
  { version: 5, qos: 0 },
  { version: 4, qos: 1 },
  { version: 4, qos: 0, isSlow: true },
  { version: 5, qos: 0, isSlow: true },
  { version: 5, qos: 0, subscriptionIdentifier: 7, isSlow: true },
  { version: 5, qos: 0, connect: { topicAliasMaximum: 3 }, isSlow: true },
  { version: 5, qos: 0, connect: { maximumPacketSize: 150 } },
  { version: 5, qos: 0, connect: { maximumPacketSize: 150 }, isSlow: true },
]

const properties: readonly PublishProperties[] = [
  {},
  { contentType: 'text' },
  { messageExpiryInterval: 100 },
]

/** Of all kinds that could be sent in different ways, far more than a socket takes at once. */
const messages: readonly Publish[] = [0, 1, 2].flatMap((qos) =>
  ['plain', 'größe', 'long/'.repeat(60)].flatMap((topic) =>
    [1, 63, 64, 65, 5_000].flatMap((bytes) =>
      properties.map((each, kind) =>
        publish(`kept/${qos}/${topic}/${bytes}/${kind}`, {
          qos: qos as QoS,
          packetIdentifier: qos === 0 ? 0 : 1,
          retain: true,
          properties: each,
          payload: new Uint8Array(bytes).fill(bytes),
        }),
      ),
    ),
  ),
)

/** Little, so that what is sent to somebody slow waits in the queue. */
const output = { pauseBytes: 1_024 }

for (const reader of readers) {
  test(`what is retained is sent as if it had been read: ${JSON.stringify(reader)}`, async () => {
    const seen = await outcome(reader, { limits: { output } })
    assert.ok(seen.received.length > 40)
    assert.equal(seen.received.length + seen.lost, messages.length)
    assert.deepEqual(seen.waiting, { messages: 0, bytes: 0 })
    assert.deepEqual(seen, await outcome(reader, { limits: { output } }, reading))
  })
}

test('what is retained waits for a slow client as if it had been read, also outside its queue', async () => {
  const reader = { version: 5, qos: 0, isSlow: true } as const
  for (const policy of ['drop-newest', 'drop-oldest'] as const) {
    const config: ConfigInput = { limits: { output, queue: { messages: 5, policy } } }
    const seen = await outcome(reader, config)
    assert.equal(seen.lost, 0)
    assert.equal(seen.received.length, messages.length)
    assert.deepEqual(seen, await outcome(reader, config, reading))
  }
})

test('what waits unread is not sent when the right to it is gone', async () => {
  await using broker = await startTestBroker({ limits: { output } })
  const peer = subscribeAll(broker, { version: 5, qos: 0, isSlow: true })
  const { losses, statistics } = broker.core
  const waiting = statistics.queuedMessages
  assert.ok(waiting > 100)
  const access = { default: 'allow', rules: [{ deny: ['receive'], topics: ['kept/0/#'] }] } as const
  changePolicies(broker.core, await loadPolicies(parseConfig({ access }), false))
  broker.endTurn()
  drain(peer)
  const received = peer.take('publish')
  const lost = losses.total('not-authorized').messages
  assert.ok(lost > 10)
  assert.equal(received.length + lost, messages.length)
  assert.equal(statistics.queuedMessages, 0)
})

test('what waits when the Session ends is in the ledger, and nothing of it is kept', async () => {
  await using broker = await startTestBroker({ limits: { output } })
  const peer = subscribeAll(broker, { version: 5, qos: 0, isSlow: true })
  const { losses, statistics } = broker.core
  const waiting = statistics.queuedMessages
  assert.ok(waiting > 100)
  peer.cut()
  const all = messages.reduce((sum, { payload }) => sum + payload.length, 0)
  const bytes = all - statistics.publishBytesSent
  assert.deepEqual(losses.total('session-ended'), { messages: waiting, bytes })
  assert.deepEqual([statistics.queuedMessages, statistics.queuedBytes], [0, 0])
})

/** What becomes of all that is retained, for somebody who subscribes to it. */
async function outcome(
  reader: Reader,
  config: ConfigInput,
  options?: Parameters<typeof startTestBroker>[1],
) {
  await using broker = await startTestBroker(config, options)
  const peer = subscribeAll(broker, reader)
  drain(peer)
  const { statistics, losses } = broker.core
  const { publishSent, publishBytesSent, bytesSent } = statistics
  const { queuedMessages, queuedBytes } = statistics
  return {
    received: peer.take('publish'),
    lost: losses.total().messages,
    lostBytes: losses.total().bytes,
    sent: { publishSent, publishBytesSent, bytesSent },
    waiting: { messages: queuedMessages, bytes: queuedBytes },
  }
}

function subscribeAll(broker: TestBroker, reader: Reader): TestPeer {
  const { version, qos, subscriptionIdentifier, connect = {}, isSlow } = reader
  const publisher = broker.open().connect({ clientIdentifier: 'publisher' })
  for (const each of messages) {
    publisher.send(each)
    if (each.qos === 2) {
      publisher.send({ type: 'pubrel', packetIdentifier: 1, reasonCode: 0, properties: {} })
    }
  }
  const peer = broker.open().connect({ protocolVersion: version, properties: connect })
  if (isSlow) peer.stopReading()
  const properties = subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }
  return peer.send(subscribe('kept/#', qos, properties))
}

/** Reads and acknowledges, until nothing more comes. */
function drain(peer: TestPeer): void {
  let acknowledged = 0
  for (let before = -1; before !== peer.received.length; ) {
    before = peer.received.length
    peer.startReading()
    for (; acknowledged < peer.received.length; acknowledged++) {
      const packet = peer.received[acknowledged]
      if (packet?.type !== 'publish' || packet.qos !== 1) continue
      const { packetIdentifier } = packet
      peer.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
    }
  }
}
