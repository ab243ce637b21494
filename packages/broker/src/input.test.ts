import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, type Publish } from '@busbar/protocol'
import { startTestBroker } from './testing/index.ts'

const publish = (topicName: string): Publish => ({
  ...{ type: 'publish', dup: false, qos: 1, retain: false, topicName, packetIdentifier: 1 },
  ...{ properties: {}, payload: new TextEncoder().encode(topicName) },
})

test('packets that come in pieces, of many clients in turn, are not mixed up', async () => {
  await using broker = await startTestBroker()
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const reader = broker.open().connect({ clientIdentifier: 'reader' })
  const subscriptions = [{ topicFilter: '#', options }]
  reader.send({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions })
  // More than there are places for framers that nobody uses.
  const topics = Array.from({ length: 200 }, (_, number) => `of/client/${number}`)
  const clients = topics.map((topicName) => ({
    peer: broker.open().connect({ clientIdentifier: topicName }),
    bytes: encodePacket(publish(topicName), 5),
    at: 0,
  }))
  for (let isLeft = true; isLeft; ) {
    isLeft = false
    for (const [number, client] of clients.entries()) {
      const next = client.at + 1 + (number % 7)
      client.peer.sendBytes(client.bytes.subarray(client.at, next))
      client.at = next
      if (next < client.bytes.length) isLeft = true
    }
  }
  const arrived = reader.take('publish').map(({ topicName, payload }) => {
    assert.equal(new TextDecoder().decode(payload), topicName)
    return topicName
  })
  assert.deepEqual(arrived.sort(), topics.toSorted())
  for (const { peer } of clients) assert.equal(peer.take('puback').length, 1)
})

test('one that ends within a packet leaves nothing to the next', async () => {
  await using broker = await startTestBroker()
  const bytes = encodePacket(publish('a/b'), 5)
  for (let length = 1; length < bytes.length; length++) {
    const peer = broker.open().connect()
    peer.sendBytes(bytes.subarray(0, length))
    peer.cut()
    const next = broker.open().connect({ clientIdentifier: 'next' })
    next.send(publish('c'))
    assert.equal(next.take('puback').length, 1)
    next.cut()
  }
})

test('what the client was told counts, also when the largest packet has been changed since', async () => {
  await using broker = await startTestBroker({ mqtt: { maximumPacketSize: 2_000 } })
  const { core } = broker
  const peer = broker.open().connect()
  core.config = { ...core.config, mqtt: { ...core.config.mqtt, maximumPacketSize: 100 } }
  const large = (): Publish => ({ ...publish('a'), payload: new Uint8Array(1_000) })
  assert.equal(peer.send(large()).take('puback').length, 1)
  const next = broker.open().connect({ clientIdentifier: 'next' }).send(large())
  assert.equal(next.take('disconnect')[0]?.reasonCode, 0x95)
})
