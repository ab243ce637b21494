import { randomInt } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'

const { CONFORMANCE_SEED } = process.env

/** A seed that a failure names; the environment variable CONFORMANCE_SEED repeats a run. */
function newSeed(): number {
  return CONFORMANCE_SEED === undefined ? randomInt(2 ** 31) : Number(CONFORMANCE_SEED)
}

/** Integers from 0 to below `bound`, the same for the same seed (mulberry32). */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

type Random = ReturnType<typeof randomFrom>

function randomTopic(random: Random): string {
  const levels = Array.from({ length: 1 + random(4) }, () => ['a', 'b', '', 'ab', '$a'][random(5)])
  return levels.join('/')
}

function randomFilter(random: Random): string {
  const levels = randomTopic(random).split('/')
  const filter = levels.map((level) => (random(3) === 0 ? '+' : level))
  if (random(3) === 0) filter.push('#')
  return random(12) === 0 ? '#' : filter.join('/')
}

/** The rules of section 4.7 as a regular expression, to have nothing in common with a tree. */
function matcher(filter: string): RegExp {
  const levels = filter.split('/').map((level) => {
    return level === '+' ? '[^/]*' : level.replaceAll(/[$.*]/g, '\\$&')
  })
  const isOpen = levels.at(-1) === '#'
  if (!isOpen) return new RegExp(`^${levels.join('/')}$`)
  const parent = levels.slice(0, -1).join('/')
  return new RegExp(`^${parent}(/.*)?$`)
}

interface Draw {
  readonly seed: number
  readonly filters: readonly string[]
  readonly topics: readonly string[]
}

function draw(t: Trial, counts: { readonly filters: number; readonly topics: number }): Draw {
  const seed = newSeed()
  const random = randomFrom(seed)
  const own = t.topic()
  const filters = Array.from({ length: counts.filters }, () => {
    // The first level may be a wildcard too: the second is this run's own.
    const start = random(4) === 0 ? own.replace(/^[^/]*/, '+') : own
    return `${start}/${randomFilter(random)}`
  })
  const topics = Array.from({ length: counts.topics }, () => `${own}/${randomTopic(random)}`)
  return { seed, filters: [...new Set(filters)], topics: [...new Set(topics)] }
}

/** What comes until the message with the payload `last`, which is published behind all others. */
async function takeUntilLast(peer: ConnectedPeer): ReturnType<ConnectedPeer['take']> {
  const messages: Awaited<ReturnType<ConnectedPeer['take']>>[number][] = []
  for (;;) {
    const message = await peer.message({}, 5_000)
    if (message.text === 'last') return messages
    messages.push(message)
  }
}

export const randomCases: readonly Case[] = [
  {
    id: 'topics/random',
    title: 'agrees with an independent matcher on random topics and filters',
    statements: ['MQTT5-3.3.2-3', 'MQTT5-4.7.3-4', 'MQTT3-3.3.2-3', 'MQTT3-4.7.3-4'],
    versions: [5, 4],
    async run(t) {
      const { seed, filters, topics } = draw(t, { filters: 30, topics: 100 })
      const last = t.topic('last/of/all/these/topics')
      const peers = await Promise.all(
        filters.map(async (filter) => {
          const peer = await t.subscriber(filter, { qos: 1 })
          await peer.subscribe(last, { qos: 1 })
          return { filter, peer }
        }),
      )
      const publisher = await t.connect()
      for (const topic of topics) await publisher.publish(topic, topic, { qos: 1 })
      await publisher.publish(last, 'last', { qos: 1 })
      for (const { filter, peer } of peers) {
        const received = (await takeUntilLast(peer)).map(({ topic }) => topic)
        const expected = topics.filter((topic) => matcher(filter).test(topic))
        if (isDeepStrictEqual(received, expected)) continue
        const lacking = expected.filter((topic) => !received.includes(topic))
        const wrong = received.filter((topic) => !expected.includes(topic))
        t.fail(`seed ${seed}: ${filter} did not get [${lacking}] but got [${wrong}]`)
      }
    },
  },
  {
    id: 'topics/random-overlaps',
    title: 'agrees with an independent matcher on which subscriptions of a client match',
    statements: ['MQTT5-3.3.2-3', 'MQTT5-3.3.4-4', 'U5-3.3.4-d'],
    versions: [5],
    async run(t) {
      const { seed, topics, ...drawn } = draw(t, { filters: 30, topics: 100 })
      const filters = [...new Set([t.topic('#'), ...drawn.filters])]
      const peer = await t.connect()
      for (const [at, filter] of filters.entries()) {
        await peer.subscribe(filter, { qos: 1, identifier: at + 1 })
      }
      const publisher = await t.connect()
      for (const topic of topics) {
        await publisher.publish(topic, topic, { qos: 1 })
        // One subscription always matches; whatever else there is comes with its copy.
        const first = await peer.message({ topic })
        await peer.ping()
        const more = await peer.take(peer.waiting.length)
        const copies = [first, ...more]
        const identifiers = copies.flatMap((copy) => copy.properties('subscriptionIdentifier'))
        const matching = filters.flatMap((filter, at) =>
          matcher(filter).test(topic) ? [at + 1] : [],
        )
        const found = [...new Set(identifiers)].toSorted((a, b) => a - b)
        if (isDeepStrictEqual(found, matching)) continue
        const names = (list: readonly number[]): readonly string[] =>
          list.map((identifier) => filters[identifier - 1] ?? `${identifier}`)
        t.fail(`seed ${seed}: ${topic} matched [${names(found)}], not [${names(matching)}]`)
      }
    },
  },
]
