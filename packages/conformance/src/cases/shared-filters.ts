import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from '../bytes.ts'
import type { Case } from '../case.ts'
import { refusesFilter } from './refuses-filter.ts'

export const filterCases: readonly Case[] = [
  {
    id: 'shared/share-name-empty',
    title: 'refuses a shared filter with an empty share name',
    statements: ['MQTT5-4.8.2-1'],
    versions: [5],
    async run(t) {
      await refusesFilter(t, [`$share//${t.topic()}`, '$share//'])
    },
  },
  {
    id: 'shared/share-name-wildcard',
    title: 'refuses a shared filter with a wildcard in the share name',
    statements: ['MQTT5-4.8.2-2'],
    versions: [5],
    async run(t) {
      const names = ['#', '+', 'g+', 'g#', '+g', 'a+b']
      const filters = names.map((name) => `$share/${name}/${t.topic()}`)
      await refusesFilter(t, filters)
    },
  },
  {
    id: 'shared/filter-missing',
    title: 'refuses a shared filter without a Topic Filter or with a wrong one',
    statements: ['MQTT5-4.8.2-2'],
    versions: [5],
    async run(t) {
      await refusesFilter(t, ['$share/g', '$share/g/', '$share/', '$share/g/a#', '$share/g/#/a'])
    },
  },
  {
    id: 'shared/filter-forms',
    title: 'takes shared filters of every form',
    statements: ['MQTT5-4.8.2-1', 'MQTT5-4.8.2-2'],
    versions: [5],
    async run(t) {
      const group = t.id()
      const rows = {
        [`$share/${group}/${t.topic('a')}`]: t.topic('a'),
        [`$share/${group}//${t.topic('b')}`]: `/${t.topic('b')}`,
        [`$share/${group}/${t.topic('+/c')}`]: t.topic('x/c'),
        [`$share/${group}/${t.topic('d/#')}`]: t.topic('d'),
        [`$share/${group} é$/${t.topic('e')}`]: t.topic('e'),
        [`$share/$share/${t.topic('f')}`]: t.topic('f'),
      }
      const publisher = await t.connect()
      for (const [filter, topic] of Object.entries(rows)) {
        const member = await t.subscriber(filter, { qos: 1 })
        await publisher.publish(topic, 'x', { qos: 1 })
        await member.message({ topic })
      }
    },
  },
  {
    id: 'shared/case-of-prefix',
    title: 'takes $SHARE for an ordinary level',
    statements: ['MQTT5-4.8.2-1'],
    versions: [5],
    async run(t) {
      const peer = await t.connect()
      const filter = `$SHARE/g/${t.topic()}`
      peer.send(subscribe({ version: 5, filters: [{ filter, options: 1 }] }))
      const { reasonCodes } = await peer.expect('suback')
      // Who may subscribe to topics with $ is the Server's choice.
      assert.ok([0, 1, 0x87, 0x8f].includes(reasonCodes[0] ?? 0x80), `SUBACK ${reasonCodes}`)
      const { publisher, subscriber, topic } = await t.pair()
      await publisher.publish(topic, 'x', { qos: 1 })
      await subscriber.message({ payload: 'x' })
      await peer.expectNoMessage()
    },
  },
  {
    id: 'shared/unsubscribe-wrong',
    title: 'survives an UNSUBSCRIBE from malformed shared filters',
    statements: ['MQTT5-4.8.2-2'],
    versions: [5],
    async run(t) {
      const { publisher, subscriber, topic } = await t.pair()
      const rows = Object.fromEntries(['$share/g', '$share//a', '$share/+/a'].map((f) => [f, f]))
      await t.each(rows, async (filter) => {
        const peer = await t.connect()
        peer.send(unsubscribe({ version: 5, filters: [filter] }))
        const answer = await peer.receiveUnlessClosed()
        if (answer?.type === 'unsuback') t.check((answer.reasonCodes[0] ?? 0) !== 0, `${answer}`)
        else if (answer !== undefined) assert.ok([0x81, 0x82, 0x8f].includes(answer.reasonCode))
      })
      await publisher.publish(topic, 'still here', { qos: 1 })
      await subscriber.message({ payload: 'still here' })
    },
  },
  {
    id: 'shared/published-to',
    title: 'does not give members what is published to their filter',
    statements: ['MQTT5-4.8.2-1', 'U5-4.7.2-a'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const member = await t.subscriber(filter, { qos: 1 })
      const publisher = await t.connect()
      publisher.sendPublish(filter, 'to the filter', { qos: 1 })
      const answer = await publisher.receiveUnlessClosed()
      if (answer !== undefined && answer.type !== 'puback') {
        assert.ok([0x82, 0x87, 0x90].includes(answer.reasonCode), `${answer}`)
      }
      const other = await t.connect()
      await other.publish(t.topic(), 'to the topic', { qos: 1 })
      await member.message({ payload: 'to the topic' })
      await member.expectNoMessage()
    },
  },
]
