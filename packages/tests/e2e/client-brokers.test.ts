import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Client, type ClientOptions, connect } from '@busbar/client'
import { type BrokerKind, brokers } from '../src/brokers.ts'
import { eventually, within } from '../src/deadline.ts'
import { readTexts } from '../src/read-texts.ts'
import { Relay } from '../src/relay.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`)

function burst({ maximumQoS, start }: BrokerKind, version: 4 | 5): void {
  test(`T12: a burst of 1,000 QoS ${maximumQoS}`, async () => {
    await using broker = await start()
    await using client = await connect(broker.url, { version })
    const texts = await readTexts(client, 'burst', 1_000)
    const all = numbers(1_000).map((text) => client.publish('burst', text, { qos: maximumQoS }))
    const settled = within(Promise.all(all), 'all acknowledgements')
    assert.deepEqual(await within(texts(), 'the burst'), numbers(1_000))
    await settled
    assert.equal(client.negotiated?.receiveMaximum, 20)
  })
}

function wildcards({ start }: BrokerKind, version: 4 | 5): void {
  test('one level, all levels, and the highest QoS that is granted', async () => {
    await using broker = await start()
    // A client each: where subscriptions overlap, NATS sends a message once for each of them.
    await using client = await connect(broker.url, { version })
    await using other = await connect(broker.url, { version })
    const one = await client.subscribe('a/+/c', { qos: 1 })
    const all = await other.subscribe('a/#', { qos: 0 })
    for (const name of ['a/b/c', 'a/b', 'a/d/c', 'b/b/c', 'a']) {
      await client.publish(name, name, { qos: 1 })
    }
    const names = async (subscription: typeof one, count: number) => {
      const received = []
      for (let n = 0; n < count; n++) received.push((await subscription.next()).value)
      return received.map((message) => message?.topicName)
    }
    assert.deepEqual(await within(names(one, 2), 'one level'), ['a/b/c', 'a/d/c'])
    assert.deepEqual(await within(names(all, 4), 'all levels'), ['a/b/c', 'a/b', 'a/d/c', 'a'])
    assert.deepEqual([one.results[0]?.reasonCode, all.results[0]?.reasonCode], [1, 0])
  })
}

function retained({ start }: BrokerKind, version: 4 | 5): void {
  test('a retained message is kept, replaced and deleted', async () => {
    await using broker = await start()
    await using client = await connect(broker.url, { version })
    await using other = await connect(broker.url, { version })
    for (const text of ['one', 'two']) await client.publish('kept', text, { qos: 1, retain: true })
    const first = async () => {
      const subscription = await other.subscribe('kept', { qos: 1 })
      await client.publish('kept', 'live', { qos: 1 })
      const { value } = await within(subscription.next(), 'a message')
      await subscription.close()
      return [value?.text(), value?.retain]
    }
    assert.deepEqual(await first(), ['two', true])
    await client.publish('kept', '', { qos: 1, retain: true })
    assert.deepEqual(await first(), ['live', false])
  })
}

function will({ start }: BrokerKind, version: 4 | 5): void {
  test('the Will of a client that is cut off is published, that of one that leaves is not', async () => {
    await using broker = await start()
    await using watcher = await connect(broker.url, { version })
    const texts = await readTexts(watcher, 'will/+', 1)
    const options = (name: string): ClientOptions => ({
      version,
      will: { topic: `will/${name}`, payload: name, qos: 1 },
      reconnect: false,
    })
    await (await connect(broker.url, options('leaves'))).close()
    await using relay = await Relay.start(broker.url)
    const cut = await connect(relay.url, options('cut'))
    relay.cut()
    assert.deepEqual(await within(texts(), 'the Will'), ['cut'])
    await cut.close()
  })
}

function payloads({ start }: BrokerKind, version: 4 | 5): void {
  test('large and small, empty and binary payloads', async () => {
    await using broker = await start()
    await using client = await connect(broker.url, { version })
    const subscription = await client.subscribe('payloads', { qos: 1 })
    for (const size of [0, 1, 127, 128, 16_383, 16_384, 500_000]) {
      const payload = new Uint8Array(size).map((_, at) => at * 7)
      await within(client.publish('payloads', payload, { qos: 1 }), 'PUBACK')
      const { value } = await within(subscription.next(), 'a message')
      assert.deepEqual(value?.payload.slice(), payload)
    }
  })
}

