import assert from 'node:assert/strict'
import { hex, puback, pubcomp, publish, pubrec, pubrel, subscribe, unsubscribe } from '../bytes.ts'
import type { Case } from '../case.ts'

export const identifierCases: readonly Case[] = [
  {
    id: 'frame/no-identifier-at-qos-0',
    title: 'reads and writes a PUBLISH of QoS 0 without a Packet Identifier',
    statements: ['MQTT5-2.2.1-2', 'MQTT3-2.3.1-5'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      publisher.sendPublish(topic, hex('00 0a'))
      await subscriber.message({ payload: hex('00 0a'), firstByte: 0x30 })
    },
  },
  {
    id: 'frame/identifier-0',
    title: 'refuses Packet Identifier 0',
    statements: ['MQTT5-2.2.1-3', 'MQTT5-4.13.1-1', 'MQTT3-2.3.1-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      const topic = t.topic()
      const rows = {
        'PUBLISH QoS 1': publish({ version, topic, qos: 1, packetId: 0 }),
        'PUBLISH QoS 2': publish({ version, topic, qos: 2, packetId: 0 }),
        SUBSCRIBE: subscribe({ version, packetId: 0, filters: [{ filter: topic }] }),
        UNSUBSCRIBE: unsubscribe({ version, packetId: 0, filters: [topic] }),
      }
      await t.each(rows, async (bytes) => {
        const peer = await t.connect()
        peer.send(bytes)
        await peer.rejects([0x82, 0x81])
      })
    },
  },
  {
    id: 'frame/outstanding-identifiers',
    title: 'gives each unacknowledged PUBLISH an identifier of its own',
    statements: ['MQTT5-2.2.1-4', 'MQTT5-4.3.2-1', 'MQTT3-2.3.1-4', 'MQTT3-2.3.1-1'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair({ qos: 1 })
      // Fewer at once than brokers keep in their queues by default.
      for (let sent = 0; sent < 80; sent += 1) await publisher.publish(topic, `${sent}`, { qos: 1 })
      await t.delay(500)
      const outstanding = new Set<number>()
      // How many the Server sends before the first PUBACK is its choice.
      for (let taken = 0; taken < 80; taken += 1) {
        if (subscriber.waiting.length === 0) {
          for (const packetId of outstanding) subscriber.send(puback(packetId))
          outstanding.clear()
        }
        const { packetId } = await subscriber.expect('publish', { qos: 1, payload: `${taken}` })
        assert.ok(packetId > 0, 'Packet Identifier 0')
        assert.ok(!outstanding.has(packetId), `${packetId} is already in use`)
        outstanding.add(packetId)
      }
    },
  },
  {
    id: 'frame/identifiers-go-round',
    title: 'skips Packet Identifier 0 when the numbers start again',
    statements: ['MQTT5-2.2.1-4'],
    versions: [5],
    serial: true,
    timeoutMs: 60_000,
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair({ qos: 1 })
      const total = 66_000
      const window = Math.min(publisher.connack.property('receiveMaximum') ?? 100, 100)
      const send = (first: number, count: number): void =>
        publisher.send(
          ...Array.from({ length: count }, (_, at) =>
            publish({ version: 5, topic, qos: 1, packetId: ((first + at) % 65_535) + 1 }),
          ),
        )
      const sendAll = async (): Promise<void> => {
        send(0, window)
        for (let acknowledged = 0; acknowledged < total; ) {
          await publisher.expect('puback')
          const count = 1 + publisher.takeWaiting().length
          if (acknowledged + window < total) send(acknowledged + window, count)
          acknowledged += count
        }
      }
      const takeAll = async (): Promise<void> => {
        for (let taken = 0; taken < total; ) {
          const messages = [await subscriber.expect('publish'), ...subscriber.takeWaiting()]
          const identifiers = messages.map(({ packetId }) => packetId)
          assert.ok(!identifiers.includes(0), `Packet Identifier 0 after ${taken} messages`)
          subscriber.send(...identifiers.map((packetId) => puback(packetId)))
          taken += messages.length
        }
      }
      await Promise.all([sendAll(), takeAll()])
    },
  },
  {
    id: 'frame/acknowledged-identifier',
    title: 'acknowledges with the Packet Identifier of the PUBLISH',
    statements: ['MQTT5-2.2.1-5', 'MQTT3-2.3.1-6'],
    versions: [5, 4, 3],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const packetId = 0x1234
      publisher.sendPublish(topic, 'one', { qos: 1, packetId })
      const acknowledgement = await publisher.expect('puback', { packetId })
      assert.deepEqual(acknowledgement.body.subarray(0, 2), hex('1234'))
      publisher.sendPublish(topic, 'two', { qos: 2, packetId })
      await publisher.expect('pubrec', { packetId })
      publisher.send(pubrel(packetId))
      await publisher.expect('pubcomp', { packetId })
      await subscriber.message({ payload: 'one' })
      const [message] = await subscriber.take(1, { acknowledge: false })
      subscriber.send(pubrec(message?.packetId ?? 0))
      await subscriber.expect('pubrel', { packetId: message?.packetId ?? 0 })
      subscriber.send(pubcomp(message?.packetId ?? 0))
    },
  },
  {
    id: 'frame/request-identifier',
    title: 'repeats the identifiers of SUBSCRIBE and UNSUBSCRIBE, also when they come at once',
    statements: ['MQTT5-2.2.1-6', 'MQTT3-2.3.1-7', 'MQTT3-3.8.4-2', 'MQTT3-3.10.4-4'],
    versions: [5, 4, 3],
    async run(t) {
      const { version } = t
      const peer = await t.connect()
      const filters = [{ filter: t.topic() }]
      peer.send(
        subscribe({ version, packetId: 0xffff, filters }),
        unsubscribe({ version, packetId: 1, filters: [t.topic()] }),
        subscribe({ version, packetId: 0x0102, filters }),
        subscribe({ version, packetId: 0x0201, filters }),
      )
      for (const packetId of [0xffff, 0x0102, 0x0201]) await peer.pick('suback', { packetId })
      await peer.pick('unsuback', { packetId: 1 })
    },
  },
  {
    id: 'frame/independent-identifiers',
    title: 'lets both sides use the same Packet Identifier at the same time',
    statements: ['U5-2.2.1-a'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      await publisher.publish(topic, 'from the Server', { qos: 2 })
      const [message] = await subscriber.take(1, { acknowledge: false })
      const packetId = message?.packetId ?? 0
      for (let round = 0; round < 2; round += 1) {
        // The second round takes the same identifier: it is free after PUBCOMP.
        subscriber.sendPublish(t.topic('other'), 'from the client', { qos: 2, packetId })
        await subscriber.expect('pubrec', { packetId })
        if (round === 0) {
          subscriber.send(pubrec(packetId))
          await subscriber.expect('pubrel', { packetId, reasonCode: 0 })
        }
        subscriber.send(pubrel(packetId))
        await subscriber.expect('pubcomp', { packetId, reasonCode: 0 })
        if (round === 0) subscriber.send(pubcomp(packetId))
      }
      await subscriber.ping()
    },
  },
]
