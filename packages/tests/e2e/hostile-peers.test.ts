import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { encodePacket, type ProtocolVersion, type UserProperty } from '@busbar/protocol'
import { Bystanders } from '../src/bystanders.ts'
import { eventually, pause, within } from '../src/deadline.ts'
import { startEmbedded } from '../src/embedded.ts'
import { levels } from '../src/hostile-input.ts'
import {
  connectPacket,
  fromHex,
  publishPacket,
  RawClient,
  subscribePacket,
} from '../src/raw-client.ts'

const sys = { intervalSeconds: 0 }
const transports = ['tcp', 'ws'] as const

describe('2: much is announced', () => {
  for (const transport of transports) {
    test(`256 MB before CONNECT allocate nothing over ${transport}`, async () => {
      await using broker = await startEmbedded({ sys })
      await using bystanders = await Bystanders.join(broker)
      const clients: RawClient[] = []
      const before = process.memoryUsage().arrayBuffers
      let most = 0
      for (let i = 0; i < 100; i++) {
        const client = await RawClient.open(broker[transport])
        clients.push(client.sendBytes('10 ffffff7f').sendBytes(new Uint8Array(4_096)))
        most = Math.max(most, process.memoryUsage().arrayBuffers)
      }
      for (const client of clients) await within(client.closed, 'the end')
      most = Math.max(most, process.memoryUsage().arrayBuffers)
      assert.ok(most - before < 16_000_000, `${most - before} bytes`)
      await bystanders.check()
    })
  }

  test('a connection that has not logged in holds no more than was sent', async () => {
    await using broker = await startEmbedded({ sys })
    const before = process.memoryUsage().arrayBuffers
    const clients: RawClient[] = []
    // As much as is taken before CONNECT: 65,536 bytes with the fixed header.
    for (let i = 0; i < 200; i++) clients.push(await RawClient.open(broker.tcp))
    for (const client of clients) client.sendBytes('10 fcff03 0004 4d515454 05')
    await eventually(() => broker.broker.statistics.bytesReceived === 200 * 11, 'what was sent')
    const grown = process.memoryUsage().arrayBuffers - before
    assert.ok(grown < 200 * 16_384, `${grown} bytes`)
    for (const client of clients) await client[Symbol.asyncDispose]()
  })

  test('65,537 bytes before CONNECT are too many, 65,536 are not', async () => {
    await using broker = await startEmbedded({ sys })
    const clientIdentifier = (bytes: number) => 'x'.repeat(bytes - 17)
    await using fits = await RawClient.open(broker.tcp)
    await fits.connect({ clientIdentifier: clientIdentifier(65_536) })
    await using tooLarge = await RawClient.open(broker.tcp)
    tooLarge.send(connectPacket({ clientIdentifier: clientIdentifier(65_537) }))
    assert.equal(await tooLarge.packets.next('the end'), 'closed')
  })
})

describe('4, 5: time is short before CONNECT', () => {
  const limits = { connectTimeoutSeconds: 1 }
  const hello = encodePacket(connectPacket({ clientIdentifier: 'x'.repeat(100) }), 5)

  for (const transport of transports) {
    test(`CONNECT byte by byte is accepted over ${transport}`, async () => {
      await using broker = await startEmbedded({ sys })
      await using client = await RawClient.open(broker[transport])
      for (const byte of hello) client.sendBytes(Uint8Array.of(byte))
      assert.equal((await client.next('connack')).reasonCode, 0)
    })

    test(`CONNECT byte by byte may not take longer than silence over ${transport}`, async () => {
      await using broker = await startEmbedded({ sys, limits })
      await using bystanders = await Bystanders.join(broker)
      await using silent = await RawClient.open(broker[transport])
      await using slow = await RawClient.open(broker[transport])
      const startedAt = performance.now()
      let sent = 0
      for (; !slow.isClosed && sent < hello.length; sent++) {
        slow.sendBytes(Uint8Array.of(hello[sent] ?? 0))
        await pause(50)
      }
      // In total, and not since the last byte.
      assert.ok(slow.isClosed && sent > 1, `still open after ${sent} bytes`)
      assert.ok(performance.now() - startedAt > 900, 'it had its time')
      await within(silent.closed, 'the end of the silent one')
      for (const client of [silent, slow]) assert.equal(client.packets.takeAll().length, 1)
      await bystanders.check()
    })
  }

  test('a WebSocket handshake that does not end is given up', async () => {
    await using broker = await startEmbedded({ sys, limits })
    await using bystanders = await Bystanders.join(broker)
    const { hostname, port } = new URL(broker.ws)
    const socket = connectSocket(Number(port), hostname)
    socket.on('error', () => {})
    socket.resume()
    const closed = once(socket, 'close')
    socket.write('GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n')
    await within(closed, 'the end')
    await bystanders.check()
  })
})