async function cutWhile(client: Client, relay: Relay, isAway: () => Promise<void>): Promise<void> {
  const { reconnects } = client.stats
  relay.cut()
  await eventually(() => client.state !== 'connected', 'the loss to be seen')
  await isAway()
  client.wake()
  await eventually(() => client.stats.reconnects > reconnects, 'the client to come back')
}

function reconnection({ start }: BrokerKind, version: 4 | 5): void {
  test('what comes while a client is cut off from its first connection waits for it', async () => {
    await using broker = await start()
    await using relay = await Relay.start(broker.url)
    await using publisher = await connect(broker.url, { version })
    const session = { expirySeconds: 300 }
    const reconnect = { minMs: 60_000, maxMs: 60_000, jitter: 'none' } as const
    const options: ClientOptions = { version, clientId: 'comes-back', session, reconnect }
    await using client = await connect(relay.url, options)
    assert.equal(client.negotiated?.sessionPresent, false)
    const subscription = await client.subscribe('away', { qos: 1 })
    const sent = client.publish('away', 'from itself', { qos: 1 })
    assert.equal(
      (await within(subscription.next(), 'its own message')).value?.text(),
      'from itself',
    )
    await sent
    await cutWhile(client, relay, async () => {
      await publisher.publish('away', 'while away', { qos: 1 })
    })
    assert.equal(client.negotiated?.sessionPresent, true)
    const waits = client.publish('away', 'again', { qos: 1 })
    const texts: (string | undefined)[] = []
    while (!texts.includes('again')) {
      texts.push((await within(subscription.next(), 'a message')).value?.text())
    }
    await waits
    // The first may come again: its acknowledgement may have been on the way when the cut came.
    assert.deepEqual(
      texts.filter((text) => text !== 'from itself'),
      ['while away', 'again'],
    )
  })

  test('a Session that an earlier program has left is ended by one that begins anew', async () => {
    await using broker = await start()
    await using publisher = await connect(broker.url, { version })
    const options = { version, clientId: 'anew', session: { expirySeconds: 300 } }
    const earlier = await connect(broker.url, options)
    await earlier.subscribe('left', { qos: 1 })
    await earlier.close()
    await publisher.publish('left', 'for the earlier one', { qos: 1 })
    await using client = await connect(broker.url, options)
    assert.equal(client.negotiated?.sessionPresent, false)
    const subscription = await client.subscribe('left', { qos: 1 })
    await publisher.publish('left', 'new', { qos: 1 })
    assert.equal((await within(subscription.next(), 'a message')).value?.text(), 'new')
  })

  test('a Session of an earlier client is taken up with what has waited', async () => {
    await using broker = await start()
    const session = { expirySeconds: 600, cleanStart: false }
    const options = { version, clientId: 'again', session }
    const first = await connect(broker.url, options)
    await first.subscribe('kept', { qos: 1 })
    await first.close()
    await using publisher = await connect(broker.url, { version })
    for (const text of numbers(3)) await publisher.publish('kept', text, { qos: 1 })
    await using second = await connect(broker.url, options)
    assert.equal(second.negotiated?.sessionPresent, true)
    const texts = await readTexts(second, 'kept', 3)
    assert.deepEqual(await within(texts(), 'what was kept'), numbers(3))
  })
}

function requests({ start }: BrokerKind): void {
  test('a request is answered', async () => {
    await using broker = await start()
    await using server = await connect(broker.url)
    await using client = await connect(broker.url)
    await using _ = await server.respond('double/+', (request) => `${Number(request.text()) * 2}`)
    const asked = [1, 2, 3].map((n) => client.request('double/it', `${n}`))
    const answers = await within(Promise.all(asked), 'answers')
    assert.deepEqual(
      answers.map((answer) => answer.text()),
      ['2', '4', '6'],
    )
  })
}

for (const broker of brokers) {
  describe(`the client with ${broker.name}`, { skip: broker.skip }, () => {
    for (const version of broker.versions) {
      describe(version === 5 ? 'MQTT 5.0' : 'MQTT 3.1.1', () => {
        burst(broker, version)
        wildcards(broker, version)
        retained(broker, version)
        will(broker, version)
        payloads(broker, version)
        reconnection(broker, version)
        if (version === 5) requests(broker)
      })
    }

    test('the version that the broker speaks is found', async () => {
      await using place = await broker.start()
      await using client = await connect(place.url)
      assert.equal(client.negotiated?.version, Math.max(...broker.versions))
    })
  })
}
