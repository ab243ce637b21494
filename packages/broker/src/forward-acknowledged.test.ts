import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodePacket,
  noProperties,
  type ProtocolVersion,
  type Publish,
  type QoS,
  type Subscribe,
} from '@busbar/protocol'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'

const topicName = 'a/b'
const each: readonly QoS[] = [0, 1, 2]

function publish(qos: QoS, packetIdentifier: number, text: string): Publish {
  const payload = new TextEncoder().encode(text)
  const fields = { dup: false, qos, retain: false, packetIdentifier } as const
  return { type: 'publish', ...fields, topicName, properties: noProperties, payload }
}

function subscribe(qos: QoS): Subscribe {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter: 'a/+', options }]
  return { type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions }
}

function subscriber(broker: TestBroker, clientIdentifier: string, qos: QoS = 2): TestPeer {
  return broker.open().connect({ clientIdentifier }).send(subscribe(qos))
}

/** From the second message of a topic on its bytes are known, and they are passed on. */
function learn(broker: TestBroker, ...subscribers: readonly TestPeer[]): void {
  const first = publish(0, 0, 'first')
  broker.open().connect({ clientIdentifier: 'first' }).send(first, first).cut()
  for (const peer of subscribers) peer.take('publish')
}

/** As one read of a socket. */
function arrive(peer: TestPeer, packets: readonly Publish[], version: ProtocolVersion = 5): void {
  const frames = packets.map((packet) => encodePacket(packet, version))
  const chunk = new Uint8Array(Buffer.concat(frames))
  peer.sendBytes(chunk)
  chunk.fill(0xee) // as a transport that uses its buffer again
}

function outline(packets: readonly Publish[]): string[] {
  return packets.map(({ qos, packetIdentifier, payload, dup, retain }) => {
    const flags = `${dup ? ' dup' : ''}${retain ? ' retain' : ''}`
    return `${new TextDecoder().decode(payload)} qos ${qos} id ${packetIdentifier}${flags}`
  })
}

const ack = (packetIdentifier: number) => ({
  packetIdentifier,
  reasonCode: 0,
  properties: noProperties,
})

for (const from of [3, 4, 5] as ProtocolVersion[]) {
  for (const to of [3, 4, 5] as ProtocolVersion[]) {
    for (const qos of [1, 2] as const) {
      test(`QoS ${qos} from version ${from} to three of version ${to}`, async () => {
        await using broker = await startTestBroker()
        const peers = each.map((granted) => {
          const reader = { clientIdentifier: `s${granted}`, protocolVersion: to }
          return broker.open().connect(reader).send(subscribe(granted))
        })
        learn(broker, ...peers)
        const publisher = broker.open().connect({ clientIdentifier: 'p', protocolVersion: from })
        const words = ['one', '', 'x'.repeat(200), 'four']
        arrive(
          publisher,
          words.map((text, i) => publish(qos, 700 + i, text)),
          from,
        )
        for (const [granted, peer] of peers.entries()) {
          const least = Math.min(granted, qos)
          const due = words.map((text, i) => `${text} qos ${least} id ${least === 0 ? 0 : i + 1}`)
          assert.deepEqual(outline(peer.take('publish')), due)
        }
        const answers = publisher.take(qos === 1 ? 'puback' : 'pubrec')
        const codes = answers.map(({ packetIdentifier, reasonCode }) => [
          packetIdentifier,
          reasonCode,
        ])
        assert.deepEqual(
          codes,
          [700, 701, 702, 703].map((identifier) => [identifier, 0]),
        )
      })
    }
  }
}

test('QoS 2 goes through to its end on both sides', async () => {
  await using broker = await startTestBroker()
  const reader = subscriber(broker, 's')
  learn(broker, reader)
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  arrive(publisher, [publish(2, 9, 'once'), publish(2, 9, 'once')])
  assert.deepEqual(outline(reader.take('publish')), ['once qos 2 id 1'])
  assert.equal(publisher.take('pubrec').length, 2) // repeated [MQTT5-4.3.3-10]
  publisher.send({ type: 'pubrel', ...ack(9) })
  assert.equal(publisher.take('pubcomp').length, 1)
  reader.send({ type: 'pubrec', ...ack(1) })
  assert.equal(reader.take('pubrel')[0]?.packetIdentifier, 1)
  assert.equal(broker.core.statistics.inFlight, 1)
  reader.send({ type: 'pubcomp', ...ack(1) })
  assert.equal(broker.core.statistics.inFlight, 0)
  arrive(publisher, [publish(2, 9, 'again')])
  assert.deepEqual(outline(reader.take('publish')), ['again qos 2 id 2'])
})

