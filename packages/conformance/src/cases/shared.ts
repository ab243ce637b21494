import assert from 'node:assert/strict'
import { publish } from '../bytes.ts'
import { type Case, type Suite, suite, type Trial } from '../case.ts'
import type { ConnectedPeer, SubscribeOptions } from '../connected-peer.ts'
import { copies, identifiersOf } from './copies.ts'
import { deliveryCases } from './shared-delivery.ts'
import { filterCases } from './shared-filters.ts'

/** Several members of the shared subscription `$share/{group}/{t.topic()}`. */
async function members(
  t: Trial,
  group: string,
  options: SubscribeOptions & { readonly count: number },
): Promise<readonly ConnectedPeer[]> {
  const filter = `$share/${group}/${t.topic()}`
  return await Promise.all(
    Array.from({ length: options.count }, () => t.subscriber(filter, options)),
  )
}

/** Publishes numbered messages at QoS 1, as many at once as the Server allows, but at most 20. */
async function publishNumbers(t: Trial, total: number): Promise<void> {
  const publisher = await t.connect()
  const window = Math.min(publisher.connack.property('receiveMaximum') ?? 20, 20)
  for (let sent = 0; sent < total; sent += window) {
    const numbers = Array.from({ length: Math.min(window, total - sent) }, (_, at) => sent + at)
    publisher.send(
      ...numbers.map((number) => {
        const packetId = (number % window) + 1
        const { version } = t
        return publish({ version, topic: t.topic(), payload: `${number}`, qos: 1, packetId })
      }),
    )
    for (const _ of numbers) await publisher.expect('puback', {}, 5_000)
  }
}

/** Takes and acknowledges all that comes, until told that nothing more is on its way. */
async function takeAll(member: ConnectedPeer, isOver: () => boolean): Promise<readonly number[]> {
  const taken: number[] = []
  while (!isOver() || member.waiting.length > 0) {
    if (member.waiting.length === 0) {
      await member.ping()
      continue
    }
    for (const message of member.takeWaiting()) {
      await member.acknowledge(message)
      taken.push(Number(message.text))
    }
  }
  return taken
}

const groupCases: readonly Case[] = [
  {
    id: 'shared/exactly-one',
    title: 'gives each of 3,000 messages to exactly one member of each group',
    statements: ['U5-4.8.2-a'],
    versions: [5],
    serial: true,
    async run(t) {
      const first = await members(t, t.id(), { count: 3, qos: 1 })
      const second = await members(t, t.id(), { count: 2, qos: 1 })
      let isOver = false
      const taking = [...first, ...second].map((member) => takeAll(member, () => isOver))
      await publishNumbers(t, 3_000)
      await t.delay(1_000)
      isOver = true
      const taken = await Promise.all(taking)
      const all = Array.from({ length: 3_000 }, (_, number) => number)
      const ordered = (lists: readonly (readonly number[])[]): readonly number[] =>
        lists.flat().toSorted((a, b) => a - b)
      assert.deepEqual(ordered(taken.slice(0, 3)), all)
      assert.deepEqual(ordered(taken.slice(3)), all)
    },
  },
  {
    id: 'shared/independent-groups',
    title: 'takes each pair of share name and filter for a group of its own',
    statements: ['U5-4.8.2-a'],
    versions: [5],
    async run(t) {
      const group = t.id()
      const filters = [
        `$share/${group}/${t.topic('a')}`,
        `$share/${group}/${t.topic('+')}`,
        `$share/${group}/${t.topic('#')}`,
        `$share/${t.id()}/${t.topic('a')}`,
        t.topic('a'),
      ]
      const peers = await Promise.all(filters.map((filter) => t.subscriber(filter)))
      const publisher = await t.connect()
      await publisher.publish(t.topic('a'), 'x', { qos: 1 })
      for (const peer of peers) await peer.message({ payload: 'x' })
      await Promise.all(peers.map((peer) => peer.expectNoMessage()))
    },
  },
  {
    id: 'shared/two-copies',
    title: 'may give a client with a shared and a plain subscription two copies',
    statements: ['U5-4.8.2-b', 'U5-3.3.4-d'],
    versions: [5],
    async run(t) {
      const member = await t.connect()
      await member.subscribe(`$share/${t.id()}/${t.topic()}`, { identifier: 1 })
      await member.subscribe(t.topic(), { identifier: 2 })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 1 })
      const received = identifiersOf(await copies(t, member))
      assert.deepEqual(received, received.length === 1 ? [[1, 2]] : [[1], [2]])
    },
  },
  {
    id: 'shared/own-identifier',
    title: 'gives a message the identifier of the member that gets it, and no other',
    statements: ['U5-3.3.4-d'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const first = await t.subscriber(filter, { identifier: 1 })
      const second = await t.subscriber(filter, { identifier: 2 })
      const publisher = await t.connect()
      for (let sent = 0; sent < 10; sent += 1) await publisher.publish(t.topic(), 'x', { qos: 1 })
      await t.delay(500)
      const [ones, twos] = [first.takeWaiting(), second.takeWaiting()]
      assert.equal(ones.length + twos.length, 10)
      const identifiers = (list: typeof ones): readonly (readonly number[])[] =>
        list.map((message) => message.properties('subscriptionIdentifier'))
      assert.deepEqual(identifiers(ones), Array(ones.length).fill([1]))
      assert.deepEqual(identifiers(twos), Array(twos.length).fill([2]))
    },
  },
]

const membershipCases: readonly Case[] = [
  {
    id: 'shared/subscribed-twice',
    title: 'counts a member once however often it subscribes, and one UNSUBSCRIBE leaves',
    statements: ['U5-4.8.2-d'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const member = await t.connect()
      for (const qos of [0, 2, 1] as const) await member.subscribe(filter, { qos })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 2 })
      await member.message({ qos: 1 })
      await member.expectNoMessage()
      const { reasonCodes } = await member.unsubscribe(filter)
      assert.deepEqual(reasonCodes, [0])
      await publisher.publish(t.topic(), 'behind', { qos: 1 })
      await member.expectNoMessage()
    },
  },
  {
    id: 'shared/unsubscribed-by-its-filter',
    title: 'leaves a group only by the full filter, and keeps the plain subscription',
    statements: ['U5-4.8.2-d', 'MQTT5-3.10.4-1'],
    versions: [5],
    async run(t) {
      const group = t.id()
      const member = await t.subscriber(`$share/${group}/${t.topic()}`)
      const { reasonCodes } = await member.unsubscribe(t.topic(), `$share/${t.id()}/${t.topic()}`)
      assert.deepEqual(reasonCodes, [0x11, 0x11])
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'shared', { qos: 1 })
      await member.message({ payload: 'shared' })
      await member.subscribe(t.topic())
      await member.unsubscribe(`$share/${group}/${t.topic()}`)
      await publisher.publish(t.topic(), 'plain', { qos: 1 })
      await member.message({ payload: 'plain' })
      await member.expectNoMessage()
    },
  },
  {
    id: 'shared/ends-with-last-session',
    title: 'ends with its last Session, and keeps no messages for members to come',
    statements: ['U5-4.8.2-d'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const last = await t.subscriber(filter)
      const publisher = await t.connect()
      await last.disconnect()
      await publisher.publish(t.topic(), 'for nobody', { qos: 1 })
      const next = await t.subscriber(filter)
      await next.expectNoMessage()
      await publisher.publish(t.topic(), 'for the next', { qos: 1 })
      await next.message({ payload: 'for the next' })
    },
  },
]

export const shared: Suite = suite('shared', [
  ...groupCases,
  ...membershipCases,
  ...deliveryCases,
  ...filterCases,
])