describe('7, 8: a stream in pieces', () => {
  const clientIdentifier = 'cut'
  const packets = (version: ProtocolVersion, keepsSession: boolean) =>
    [
      connectPacket({
        protocolVersion: version,
        clientIdentifier,
        cleanStart: version === 5 || !keepsSession,
        properties: version === 5 && keepsSession ? { sessionExpiryInterval: 600 } : {},
        username: 'ünï',
        password: new Uint8Array([1, 2, 3]),
      }),
      subscribePacket('cut/+', 1),
      publishPacket('bystanders/cut', 'whole', { qos: 1, packetIdentifier: 1 }),
    ].map((packet) => encodePacket(packet, version))
  const whole = { topicName: 'bystanders/cut', payload: 'whole' }

  for (const version of [3, 4, 5] as const) {
    test(`a stream of ${version} that is cut has the effect of what was complete`, async () => {
      await using broker = await startEmbedded({ sys })
      await using bystanders = await Bystanders.join(broker)
      const { statistics } = broker.broker
      const stream = packets(version, true)
      const connected = stream[0]?.length ?? 0
      const subscribed = connected + (stream[1]?.length ?? 0)
      const bytes = Buffer.concat(stream)
      for (let length = 0; length <= bytes.length; length++) {
        await using client = await RawClient.open(broker.tcp, version)
        client.sendBytes(bytes.subarray(0, length))
        await client.end()
        const expected = [length < connected ? 2 : 3, length < subscribed ? 1 : 2]
        // With sockets in workers the client may see the end before the broker does.
        await eventually(
          () => isDeepStrictEqual([statistics.sessions, statistics.subscriptions], expected),
          `${expected} after ${length} bytes`,
        )
        // Ends the Session for the next one.
        await using clean = await RawClient.open(broker.tcp, version)
        await clean.connect({ clientIdentifier })
        await clean.leave()
      }
      // From the one that was complete; any other would have come before it.
      assert.deepEqual(await bystanders.receive(), whole)
      await bystanders.check()
    })

    for (const transport of transports) {
      test(`a stream of ${version} is read alike in pieces of every size over ${transport}`, async () => {
        await using broker = await startEmbedded({ sys })
        await using bystanders = await Bystanders.join(broker)
        const end = encodePacket({ type: 'disconnect', reasonCode: 0, properties: {} }, version)
        const bytes = Buffer.concat([...packets(version, false), fromHex('c000'), end])
        for (let size = 1; size <= bytes.length; size++) {
          await using client = await RawClient.open(broker[transport], version)
          for (let at = 0; at < bytes.length; at += size) {
            client.sendBytes(bytes.subarray(at, at + size))
            // A turn of the event loop, so that the pieces arrive by themselves.
            if (size < 8) await new Promise((resolve) => setImmediate(resolve))
          }
          for (const type of ['connack', 'suback', 'puback', 'pingresp'] as const) {
            await client.next(type)
          }
          await within(client.closed, 'the end')
          assert.deepEqual(await bystanders.receive(), whole)
        }
        await bystanders.check()
      })
    }
  }
})

