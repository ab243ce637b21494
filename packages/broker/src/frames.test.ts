import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, type ProtocolVersion, type Publish } from '@busbar/protocol'
import { startTestBroker } from './testing/index.ts'

const options = { qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const
const texts = ['short', 'x'.repeat(120), 'y'.repeat(5_000), 'z'.repeat(20_000), '']

// What is written where its neighbours are must be what encodePacket writes.
for (const version of [3, 4, 5] as ProtocolVersion[]) {
  for (const qos of [1, 2] as const) {
    for (const topicName of ['a/b', 'ä/€', `long/${'level/'.repeat(40)}end`]) {
      test(`QoS ${qos} to version ${version} on ${topicName.slice(0, 12)}`, async () => {
        await using broker = await startTestBroker()
        const reader = { clientIdentifier: 's', protocolVersion: version }
        const subscriber = broker.open().connect(reader)
        const subscriptions = [{ topicFilter: '#', options }]
        subscriber.send({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions })
        const publisher = broker.open().connect({ clientIdentifier: 'p', protocolVersion: version })
        const packets = texts.map((text, i): Publish => {
          const payload = new TextEncoder().encode(text)
          const fields = { dup: false, qos, retain: false, properties: {}, payload } as const
          return { type: 'publish', ...fields, topicName, packetIdentifier: i + 1 }
        })
        const frames = packets.map((packet) => encodePacket(packet, version))
        publisher.sendBytes(new Uint8Array(Buffer.concat(frames)))
        assert.deepEqual(subscriber.take('publish'), packets)
      })
    }
  }
}

test('what is larger than the client accepts is not sent, and counted', async () => {
  await using broker = await startTestBroker()
  const properties = { maximumPacketSize: 40 }
  const subscriber = broker.open().connect({ clientIdentifier: 's', properties })
  const subscriptions = [{ topicFilter: '#', options }]
  subscriber.send({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions })
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  // Fixed header 2, topic 5, identifier 2, properties 1: 40 bytes with a payload of 30.
  for (const [i, length] of [30, 31].entries()) {
    const fields = { dup: false, qos: 1, retain: false, properties: {} } as const
    const payload = new Uint8Array(length)
    publisher.send({
      type: 'publish',
      ...fields,
      topicName: 'a/b',
      packetIdentifier: i + 1,
      payload,
    })
  }
  assert.deepEqual(
    subscriber.take('publish').map(({ payload }) => payload.length),
    [30],
  )
  assert.equal(broker.core.losses.total('packet-too-large').messages, 1)
})
