import assert from 'node:assert/strict'
import { concat, hex, packet, u16, utf8, subscribe as write } from '../bytes.ts'
import { type Case, type Suite, suite, type Trial } from '../case.ts'
import { rejectsEach } from './rejects-each.ts'
import { subscriptionIdentifierCases } from './subscribe-identifiers.ts'
import { noLocalCases } from './subscribe-no-local.ts'
import { overlapCases } from './subscribe-overlaps.ts'
import { unavailableCases } from './subscribe-unavailable.ts'
import { unsubscribeCases } from './subscribe-unsubscribe.ts'

/** Property Length 0 for 5.0, nothing for 3.x. */
function noProperties(t: Trial): Uint8Array {
  return t.version === 5 ? hex('00') : new Uint8Array()
}

const answerCases: readonly Case[] = [
  {
    id: 'subscribe/suback',
    title: 'answers each SUBSCRIBE with a SUBACK that has its Packet Identifier',
    statements: ['MQTT5-3.8.4-1', 'MQTT5-3.8.4-2', 'MQTT3-3.8.4-1', 'MQTT3-3.8.4-2'],
    versions: [5, 4, 3],
    async run(t) {
      const peer = await t.connect()
      const ask = (packetId: number): Uint8Array =>
        write({ version: t.version, packetId, filters: [{ filter: t.topic(`${packetId}`) }] })
      peer.send(ask(7), ask(9), ask(65_535))
      for (const packetId of [7, 9, 65_535]) {
        const { bytes } = await peer.expect('suback', { packetId, reasonCodes: [0] }, 1_000)
        const length = t.version === 5 ? 4 : 3
        assert.deepEqual(bytes, concat(0x90, length, u16(packetId), noProperties(t), 0))
      }
    },
  },
  {
    id: 'subscribe/a-code-for-each',
    title: 'gives one code for each Topic Filter, in their order',
    statements: [
      'MQTT5-3.8.4-6',
      'MQTT5-3.8.4-7',
      'MQTT5-3.9.3-1',
      'MQTT5-3.9.3-2',
      'MQTT3-3.8.4-5',
      'MQTT3-3.9.3-1',
      'MQTT3-3.9.3-2',
    ],
    versions: [5, 4, 3],
    async run(t) {
      const peer = await t.connect()
      const asked = [2, 0, 1, 1, 2]
      const filters = asked.map((options, at) => ({ filter: t.topic(`${at}/#`), options }))
      peer.send(write({ version: t.version, packetId: 5, filters }))
      await peer.expect('suback', { packetId: 5, reasonCodes: asked })
    },
  },
  {
    id: 'subscribe/a-wrong-filter',
    title: 'refuses one wrong Topic Filter among others in SUBACK, or closes',
    statements: ['U5-4.7.1-b', 'MQTT5-3.8.4-7', 'MQTT5-3.9.3-2', 'MQTT3-3.8.4-5', 'MQTT3-3.9.3-2'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const peer = await t.connect()
      const filters = [t.topic('ok'), t.topic('a#'), t.topic('fine')]
      const rows = filters.map((filter, at) => ({ filter, options: at }))
      peer.send(write({ version: t.version, packetId: 5, filters: rows }))
      const answer = await peer.receiveUnlessClosed()
      if (answer?.type === 'suback') {
        const [first, wrong, last, ...more] = answer.reasonCodes
        assert.deepEqual([first, last, more], [0, 2, []])
        assert.equal(wrong, t.version === 5 ? 0x8f : 0x80)
        await peer.ping()
      } else {
        t.check(answer === undefined || t.version === 5, `got ${answer}`)
        if (answer !== undefined) assert.ok([0x81, 0x82, 0x8f].includes(answer.reasonCode))
        await peer.expectClosed()
      }
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
  {
    id: 'subscribe/same-filter-twice',
    title: 'treats the Topic Filters of one SUBSCRIBE like several SUBSCRIBEs in order',
    statements: ['MQTT5-3.8.4-5', 'MQTT3-3.8.4-4'],
    versions: [5, 4, 3],
    async run(t) {
      const { version } = t
      const peer = await t.connect()
      const filters = [0, 1].map((options) => ({ filter: t.topic(), options }))
      peer.send(write({ version, packetId: 3, filters }))
      await peer.expect('suback', { packetId: 3, reasonCodes: [0, 1] })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 2 })
      await peer.message({ qos: 1 })
      await peer.expectNoMessage()
    },
  },
  {
    id: 'subscribe/delivered-qos',
    title: 'delivers with the lower of the published and the granted QoS',
    statements: ['MQTT5-3.8.4-8', 'MQTT3-3.8.4-6'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await t.connect()
      for (const granted of [0, 1, 2] as const) {
        const subscriber = await t.subscriber(t.topic(`${granted}`), { qos: granted })
        for (const qos of [0, 1, 2] as const) {
          await publisher.publish(t.topic(`${granted}`), `${qos}`, { qos })
          await subscriber.message({ payload: `${qos}`, qos: Math.min(qos, granted) })
        }
      }
    },
  },
]