for (const qos of [1, 2] as const) {
  test(`at QoS ${qos} a client gets no more than its Receive Maximum, and all of it in order`, async () => {
    await using broker = await startTestBroker()
    const properties = { receiveMaximum: 2 }
    const reader = broker.open().connect({ clientIdentifier: 's', properties }).send(subscribe(2))
    learn(broker, reader)
    const publisher = broker.open().connect({ clientIdentifier: 'p' })
    arrive(
      publisher,
      [1, 2, 3, 4, 5].map((n) => publish(qos, n, `m${n}`)),
    )
    const seen: string[] = []
    for (let identifier = 1; identifier <= 5; identifier++) {
      const received = outline(reader.take('publish'))
      assert.equal(received.length, identifier === 1 ? 2 : identifier === 5 ? 0 : 1)
      seen.push(...received)
      if (qos === 1) reader.send({ type: 'puback', ...ack(identifier) })
      else
        reader.send({ type: 'pubrec', ...ack(identifier) }, { type: 'pubcomp', ...ack(identifier) })
    }
    assert.deepEqual(
      seen,
      [1, 2, 3, 4, 5].map((n) => `m${n} qos ${qos} id ${n}`),
    )
    // Behind the queue it is passed on again.
    arrive(publisher, [publish(qos, 8, 'last')])
    assert.deepEqual(outline(reader.take('publish')), [`last qos ${qos} id 6`])
  })
}

test('what the client refuses, and what it has not acknowledged at its end, is in the ledger', async () => {
  await using broker = await startTestBroker()
  const reader = subscriber(broker, 's')
  learn(broker, reader)
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  arrive(publisher, [publish(1, 1, 'no'), publish(2, 2, 'never'), publish(1, 3, 'end')])
  reader.send({ type: 'puback', packetIdentifier: 1, reasonCode: 0x83, properties: {} })
  reader.send({ type: 'pubrec', packetIdentifier: 2, reasonCode: 0x83, properties: {} })
  const { losses, statistics } = broker.core
  assert.deepEqual(losses.total('refused-by-client'), { messages: 2, bytes: 7 })
  reader.cut()
  assert.deepEqual(losses.total('session-ended'), { messages: 1, bytes: 3 })
  assert.equal(statistics.inFlight, 0)
})

test('a publisher is held to its Receive Maximum, and told who has subscribed', async () => {
  await using broker = await startTestBroker({ mqtt: { receiveMaximum: 2 } })
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  learn(broker)
  arrive(publisher, [publish(1, 1, 'to nobody')])
  assert.equal(publisher.take('puback')[0]?.reasonCode, 0x10)
  subscriber(broker, 's')
  arrive(publisher, [publish(2, 1, 'x'), publish(2, 2, 'x'), publish(2, 3, 'one too many')])
  assert.equal(publisher.take('disconnect')[0]?.reasonCode, 0x93) // [MQTT5-3.3.4-7]
})

test('a Session that outlasts its connection gets it again, beside one that does not', async () => {
  await using broker = await startTestBroker()
  const properties = { sessionExpiryInterval: 100 }
  const lasting = () =>
    broker.open().connect({ clientIdentifier: 'l', properties, cleanStart: false })
  const before = lasting().send(subscribe(2))
  const reader = subscriber(broker, 's')
  learn(broker, before, reader)
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  arrive(publisher, [publish(1, 1, 'one'), publish(2, 2, 'two')])
  assert.deepEqual(outline(reader.take('publish')), ['one qos 1 id 1', 'two qos 2 id 2'])
  assert.deepEqual(outline(before.take('publish')), ['one qos 1 id 1', 'two qos 2 id 2'])
  assert.equal(publisher.take('puback').length + publisher.take('pubrec').length, 2)
  before.cut()
  assert.deepEqual(outline(lasting().take('publish')), ['one qos 1 id 1 dup', 'two qos 2 id 2 dup'])
})

test('one that is too large for a client is not sent, and frees its place', async () => {
  await using broker = await startTestBroker()
  const properties = { maximumPacketSize: 20, receiveMaximum: 1 }
  const reader = broker.open().connect({ clientIdentifier: 's', properties }).send(subscribe(1))
  learn(broker, reader)
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  arrive(publisher, [publish(1, 1, 'longer than twenty bytes'), publish(1, 2, 'short')])
  assert.deepEqual(outline(reader.take('publish')), ['short qos 1 id 2'])
  assert.equal(broker.core.losses.total('packet-too-large').messages, 1)
})

test('a Session may end with very many messages', async () => {
  const many = 200_000
  await using broker = await startTestBroker({ limits: { queue: { messages: many + 10 } } })
  const reader = subscriber(broker, 's', 0)
  learn(broker, reader)
  reader.stopReading()
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  const chunk = Buffer.concat(new Array(many / 10).fill(encodePacket(publish(0, 0, 'x'), 5)))
  for (let i = 0; i < 10; i++) publisher.sendBytes(new Uint8Array(chunk))
  const { queuedMessages } = broker.core.statistics
  assert.ok(queuedMessages > 150_000)
  reader.cut()
  assert.equal(broker.core.losses.total('session-ended').messages, queuedMessages)
})