describe('13: many User Properties', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index): UserProperty => [String(index), 'x'])

  test('10,000 in CONNECT are more than is read before it', async () => {
    await using broker = await startEmbedded({ sys })
    await using bystanders = await Bystanders.join(broker)
    await using client = await RawClient.open(broker.tcp)
    client.send(connectPacket({ properties: { userProperties: many(10_000) } }))
    assert.equal(await client.packets.next('the end'), 'closed')
    await using fewer = await RawClient.open(broker.tcp)
    await fewer.connect({ properties: { userProperties: many(5_000) } })
    await fewer.leave()
    await bystanders.check()
  })

  test('10,000 in PUBLISH arrive', async () => {
    await using broker = await startEmbedded({ sys })
    await using client = await RawClient.open(broker.tcp)
    await client.connect()
    await client.subscribe('a')
    const userProperties = many(10_000)
    client.publish('a', 'x', { properties: { userProperties } })
    assert.deepEqual((await client.next('publish')).properties, { userProperties })
  })

  test('their cost is linear', async (t) => {
    await using broker = await startEmbedded({ sys })
    await using client = await RawClient.open(broker.broker.connectInMemory())
    await client.connect()
    const fastest = async (count: number) => {
      const properties = { userProperties: many(count) }
      const bytes = encodePacket(
        publishPacket('a', 'x', { qos: 1, packetIdentifier: 1, properties }),
        5,
      )
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i < 30; i++) {
        const startedAt = performance.now()
        client.sendBytes(bytes)
        await client.next('puback')
        best = Math.min(best, performance.now() - startedAt)
      }
      return best
    }
    await fastest(1_000)
    const [few, lots] = [await fastest(1_000), await fastest(20_000)]
    t.diagnostic(`1,000: ${few.toFixed(2)} ms, 20,000: ${lots.toFixed(2)} ms`)
    // 400 times would be quadratic.
    assert.ok(lots < few * 100, `${lots / few} times the time for 20 times as many`)
  })
})

describe('15: long and deep topics', () => {
  const deep = levels(10_000)
  const rows = [
    ['65,535 bytes', 'x'.repeat(65_535), 'x'.repeat(65_535)],
    ['65,535 bytes to a wildcard', `a/${'x'.repeat(65_533)}`, 'a/+'],
    ['10,000 levels', deep, deep],
    ['10,000 levels to #', deep, 'a/#'],
    ['10,000 levels to 10,000 +', deep, deep.replaceAll('a', '+')],
    ['32,768 levels', '/'.repeat(32_767), '#'],
    ['65,536 levels', '/'.repeat(65_535), '#'],
  ] as const

  for (const [name, topicName, filter] of rows) {
    test(`${name} where that is allowed`, async () => {
      await using broker = await startEmbedded({ sys, limits: { topicLevels: 65_536 } })
      await using bystanders = await Bystanders.join(broker)
      await using client = await RawClient.open(broker.tcp)
      await client.connect()
      await client.subscribe(filter)
      for (const retain of [true, false]) {
        client.publish(topicName, 'x', { retain })
        assert.equal((await client.next('publish')).topicName, topicName)
      }
      await using late = await RawClient.open(broker.tcp)
      await late.connect({ clientIdentifier: 'late' })
      await late.subscribe(filter)
      assert.equal((await late.next('publish')).topicName, topicName)
      client.publish(topicName, '', { retain: true })
      await client.next('publish')
      for (const each of [client, late]) await each[Symbol.asyncDispose]()
      await bystanders.check()
    })
  }
})

