import assert from 'node:assert/strict'
import { publish, pubrel } from '../bytes.ts'
import type { Case } from '../case.ts'

export const serverWindowCases: readonly Case[] = [
  {
    id: 'flow/server-receive-maximum',
    title: 'refuses one unfinished message of QoS 2 more than its Receive Maximum',
    statements: ['U5-3.3.4-c', 'MQTT5-3.3.4-7', 'MQTT5-4.9.0-2'],
    versions: [5],
    profile: 'small-limits',
    async run(t) {
      const { publisher: bystander, subscriber, topic } = await t.pair()
      const maximum = bystander.connack.property('receiveMaximum') ?? 65_535
      t.check(maximum < 1_000, 'the Receive Maximum is not small')
      const peer = await t.connect()
      for (let packetId = 1; packetId <= maximum; packetId += 1) {
        peer.sendPublish(t.topic('other'), 'x', { qos: 2, packetId })
        await peer.expect('pubrec', { packetId })
      }
      await peer.ping()
      peer.sendPublish(t.topic('other'), 'too many', { qos: 2, packetId: maximum + 1 })
      await peer.rejects([0x93])
      await bystander.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
  {
    id: 'flow/server-window',
    title: 'takes its Receive Maximum of messages at once, and more when they are finished',
    statements: ['MQTT5-4.9.0-1', 'U5-4.9-a', 'U5-3.3.4-c'],
    versions: [5],
    profile: 'small-limits',
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const maximum = Math.min(publisher.connack.property('receiveMaximum') ?? 20, 20)
      const ids = Array.from({ length: maximum }, (_, at) => at + 1)
      for (let round = 0; round < 3; round += 1) {
        publisher.send(
          ...ids.map((packetId) => publish({ version: 5, topic, payload: 'x', qos: 2, packetId })),
        )
        for (const packetId of ids) await publisher.expect('pubrec', { packetId, reasonCode: 0 })
        // A repeated PUBLISH is not one more.
        publisher.sendPublish(topic, 'x', { qos: 2, packetId: 1, dup: true })
        await publisher.expect('pubrec', { packetId: 1 })
        publisher.send(...ids.map((packetId) => pubrel(packetId)))
        for (const packetId of ids) await publisher.expect('pubcomp', { packetId, reasonCode: 0 })
        await subscriber.take(maximum)
      }
      await subscriber.expectNoMessage(300)
    },
  },
  {
    id: 'flow/server-full-window',
    title: 'answers other packets of a client that has used up its Receive Maximum',
    statements: ['MQTT5-4.9.0-3'],
    versions: [5],
    profile: 'small-limits',
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const maximum = publisher.connack.property('receiveMaximum') ?? 65_535
      for (let packetId = 1; packetId <= Math.min(maximum, 1_000); packetId += 1) {
        publisher.sendPublish(t.topic('other'), 'x', { qos: 2, packetId })
        await publisher.expect('pubrec', { packetId })
      }
      publisher.sendPublish(topic, 'at QoS 0')
      await subscriber.message({ payload: 'at QoS 0' })
      await publisher.subscribe(t.topic('a'), { packetId: 60_000 })
      await publisher.ping()
    },
  },
  {
    id: 'flow/above-maximum-qos',
    title: 'refuses a PUBLISH above the Maximum QoS that it announced',
    statements: ['U5-3.2.2-a', 'MQTT5-3.2.2-11'],
    versions: [5],
    profile: 'maximum-qos-1',
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair({ codes: [1] })
      assert.equal(publisher.connack.property('maximumQoS'), 1)
      await publisher.publish(topic, 'at QoS 1', { qos: 1 })
      await subscriber.message({ payload: 'at QoS 1', qos: 1 })
      const peer = await t.connect()
      peer.sendPublish(topic, 'at QoS 2', { qos: 2 })
      await peer.rejects([0x9b])
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'flow/above-maximum-qos-0',
    title: 'refuses a PUBLISH of QoS 1 or 2 after it announced Maximum QoS 0',
    statements: ['U5-3.2.2-a', 'MQTT5-3.2.2-11'],
    versions: [5],
    profile: 'maximum-qos-0',
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair({ codes: [0] })
      assert.equal(publisher.connack.property('maximumQoS'), 0)
      await t.each({ 'QoS 1': 1, 'QoS 2': 2 } as const, async (qos) => {
        const peer = await t.connect()
        peer.sendPublish(topic, 'x', { qos })
        await peer.rejects([0x9b])
      })
      publisher.sendPublish(topic, 'at QoS 0')
      await subscriber.message({ payload: 'at QoS 0', qos: 0 })
    },
  },
]
