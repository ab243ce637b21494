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

// The subscriber's own properties are written there as well; lengths need a byte more from 128 on.
for (const firstIdentifier of [1, 100, 2_097_152]) {
  for (const topicAliasMaximum of [0, 1, 3]) {
    for (const maximumPacketSize of [160, 20_000]) {
      const title = `Subscription Identifiers from ${firstIdentifier}, ${topicAliasMaximum} aliases`
      test(`${title}, packets of at most ${maximumPacketSize} bytes`, async () => {
        await using broker = await startTestBroker()
        const limits = { topicAliasMaximum, maximumPacketSize }
        const subscriber = broker.open().connect({ clientIdentifier: 's', properties: limits })
        for (const [i, topicFilter] of filters.entries()) {
          const properties = { subscriptionIdentifier: firstIdentifier + i }
          const subscriptions = [{ topicFilter, options }]
          subscriber.send({ type: 'subscribe', packetIdentifier: i + 1, properties, subscriptions })
        }
        const publisher = broker.open().connect({ clientIdentifier: 'p' })
        const sent = Array.from({ length: 60 }, (_, i) => messageOf(i))
        for (const message of sent) publisher.send(message)
        const names = new Map<number, string>()
        const received = subscriber.take('publish').map((publish) => {
          const { topicAlias, subscriptionIdentifiers = [] } = publish.properties
          if (topicAlias !== undefined && publish.topicName !== '')
            names.set(topicAlias, publish.topicName)
          const topicName = publish.topicName || (names.get(topicAlias ?? 0) as string)
          const { qos, payload } = publish
          return { topicName, qos, payload, identifiers: [...subscriptionIdentifiers].sort() }
        })
        const due = sent.map(({ topicName, qos, payload }) => {
          const matching = filters.flatMap((filter, i) => (matches(filter, topicName) ? [i] : []))
          const identifiers = matching.map((i) => firstIdentifier + i).sort()
          return { topicName, qos, payload, identifiers }
        })
        const fits = due.filter(({ topicName, qos, payload, identifiers }) => {
          const properties = { subscriptionIdentifiers: identifiers }
          const fields = {
            type: 'publish',
            dup: false,
            retain: false,
            packetIdentifier: 1,
          } as const
          const frame = encodePacket({ ...fields, topicName, qos, payload, properties }, 5)
          return frame.length <= maximumPacketSize
        })
        assert.deepEqual(received, fits)
      })
    }
  }
}

/** All that match a/b/c/d/e, with a wildcard or a name at each level. */
const filters = Array.from({ length: 32 }, (_, bits) =>
  [...'abcde'].map((name, level) => ((bits >> level) & 1 ? '+' : name)).join('/'),
)

function matches(filter: string, topicName: string): boolean {
  const names = topicName.split('/')
  return filter.split('/').every((level, i) => level === '+' || level === names[i])
}

function messageOf(i: number): Publish {
  const topicName = ['a/b/c/d/e', 'a/b/c/d/e', 'x/b/c/d/e', 'ä/b/y/d/e', 'x/y/z/d/e'][
    i % 5
  ] as string
  const qos = (i % 2) as 0 | 1
  const fields = { type: 'publish', dup: false, retain: false, properties: {} } as const
  const payload = new Uint8Array(2 * i).fill(i)
  return { ...fields, topicName, qos, packetIdentifier: i + 1, payload }
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