describe('22: QoS 2 without an end', () => {
  test('a message that comes again and again is delivered once', async () => {
    await using broker = await startEmbedded({ sys })
    await using bystanders = await Bystanders.join(broker)
    await using client = await RawClient.open(broker.tcp)
    await client.connect()
    for (let i = 0; i < 100; i++) {
      const fields = { qos: 2, dup: i > 0, packetIdentifier: 1 } as const
      client.publish('bystanders/once', 'x', fields)
      await client.next('pubrec')
    }
    client.publish('bystanders/once', 'y', { qos: 2, packetIdentifier: 2 })
    for (const payload of ['x', 'y']) assert.equal((await bystanders.receive()).payload, payload)
    await client.leave()
    await bystanders.check()
  })

  test('Receive Maximum holds over 3.x as far as there are identifiers', async () => {
    await using broker = await startEmbedded({ sys })
    await using client = await RawClient.open(broker.tcp, 4)
    await client.connect()
    for (let packetIdentifier = 1; packetIdentifier <= 65_535; packetIdentifier++) {
      client.publish('a', '', { qos: 2, packetIdentifier })
    }
    for (let i = 1; i <= 65_535; i++) await client.next('pubrec')
    await client.ping()
  })
})

describe('24, 25: a subscriber that cannot be served', () => {
  const limits = { queue: { messages: 10 } }
  const properties = { receiveMaximum: 2 }

  for (const qos of [1, 2] as const) {
    test(`one that never acknowledges QoS ${qos} has a bounded queue`, async () => {
      await using broker = await startEmbedded({ sys, limits })
      await using bystanders = await Bystanders.join(broker)
      const { losses, statistics } = broker.broker
      await using client = await RawClient.open(broker.tcp)
      await client.connect({ clientIdentifier: 'mute', properties })
      await client.subscribe('bystanders/flood', qos)
      await using publisher = await RawClient.open(broker.tcp)
      await publisher.connect({ clientIdentifier: 'publisher' })
      for (let i = 0; i < 100; i++) {
        publisher.publish('bystanders/flood', String(i), { qos: 1, packetIdentifier: 1 })
        assert.equal((await publisher.next('puback')).reasonCode, 0, 'somebody else gets it')
        assert.equal((await bystanders.receive()).payload, String(i))
      }
      // Two of QoS 1 or 2 are on the way, ten wait. QoS 1 is the most that was published.
      for (const payload of ['0', '1']) {
        assert.equal(Buffer.from((await client.next('publish')).payload).toString(), payload)
      }
      await client.ping()
      assert.deepEqual([statistics.inFlight, statistics.queuedMessages], [2, 10])
      assert.deepEqual(losses.ofClient('mute')?.byCause.get('queue-full')?.messages, 88)
      await publisher.leave()
      await client.leave()
      // What was on the way and what waited is lost with the Session, and counted.
      await bystanders.check()
      assert.deepEqual(losses.ofClient('mute')?.byCause.get('session-ended')?.messages, 12)
    })
  }

  for (const qos of [0, 1, 2] as const) {
    test(`a packet above its Maximum Packet Size is not sent at QoS ${qos}, and counted`, async () => {
      await using broker = await startEmbedded({ sys })
      await using bystanders = await Bystanders.join(broker)
      const { losses } = broker.broker
      await using client = await RawClient.open(broker.tcp)
      await client.connect({ clientIdentifier: 'small', properties: { maximumPacketSize: 64 } })
      await client.subscribe('bystanders/size', qos)
      await using publisher = await RawClient.open(broker.tcp)
      await publisher.connect({ clientIdentifier: 'publisher' })
      const payloads = ['x'.repeat(64), 'small']
      for (const [index, payload] of payloads.entries()) {
        publisher.publish('bystanders/size', payload, { qos, packetIdentifier: index + 1 })
        assert.equal((await bystanders.receive()).payload, payload)
      }
      assert.equal(Buffer.from((await client.next('publish')).payload).toString(), 'small')
      const lost = losses.ofClient('small')?.byCause
      assert.deepEqual(lost, new Map([['packet-too-large', { messages: 1, bytes: 64 }]]))
      for (const each of [client, publisher]) await each[Symbol.asyncDispose]()
      await bystanders.check()
    })
  }
})
