import assert from 'node:assert/strict'
import { publish, subscribe } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { Received } from '../received.ts'

const limit = 65_535

/** A topic of as many bytes, of levels as long as possible or as short. */
function topicOf(t: Trial, bytes: number, level: string): string {
  const start = `${t.topic()}/`
  const cut = `${start}${level.repeat(bytes)}`.slice(0, bytes - 1)
  return `${cut}z`
}

/** Whether the Server takes packets of such a size. */
async function takesLongTopics(t: Trial): Promise<boolean> {
  const { connack } = await t.connect()
  return (connack.property('maximumPacketSize') ?? Number.POSITIVE_INFINITY) > limit + 100
}

/** How a Server may say that a topic has more levels than it wants. */
function mayRefuse({ type, version, reasonCode, reasonCodes: [granted = 0] }: Received): boolean {
  if (type === 'puback') return reasonCode === 0x90
  if (type === 'disconnect') return [0x80, 0x81, 0x82, 0x83, 0x8f, 0x90].includes(reasonCode)
  return type === 'suback' && (version === 5 ? [0x80, 0x8f, 0x97] : [0x80]).includes(granted)
}

export const deepCases: readonly Case[] = [
  {
    id: 'topics/longest',
    title: 'carries a topic and takes a filter of 65,535 bytes',
    statements: ['MQTT5-4.7.3-3', 'MQTT3-4.7.3-3'],
    versions: [5, 4, 3],
    async run(t) {
      if (!(await takesLongTopics(t))) t.skip('the Server takes no packets of 65,635 bytes')
      const topic = topicOf(t, limit, 'a')
      const { publisher, subscriber } = await t.pair({ topic })
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish(topic, `${qos}`, { qos })
        await subscriber.message({ topic, payload: `${qos}` })
      }
      await subscriber.unsubscribe(topic)
      await publisher.publish(topic, 'behind', { qos: 1 })
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'topics/many-levels',
    title: 'delivers or refuses topics of 200, 10,000 and 32,000 levels',
    statements: ['MQTT5-4.7.3-3', 'MQTT3-4.7.3-3'],
    versions: [5, 4],
    async run(t) {
      if (!(await takesLongTopics(t))) t.skip('the Server takes no packets of 65,635 bytes')
      const bystander = await t.subscriber(t.topic('#'), { qos: 1 })
      const delivered: string[] = []
      const topics = [200, 10_000, 32_000].map((levels) => topicOf(t, levels * 2, 'a/'))
      const rows = topics.flatMap((topic) => [topic, `${topic.slice(0, -1)}/`])
      await t.each(Object.fromEntries(rows.entries()), async (topic) => {
        const peer = await t.connect()
        peer.send(publish({ version: t.version, topic, payload: 'x', qos: 1 }))
        const answer = await peer.receiveUnlessClosed()
        if (answer?.type === 'puback' && answer.reasonCode < 0x80) delivered.push(topic)
        else if (answer !== undefined) t.check(mayRefuse(answer), `the answer is ${answer}`)
      })
      const topicsReceived = (await bystander.take(delivered.length)).map(({ topic }) => topic)
      assert.deepEqual(topicsReceived.toSorted(), delivered.toSorted())
      await bystander.expectNoMessage(300)
    },
  },
  {
    id: 'topics/many-levels-in-filter',
    title: 'takes or refuses filters of 200, 10,000 and 32,000 levels',
    statements: ['MQTT5-4.7.3-3', 'MQTT3-4.7.3-3'],
    versions: [5, 4],
    async run(t) {
      if (!(await takesLongTopics(t))) t.skip('the Server takes no packets of 65,635 bytes')
      const bystander = await t.subscriber()
      const filters = [200, 10_000, 32_000].flatMap((levels) => [
        topicOf(t, levels * 2, 'a/'),
        `${topicOf(t, levels * 2, '+/').slice(0, -1)}#`,
      ])
      await t.each(Object.fromEntries(filters.entries()), async (filter) => {
        const peer = await t.connect()
        peer.send(subscribe({ version: t.version, filters: [{ filter, options: 1 }] }))
        const answer = await peer.receiveUnlessClosed()
        if (answer === undefined) return
        const [code] = answer.reasonCodes
        t.check(code === 1 || mayRefuse(answer), `the answer is ${answer}`)
      })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'still here', { qos: 1 })
      await bystander.message({ payload: 'still here' })
    },
  },
  {
    id: 'topics/many-filters',
    title: 'takes thousands of filters of one client, and deletes them',
    statements: ['MQTT5-3.8.4-6', 'MQTT3-3.8.4-5'],
    versions: [5, 4],
    async run(t) {
      const peer = await t.connect()
      const filters = Array.from({ length: 2_000 }, (_, at) => t.topic(`${at % 50}/+/${at}/#`))
      for (let at = 0; at < filters.length; at += 500) {
        await peer.subscribe(filters.slice(at, at + 500), { qos: 1 })
      }
      const publisher = await t.connect()
      await publisher.publish(t.topic('49/x/1999/y'), 'x', { qos: 1 })
      await peer.message({ topic: t.topic('49/x/1999/y') })
      for (let at = 0; at < filters.length; at += 500) {
        const { reasonCodes } = await peer.unsubscribe(...filters.slice(at, at + 500))
        if (t.version === 5) assert.deepEqual(reasonCodes, Array(500).fill(0))
      }
      await publisher.publish(t.topic('49/x/1999/y'), 'x', { qos: 1 })
      await peer.expectNoMessage()
    },
  },
]