const replacedCases: readonly Case[] = [
  {
    id: 'subscribe/replaced',
    title: 'replaces the subscription to an equal Topic Filter',
    statements: ['MQTT5-3.8.4-3', 'MQTT3-3.8.4-3'],
    versions: [5, 4, 3],
    async run(t) {
      const five = t.version === 5
      const subscriber = await t.connect()
      await subscriber.subscribe(t.topic(), { qos: 2, ...(five ? { identifier: 1 } : {}) })
      await subscriber.subscribe(t.topic(), { qos: 0, ...(five ? { identifier: 2 } : {}) })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'x', { qos: 2 })
      const message = await subscriber.message({ qos: 0 })
      if (five) assert.deepEqual(message.properties('subscriptionIdentifier'), [2])
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'subscribe/replaced-under-load',
    title: 'loses nothing while a subscription is replaced a hundred times',
    statements: ['MQTT5-3.8.4-4', 'MQTT3-3.8.4-3'],
    versions: [5, 4],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair({ qos: 1 })
      const total = 400
      const publishing = async (): Promise<void> => {
        for (let sent = 0; sent < total; sent += 1) {
          await publisher.publish(topic, `${sent}`, { qos: 1 })
        }
      }
      const replacing = async (): Promise<void> => {
        for (let times = 0; times < 100; times += 1) {
          await subscriber.subscribe(topic, { qos: 1 })
          for (const message of subscriber.takeWaiting()) {
            await subscriber.acknowledge(message)
            received.push(message.text)
          }
        }
      }
      const received: string[] = []
      await Promise.all([publishing(), replacing()])
      while (received.length < total) received.push((await subscriber.message()).text)
      assert.deepEqual(
        received,
        Array.from({ length: total }, (_, at) => `${at}`),
      )
    },
  },
]

const refusedCases: readonly Case[] = [
  {
    id: 'subscribe/no-filter',
    title: 'refuses a SUBSCRIBE without a Topic Filter or without its options',
    statements: ['MQTT5-3.8.3-2', 'MQTT5-4.13.1-1', 'MQTT3-3.8.3-3', 'MQTT3-4.8.0-1'],
    versions: [5, 4],
    async run(t) {
      const start = concat(u16(1), noProperties(t))
      const filter = utf8(t.topic())
      const rows = {
        'no filter': packet(0x82, start),
        'no options': packet(0x82, start, filter),
        'no options behind the second': packet(0x82, start, filter, 0, filter),
        'filter cut off': packet(0x82, start, u16(9), hex('61')),
      }
      await rejectsEach(t, rows, [0x82, 0x81])
    },
  },
  {
    id: 'subscribe/reserved-options',
    title: 'refuses reserved bits in the subscription options',
    statements: ['MQTT5-3.8.3-5', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      await rejectsEach(t, optionRows(t, [0x40, 0x80, 0xc0, 0x41]), [0x81])
    },
  },
  {
    id: 'subscribe/reserved-options-3',
    title: 'refuses a requested QoS with any of the bits that 3.1.1 reserves, and QoS 3',
    statements: ['MQTT3-4.8.0-1'],
    versions: [4],
    async run(t) {
      await rejectsEach(t, optionRows(t, [0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80]), [])
    },
  },
  {
    id: 'subscribe/wrong-options',
    title: 'refuses a requested QoS of 3 and a Retain Handling of 3',
    statements: ['U5-3.8.3-a', 'MQTT5-3.8.3-5', 'MQTT5-4.13.1-1'],
    versions: [5],
    async run(t) {
      await rejectsEach(t, optionRows(t, [0x03, 0x30, 0x33]), [0x82, 0x81])
    },
  },
  {
    id: 'subscribe/reserved-flags',
    title: 'takes no subscription from a SUBSCRIBE with wrong flags',
    statements: ['MQTT5-3.8.1-1', 'MQTT3-3.8.1-1'],
    versions: [5, 4],
    async run(t) {
      const [, ...rest] = write({ version: t.version, filters: [{ filter: t.topic('a') }] })
      const rows = Object.fromEntries(
        [0x80, 0x83, 0x8a].map((first) => [first.toString(16), Uint8Array.of(first, ...rest)]),
      )
      await rejectsEach(t, rows, [0x81])
    },
  },
  {
    id: 'subscribe/ill-formed-filter',
    title: 'refuses a Topic Filter that is ill-formed UTF-8',
    statements: ['MQTT5-3.8.3-1', 'MQTT3-3.8.3-1'],
    versions: [5, 4],
    async run(t) {
      const { version } = t
      const [good, bad] = [{ filter: t.topic('a') }, { filter: hex('ff') }]
      const rows = {
        alone: write({ version, filters: [bad] }),
        'behind a good one': write({ version, filters: [good, bad] }),
        'in front of a good one': write({ version, filters: [bad, good] }),
      }
      await rejectsEach(t, rows, [0x81])
    },
  },
]

/** A SUBSCRIBE for each byte of options. */
function optionRows(t: Trial, bytes: readonly number[]): Readonly<Record<string, Uint8Array>> {
  const rows = bytes.map((options) => {
    const filters = [{ filter: t.topic('a'), options }]
    return [`options ${options.toString(16)}`, write({ version: t.version, filters })] as const
  })
  return Object.fromEntries(rows)
}

export const subscribe: Suite = suite('subscribe', [
  ...answerCases,
  ...replacedCases,
  ...refusedCases,
  ...subscriptionIdentifierCases,
  ...overlapCases,
  ...noLocalCases,
  ...unsubscribeCases,
  ...unavailableCases,
])
