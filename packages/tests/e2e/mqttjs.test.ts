import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import type { IClientOptions, IDisconnectPacket, IPublishPacket, Packet } from 'mqtt'
import { eventually, pause, within } from '../src/deadline.ts'
import { type EmbeddedBroker, startEmbedded } from '../src/embedded.ts'
import { Inbox } from '../src/inbox.ts'
import { libraryContract } from '../src/library.contract.ts'
import { MqttJsClient, mqttJs } from '../src/mqttjs.ts'

libraryContract(mqttJs('tcp'))
libraryContract(mqttJs('ws'))

const transports = ['tcp', 'ws'] as const

function connect5(broker: EmbeddedBroker, options: IClientOptions = {}): Promise<MqttJsClient> {
  return MqttJsClient.connect(broker.tcp, '5', options)
}

describe('MQTT 5.0 with MQTT.js', () => {
  for (const transport of transports) {
    test(`every property of a message arrives over ${transport}`, async () => {
      await using broker = await startEmbedded()
      await using subscriber = await MqttJsClient.connect(broker[transport], '5')
      await using publisher = await MqttJsClient.connect(broker[transport], '5')
      await subscriber.client.subscribeAsync('a')
      const properties = {
        payloadFormatIndicator: true,
        messageExpiryInterval: 3_600,
        contentType: 'text/plain',
        responseTopic: 'answers/1',
        correlationData: Buffer.from([0, 255, 7]),
        userProperties: { name: ['one', 'two'], other: 'ünï' },
      }
      await publisher.client.publishAsync('a', 'text', { qos: 1, properties })
      const received = await subscriber.next()
      const { messageExpiryInterval, ...others } = received.properties ?? {}
      const { messageExpiryInterval: sent, ...expected } = properties
      assert.deepEqual(plain(others), plain(expected))
      assert.ok(messageExpiryInterval !== undefined && messageExpiryInterval <= sent)
      assert.ok(messageExpiryInterval > sent - 60)
    })

    test(`a payload of 1 MB arrives over ${transport}`, async () => {
      await using broker = await startEmbedded()
      await using client = await MqttJsClient.connect(broker[transport], '5')
      await client.client.subscribeAsync('big', { qos: 1 })
      const payload = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 31) % 251))
      await client.client.publishAsync('big', payload, { qos: 1 })
      assert.ok(payload.equals((await client.next()).payload as Buffer))
    })
  }

  test('Topic Aliases in both directions', async () => {
    await using broker = await startEmbedded()
    await using publisher = await connect5(broker, { autoAssignTopicAlias: true })
    await using subscriber = await connect5(broker, { properties: { topicAliasMaximum: 10 } })
    const sent = publishesOf(publisher, 'packetsend')
    const arrived = publishesOf(subscriber, 'packetreceive')
    await subscriber.client.subscribeAsync('long/topic/#')
    for (const topic of ['long/topic/a', 'long/topic/b', 'long/topic/a', 'long/topic/b']) {
      await publisher.client.publishAsync(topic, topic, { qos: 1 })
      const { topic: resolved, payload } = await subscriber.next()
      assert.deepEqual([resolved, payload.toString()], [topic, topic])
    }
    const shown = (packets: IPublishPacket[]) =>
      packets.map(({ topic, properties }) => [topic, properties?.topicAlias])
    const aliased = [
      ['long/topic/a', 1],
      ['long/topic/b', 2],
      ['', 1],
      ['', 2],
    ]
    assert.deepEqual(shown(sent), aliased)
    assert.deepEqual(shown(arrived), aliased)
  })

  test('Subscription Identifiers: one copy with those of all matching filters', async () => {
    await using broker = await startEmbedded()
    await using client = await connect5(broker)
    const identified = (subscriptionIdentifier: number) => ({
      qos: 1 as const,
      properties: { subscriptionIdentifier },
    })
    await client.client.subscribeAsync('a/#', identified(7))
    await client.client.subscribeAsync('a/+', identified(300))
    await client.client.subscribeAsync('b', identified(1))
    await client.client.publishAsync('a/b', 'x', { qos: 1 })
    await client.client.publishAsync('b', 'y')
    const both = (await client.next()).properties?.subscriptionIdentifier as unknown as number[]
    assert.deepEqual(both.toSorted(), [300, 7])
    assert.equal((await client.next()).properties?.subscriptionIdentifier, 1)
  })

  test('No Local', async () => {
    await using broker = await startEmbedded()
    await using client = await connect5(broker)
    await using other = await connect5(broker)
    await client.client.subscribeAsync('a', { qos: 1, nl: true })
    await client.client.publishAsync('a', 'own', { qos: 1 })
    await other.client.publishAsync('a', 'of another', { qos: 1 })
    assert.equal((await client.next()).payload.toString(), 'of another')
  })

  test('Retain Handling and Retain As Published', async () => {
    await using broker = await startEmbedded()
    await using client = await connect5(broker)
    await client.client.publishAsync('kept', 'old', { qos: 1, retain: true })
    const subscribe = async (rh: 0 | 1 | 2, rap = false) => {
      await client.client.subscribeAsync('kept', { qos: 1, rh, rap })
      // What has been retained is sent before the answer to this.
      await client.client.publishAsync('kept', 'mark', { qos: 1 })
      const received: string[] = []
      while (received.at(-1)?.startsWith('mark') !== true) {
        const { payload, retain } = await client.next()
        received.push(`${payload} ${retain}`)
      }
      return received
    }
    assert.deepEqual(await subscribe(2), ['mark false'])
    assert.deepEqual(await subscribe(1), ['mark false'], 'the subscription is not new')
    assert.deepEqual(await subscribe(0), ['old true', 'mark false'])
    await client.client.unsubscribeAsync('kept')
    assert.deepEqual(await subscribe(1), ['old true', 'mark false'])
    await subscribe(2, true)
    await client.client.publishAsync('kept', 'new', { qos: 1, retain: true })
    assert.equal((await client.next()).retain, true)
  })

  test('a message that expires while its receiver is away is not delivered', async () => {
    await using broker = await startEmbedded()
    const options = { clientId: 'away', clean: false, properties: { sessionExpiryInterval: 600 } }
    const away = await connect5(broker, options)
    await away.client.subscribeAsync('a', { qos: 1 })
    await away.leave()
    await using publisher = await connect5(broker)
    const expiring = (messageExpiryInterval: number) => ({
      qos: 1 as const,
      properties: { messageExpiryInterval },
    })
    await publisher.client.publishAsync('a', 'short', expiring(1))
    await publisher.client.publishAsync('a', 'long', expiring(600))
    await pause(1_100)
    await using back = await connect5(broker, options)
    const { payload, properties } = await back.next()
    assert.equal(payload.toString(), 'long')
    // Less the whole seconds that it waited here.
    assert.ok((properties?.messageExpiryInterval ?? 600) < 600)
    assert.equal(broker.broker.losses.total('expired').messages, 1)
  })

  test('Server Keep Alive, Response Information, Assigned Client Identifier', async () => {
    const mqtt = { serverKeepAliveSeconds: 40, responseInformation: 'answers/' }
    await using broker = await startEmbedded({ mqtt })
    const properties = { requestResponseInformation: true }
    await using client = await connect5(broker, { clientId: '', keepalive: 600, properties })
    const { serverKeepAlive, responseInformation, assignedClientIdentifier } =
      client.connack?.properties ?? {}
    assert.equal(serverKeepAlive, 40)
    assert.equal(responseInformation, 'answers/')
    assert.match(assignedClientIdentifier ?? '', /./)
    await using modest = await connect5(broker, { keepalive: 30 })
    assert.equal(modest.connack?.properties?.serverKeepAlive, undefined)
    assert.equal(modest.connack?.properties?.responseInformation, undefined)
    assert.equal(modest.connack?.properties?.assignedClientIdentifier, undefined)
  })

  test('a request is answered', async () => {
    await using broker = await startEmbedded()
    await using requester = await connect5(broker)
    await using responder = await connect5(broker)
    await responder.client.subscribeAsync('square', { qos: 1 })
    await requester.client.subscribeAsync('answers/me', { qos: 1 })
    for (const number of [3, 4]) {
      const correlationData = Buffer.from([number])
      const properties = { responseTopic: 'answers/me', correlationData }
      await requester.client.publishAsync('square', String(number), { qos: 1, properties })
      const request = await responder.next()
      const answer = String(Number(request.payload) ** 2)
      await responder.client.publishAsync(request.properties?.responseTopic ?? '', answer, {
        qos: 1,
        properties: { correlationData: request.properties?.correlationData as Buffer },
      })
      const response = await requester.next()
      assert.equal(response.payload.toString(), String(number ** 2))
      assert.deepEqual(plain(response.properties), plain({ correlationData }))
    }
  })

  test('Reason Codes of acknowledgements', async () => {
    const limits = { queue: { messages: 1, storedMessages: 1 } }
    await using broker = await startEmbedded({ limits })
    await using client = await connect5(broker)
    const codes: (number | undefined)[] = []
    client.client.on('packetreceive', (packet: Packet) => {
      if (packet.cmd === 'puback' || packet.cmd === 'pubrec') codes.push(packet.reasonCode)
    })
    await client.client.publishAsync('a', 'nobody', { qos: 1 })
    await client.client.publishAsync('a', 'nobody', { qos: 2 })
    assert.deepEqual(codes.splice(0), [0x10, 0x10])
    const properties = { sessionExpiryInterval: 600 }
    const away = await connect5(broker, { clientId: 'away', properties })
    await away.client.subscribeAsync('a', { qos: 2 })
    await away.leave()
    await client.client.publishAsync('a', 'fits', { qos: 1 })
    await assert.rejects(client.client.publishAsync('a', 'queue is full', { qos: 1 }))
    await assert.rejects(client.client.publishAsync('a', 'queue is full', { qos: 2 }))
    assert.deepEqual(codes, [0, 0x97, 0x97])
    const losses = broker.broker.losses.ofClient('away')?.byCause.get('queue-full')
    assert.deepEqual(losses, { messages: 2, bytes: 26 })
    const received = new Inbox<Packet>()
    client.client.on('packetreceive', (packet: Packet) => received.push(packet))
    await client.client.unsubscribeAsync('never/subscribed')
    const unsuback = await received.next('UNSUBACK')
    assert.ok(unsuback.cmd === 'unsuback')
    assert.deepEqual(unsuback.granted, [0x11])
  })

  test('a second connection with the same Client Identifier takes over', async () => {
    await using broker = await startEmbedded()
    await using first = await connect5(broker, { clientId: 'same' })
    const disconnected = once(asEmitter(first), 'disconnect')
    await using second = await connect5(broker, { clientId: 'same' })
    const [packet] = (await within(disconnected, 'DISCONNECT')) as [IDisconnectPacket]
    assert.equal(packet.reasonCode, 0x8e)
    assert.equal(second.client.connected, true)
  })

  test('a message above the Maximum Packet Size of its receiver is lost, and counted', async () => {
    await using broker = await startEmbedded()
    const properties = { maximumPacketSize: 100 }
    await using small = await connect5(broker, { clientId: 'small', properties })
    await using large = await connect5(broker)
    for (const client of [small, large]) await client.client.subscribeAsync('a', { qos: 1 })
    for (const payload of ['x'.repeat(100), 'fits']) {
      await large.client.publishAsync('a', payload, { qos: 1 })
      assert.equal((await large.next()).payload.toString(), payload)
    }
    assert.equal((await small.next()).payload.toString(), 'fits')
    const lost = broker.broker.losses.ofClient('small')?.byCause.get('packet-too-large')
    assert.deepEqual(lost, { messages: 1, bytes: 100 })
  })

  test('a Will has its own properties', async () => {
    await using broker = await startEmbedded()
    await using watcher = await connect5(broker)
    await watcher.client.subscribeAsync('gone', { qos: 1 })
    const properties = { contentType: 'text/plain', userProperties: { who: 'me' } }
    const will = { topic: 'gone', payload: Buffer.from('bye'), qos: 1, properties } as const
    const client = await connect5(broker, { will })
    await client.cut()
    const received = await watcher.next()
    assert.equal(received.payload.toString(), 'bye')
    assert.deepEqual(plain(received.properties), plain(properties))
  })

  test('a Session ends when its Session Expiry Interval has passed', async () => {
    await using broker = await startEmbedded()
    const properties = { sessionExpiryInterval: 1 }
    const options = { clientId: 'short', clean: false, properties }
    const client = await connect5(broker, options)
    await client.leave()
    assert.equal(broker.broker.statistics.sessions, 1)
    const { statistics } = broker.broker
    await eventually(() => statistics.sessions === 0, 'the end of the session')
    await using again = await connect5(broker, options)
    assert.equal(again.connack?.sessionPresent, false)
  })
})

/** PUBLISH packets as they are on the wire. */
function publishesOf(client: MqttJsClient, event: 'packetsend' | 'packetreceive') {
  const packets: IPublishPacket[] = []
  client.client.on(event, (packet: Packet) => {
    if (packet.cmd === 'publish') packets.push({ ...packet })
  })
  return packets
}

/** Without prototypes, which differ between what was given and what was parsed. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** It is an EventEmitter, though its types do not say so. */
function asEmitter({ client }: MqttJsClient): NodeJS.EventEmitter {
  return client as unknown as NodeJS.EventEmitter
}
