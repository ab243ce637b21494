import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodePacket,
  noProperties,
  type ProtocolVersion,
  type Publish,
  type Subscribe,
} from '@busbar/protocol'
import { startTestBroker, type TestBroker } from './testing/index.ts'

function publish(topicName: string, text: string): Publish {
  const payload = new TextEncoder().encode(text)
  const fields = { dup: false, qos: 0, retain: false, packetIdentifier: 0 } as const
  return { type: 'publish', ...fields, topicName, properties: noProperties, payload }
}

function subscribe(topicFilter: string, subscriptionIdentifier?: number): Subscribe {
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const properties = subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }
  const subscriptions = [{ topicFilter, options }]
  return { type: 'subscribe', packetIdentifier: 1, properties, subscriptions }
}

function joined(...packets: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(packets))
}

const texts = (packets: readonly Publish[]) =>
  packets.map(({ payload }) => new TextDecoder().decode(payload))

/** The first messages of a topic are read and published, and the topic is known from then on. */
function learn(broker: TestBroker, topicName = 'a/b'): void {
  const first = publish(topicName, 'first')
  broker.open().connect({ clientIdentifier: 'first' }).send(first, first).cut()
}

for (const from of [3, 4, 5] as ProtocolVersion[]) {
  for (const to of [3, 4, 5] as ProtocolVersion[]) {
    test(`from version ${from} to version ${to}, as it would be without forwarding`, async () => {
      await using broker = await startTestBroker()
      const reader = { clientIdentifier: 's', protocolVersion: to }
      const subscriber = broker.open().connect(reader).send(subscribe('a/+'))
      learn(broker)
      const writer = { clientIdentifier: 'p', protocolVersion: from }
      const publisher = broker.open().connect(writer)
      const packets = ['one', '', 'three', 'x'.repeat(200)].map((text) => publish('a/b', text))
      const frames = packets.map((packet) => encodePacket(packet, from))
      publisher.sendBytes(joined(...frames, encodePacket({ type: 'pingreq' }, from)))
      const received = subscriber.take('publish')
      assert.deepEqual(texts(received.splice(0, 2)), ['first', 'first'])
      assert.deepEqual(received, packets)
      assert.equal(publisher.take('pingresp').length, 1)
      const { publishReceived, publishSent, publishBytesSent } = broker.core.statistics
      assert.deepEqual([publishReceived, publishSent, publishBytesSent], [6, 6, 218])
    })
  }
}

for (const takesBytesAtOnce of [false, true]) {
  const how = takesBytesAtOnce ? 'from memory that is used again' : 'in memory'
  test(`a subscriber that does not read keeps what it is owed, ${how}`, async () => {
    await using broker = await startTestBroker({ limits: { output: { pauseBytes: 1_024 } } })
    const open = (clientIdentifier: string) => {
      const peer = broker.open()
      peer.takesBytesAtOnce = takesBytesAtOnce
      return peer.connect({ clientIdentifier }).send(subscribe('a/b'))
    }
    const [slow, slower, quick] = [open('slow'), open('slower'), open('quick')]
    learn(broker)
    for (const peer of [slow, slower, quick]) peer.take('publish')
    const publisher = broker.open().connect({ clientIdentifier: 'p' })
    slow.stopReading()
    const sent: string[] = []
    for (let round = 0; round < 20; round++) {
      if (round === 3) slower.stopReading()
      const group = Array.from({ length: 7 }, (_, i) => `${round}.${i}`.repeat(5))
      sent.push(...group)
      const chunk = joined(...group.map((text) => encodePacket(publish('a/b', text), 5)))
      publisher.sendBytes(chunk)
      chunk.fill(0xee) // as a transport that uses its buffer again
    }
    for (const peer of [slow, slower]) peer.startReading()
    for (const peer of [slow, slower, quick]) assert.deepEqual(texts(peer.take('publish')), sent)
  })
}

test('what one target needs for itself, the others do not get', async () => {
  await using broker = await startTestBroker()
  const plain = broker.open().connect({ clientIdentifier: 'plain' }).send(subscribe('a/b'))
  const marked = broker.open().connect({ clientIdentifier: 'marked' }).send(subscribe('a/b', 5))
  const aliased = broker
    .open()
    .connect({ clientIdentifier: 'aliased', properties: { topicAliasMaximum: 5 } })
    .send(subscribe('a/b'))
  const small = broker
    .open()
    .connect({ clientIdentifier: 'small', properties: { maximumPacketSize: 20 } })
    .send(subscribe('a/b'))
  learn(broker)
  for (const peer of [plain, marked, aliased, small]) peer.take('publish')
  broker.open().connect({ clientIdentifier: 'p' }).send(publish('a/b', 'longer than 20 bytes'))
  assert.deepEqual(plain.take('publish')[0]?.properties, {})
  assert.deepEqual(marked.take('publish')[0]?.properties, { subscriptionIdentifiers: [5] })
  assert.deepEqual(aliased.take('publish')[0]?.properties, { topicAlias: 1 })
  assert.deepEqual(small.take('publish'), [])
  assert.equal(broker.core.losses.total('packet-too-large').messages, 1)
})

test('rights are asked for each message and each receiver', async () => {
  const denied = new Set<string>()
  const access = {
    mayPublish: () => !denied.has('publish'),
    maySubscribe: () => true,
    mayReceive: () => !denied.has('receive'),
  }
  await using broker = await startTestBroker({}, { access })
  const subscriber = broker.open().connect({ clientIdentifier: 's' }).send(subscribe('a/b'))
  learn(broker)
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  denied.add('receive')
  publisher.send(publish('a/b', 'not received'))
  denied.clear()
  denied.add('publish')
  publisher.send(publish('a/b', 'not published'))
  denied.clear()
  publisher.send(publish('a/b', 'both'))
  assert.deepEqual(texts(subscriber.take('publish')), ['first', 'first', 'both'])
  assert.equal(broker.core.losses.total('not-authorized').messages, 2)
})

test('the receiver may leave while it is given a message', async () => {
  await using broker = await startTestBroker()
  const subscriber = broker.open().connect({ clientIdentifier: 's' }).send(subscribe('a/b'))
  learn(broker)
  subscriber.cut()
  broker.open().connect({ clientIdentifier: 'p' }).send(publish('a/b', 'to nobody'))
  const other = broker.open().connect({ clientIdentifier: 'o' }).send(subscribe('a/#'))
  broker.open().connect({ clientIdentifier: 'q' }).send(publish('a/b', 'to another'))
  assert.deepEqual(texts(other.take('publish')), ['to another'])
})
