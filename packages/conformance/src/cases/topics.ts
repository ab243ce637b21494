import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { raw } from '../bytes.ts'
import { type Case, type Suite, suite, type Trial } from '../case.ts'
import { refusesFilter } from './refuses-filter.ts'
import { deepCases } from './topics-deep.ts'
import { dollarCases } from './topics-dollar.ts'
import { randomCases } from './topics-random.ts'

type Rows = readonly (readonly [filter: string, matches: string, matchesNot: string])[]

/** Each filter gets what is published to the topics it matches, separated by `|`, and no other. */
async function matchesRows(t: Trial, rows: Rows): Promise<void> {
  const named = rows.map((row, at) => [`filter ${row[0]}`, [`${at}`, ...row] as const] as const)
  await t.each(Object.fromEntries(named), async ([prefix, filter, yes, no]) => {
    const subscriber = await t.subscriber(t.topic(`${prefix}/${filter}`), { qos: 1 })
    const publisher = await t.connect()
    const matching = yes.split('|')
    for (const topic of [...matching, ...no.split('|')]) {
      await publisher.publish(t.topic(`${prefix}/${topic}`), topic, { qos: 1 })
    }
    const received = await subscriber.take(matching.length)
    const texts = received.map(({ text }) => text)
    t.check(isDeepStrictEqual(texts, matching), `it got ${texts.join(' ')}`)
    await subscriber.expectNoMessage()
  })
}

const wildcardCases: readonly Case[] = [
  {
    id: 'topics/number-sign',
    title: 'matches # with any number of levels, and with its parent',
    statements: ['MQTT5-4.7.1-1', 'U5-4.7.1-a', 'MQTT3-4.7.1-2'],
    versions: [5, 4, 3],
    async run(t) {
      await matchesRows(t, [
        ['sport/#', 'sport|sport/|sport/a|sport/a/b|sport//b', 'sports|Sport|x/sport'],
        ['sport/a/#', 'sport/a|sport/a/|sport/a/b', 'sport|sport/|sport/ab'],
        ['sport/+/#', 'sport/a|sport/a/b|sport/|sport//b', 'sport|x/a'],
        ['/#', '/|/a|/a/b', 'sport'],
      ])
    },
  },
  {
    id: 'topics/plus',
    title: 'matches + with exactly one level, also an empty one',
    statements: ['MQTT5-4.7.1-2', 'U5-4.7.1-a', 'MQTT3-4.7.1-3'],
    versions: [5, 4, 3],
    async run(t) {
      await matchesRows(t, [
        ['sport/+', 'sport/|sport/a|sport/ a', 'sport|sport/a/b|sport//|a/sport'],
        ['+', 'sport|finance', '/finance|sport/'],
        ['+/+', '/finance|sport/|a/b|/', 'sport|a/b/c|//'],
        ['/+', '/finance|/', 'a/finance|//'],
        ['+/b/+', 'a/b/c|/b/', 'a/b|b/b|a/b/c/d'],
        ['a/+/c', 'a/b/c|a//c', 'a/c|a/b/d/c'],
      ])
    },
  },
  {
    id: 'topics/number-sign-misplaced',
    title: 'refuses a filter with # that is not alone in the last level',
    statements: ['MQTT5-4.7.1-1', 'MQTT3-4.7.1-2'],
    versions: [5, 4],
    async run(t) {
      await refusesFilter(t, ['a#', 'a/#/b', '#/a', '##', 'a/b#', 'a/##', '#a', '/#/', '+#', '#+'])
    },
  },
  {
    id: 'topics/plus-misplaced',
    title: 'refuses a filter with + that does not fill its level',
    statements: ['MQTT5-4.7.1-2', 'MQTT3-4.7.1-3'],
    versions: [5, 4],
    async run(t) {
      await refusesFilter(t, ['a+', '+a', 'a/+b', '++', 'a/b+/c', 'a/++/b', '+/a+'])
    },
  },
  {
    id: 'topics/filter-empty',
    title: 'refuses an empty Topic Filter',
    statements: ['MQTT5-4.7.3-1', 'MQTT3-4.7.3-1'],
    versions: [5, 4],
    async run(t) {
      await refusesFilter(t, [''])
    },
  },
  {
    id: 'topics/filters-accepted',
    title: 'accepts wildcards wherever they may stand',
    statements: ['MQTT5-4.7.1-1', 'MQTT5-4.7.1-2', 'MQTT3-4.7.1-2', 'MQTT3-4.7.1-3'],
    versions: [5, 4, 3],
    serial: true,
    async run(t) {
      const peer = await t.connect()
      // Serial and QoS 0, because they match what all other cases publish.
      for (const filter of ['#', 'a/#', '/#', '+', '+/a', 'a/+/b', '/+', '+/#', '+/+/c', '/']) {
        await peer.subscribe(filter, { qos: 0 })
        await peer.unsubscribe(filter)
      }
    },
  },
]

const comparedCases: readonly Case[] = [
  {
    id: 'topics/compared',
    title: 'compares topics level by level as they are, without normalization',
    statements: ['MQTT5-4.7.3-4', 'MQTT3-4.7.3-4'],
    versions: [5, 4, 3],
    async run(t) {
      const names = [
        'a',
        'A',
        ' a',
        'a ',
        'a//b',
        'a/b',
        '/a',
        'a/',
        'a//',
        '/',
        '//',
        'caf\u00e9',
        'cafe\u0301',
        '\u212b',
        '\u00c5',
        'ß',
        'ss',
        'a%2Fb',
        'a.b',
        '*',
        '\ufeffa',
        '日本',
        '\u{1f600}',
      ]
      const rows = names.map(async (name) => {
        return { name, subscriber: await t.subscriber(t.topic(name), { qos: 1 }) }
      })
      const subscribers = await Promise.all(rows)
      const publisher = await t.connect()
      for (const name of names) await publisher.publish(t.topic(name), name, { qos: 1 })
      for (const { name, subscriber } of subscribers) {
        const { topicBytes } = await subscriber.message({ payload: name })
        assert.deepEqual(topicBytes, raw(t.topic(name)))
      }
      await Promise.all(subscribers.map(({ subscriber }) => subscriber.expectNoMessage()))
    },
  },
  {
    id: 'topics/will-with-wildcard',
    title: 'refuses a Will Topic with a wildcard',
    statements: ['MQTT5-4.7.0-1', 'MQTT3-4.7.1-1'],
    versions: [5, 4],
    async run(t) {
      const rows = Object.fromEntries(['a/+', '#', 'a+b'].map((topic) => [topic, topic]))
      await t.each(rows, async (topic) => {
        await t.refused({ will: { topic, payload: 'x' } }, [0x90, 0x82, 0x81])
      })
    },
  },
]

export const topics: Suite = suite('topics', [
  ...wildcardCases,
  ...comparedCases,
  ...dollarCases,
  ...deepCases,
  ...randomCases,
])
