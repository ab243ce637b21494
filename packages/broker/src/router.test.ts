import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSubscriptionFilter, type QoS, topicMatches } from '@busbar/protocol'
import { Router } from './router.ts'
import type { Session } from './session.ts'
import { Subscription } from './subscription.ts'

// The router looks at no more of a Session.
const sessions = Array.from(
  { length: 5 },
  (_, i) => ({ clientIdentifier: `c${i}`, routedMatch: 0, routedIndex: 0 }) as unknown as Session,
)

interface Wanted {
  readonly session: number
  readonly text: string
  readonly qos?: QoS
  readonly noLocal?: boolean
  readonly identifier?: number
}

function subscription({ session, text, qos = 0, noLocal = false, identifier }: Wanted) {
  return new Subscription(sessions[session] as Session, parseSubscriptionFilter(text), {
    options: { qos, noLocal, retainAsPublished: false, retainHandling: 0 },
    subscriptionIdentifier: identifier,
  })
}

const found = (router: Router, topicName: string) => {
  const topic = new TextEncoder().encode(`..${topicName}..`)
  return router.routeOf(topic, 2, topic.length - 2)
}

/** As at the second message of a topic. */
const learn = (router: Router, topicName: string) => {
  router.learn(topicName)
  return router.learn(topicName)
}

test('a route is known by its bytes once it was learned', () => {
  const router = new Router(() => true)
  router.add(subscription({ session: 0, text: 'a/+' }))
  assert.equal(found(router, 'a/b'), undefined)
  assert.equal(router.learn('a/b'), undefined) // many topics have no second message
  assert.equal(router.learn('a/b')?.targets?.length, 1)
  assert.equal(found(router, 'a/b')?.topicName, 'a/b')
  assert.equal(found(router, 'a/c'), undefined)
  assert.equal(found(router, 'a/'), undefined)
})

test('subscriptions of one Session are one target', () => {
  const router = new Router(() => true)
  router.add(subscription({ session: 0, text: 'a/+', qos: 1, identifier: 7 }))
  router.add(subscription({ session: 0, text: 'a/#', qos: 2 }))
  router.add(subscription({ session: 0, text: 'a/b', identifier: 9 }))
  const [target, ...others] = learn(router, 'a/b')?.targets ?? []
  assert.deepEqual(others, [])
  assert.equal(target?.qos, 2)
  assert.deepEqual(target?.subscriptionIdentifiers.toSorted(), [7, 9])
})

for (const [name, text, noLocal] of [
  ['a Shared Subscription', '$share/g/a/b', false],
  ['No Local', 'a/b', true],
] as const) {
  test(`${name} is decided for each message`, () => {
    const router = new Router(() => true)
    const one = subscription({ session: 0, text, noLocal })
    router.add(one)
    assert.equal(learn(router, 'a/b')?.targets, undefined)
    router.remove(one)
    assert.deepEqual(learn(router, 'a/b')?.targets, [])
  })
}

test('long topics and those beyond ASCII are matched, and not kept', () => {
  const router = new Router(() => true)
  router.add(subscription({ session: 0, text: '#' }))
  for (const topicName of ['ä/b', 'x'.repeat(300)]) {
    assert.equal(learn(router, topicName), undefined)
    assert.equal(found(router, topicName), undefined)
  }
})

test('the subscription of a Session is found by its filter, and told when it is replaced', () => {
  const router = new Router(() => true)
  const texts = ['a/b', 'a/+', '#', '$share/g/a/b', '$share/g/#']
  const of = (session: number, text: string) => subscription({ session, text })
  const find = (one: Subscription) => router.find(one.session, parseSubscriptionFilter(one.text))
  const present: Subscription[] = []
  for (const session of [0, 1, 2]) {
    for (const text of texts) {
      const one = of(session, text)
      assert.equal(find(one), undefined)
      assert.equal(router.add(one), undefined)
      present.push(one)
    }
  }
  for (const [at, one] of present.entries()) {
    assert.equal(find(one), one)
    const again = new Subscription(one.session, parseSubscriptionFilter(one.text), one)
    assert.equal(router.add(again), one)
    present[at] = again
  }
  for (const one of present) {
    assert.equal(find(one), one)
    router.remove(one)
    assert.equal(find(one), undefined)
  }
})

test('who stays is found when many others have come and gone', () => {
  const router = new Router(() => true)
  const filter = parseSubscriptionFilter('a/b')
  const { options } = subscription({ session: 0, text: 'a/b' })
  const many = Array.from({ length: 500 }, (_, i) => {
    const session = { clientIdentifier: `m${i}`, routedMatch: 0, routedIndex: 0 }
    const terms = { options, subscriptionIdentifier: undefined }
    return new Subscription(session as unknown as Session, filter, terms)
  })
  for (const one of many) router.add(one)
  assert.equal(learn(router, 'a/b')?.targets?.length, 500)
  for (const one of many.slice(5)) router.remove(one)
  assert.equal(learn(router, 'a/b')?.targets?.length, 5)
  for (const one of many.slice(0, 5)) assert.equal(router.find(one.session, filter), one)
  for (const one of many.slice(5, 9)) assert.equal(router.add(one), undefined)
  assert.equal(learn(router, 'a/b')?.targets?.length, 9)
  for (const one of many.slice(0, 9)) router.remove(one)
  assert.deepEqual(learn(router, 'a/b')?.targets, [])
})

test('a route is never out of date, whatever is subscribed and given up', () => {
  const router = new Router(() => true)
  const levels = ['a', 'b', 'c', '+']
  let seed = 1
  const below = (limit: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * limit)
  }
  const text = (choices: number) => {
    const depth = 1 + below(4)
    return Array.from({ length: depth }, () => levels[below(choices)]).join('/')
  }
  const present = new Map<string, Subscription>()
  for (let step = 0; step < 5_000; step++) {
    const filter = below(5) === 0 ? `${text(4)}/#` : below(40) === 0 ? '#' : text(4)
    const one = subscription({ session: below(5), text: filter })
    const key = `${one.session.clientIdentifier} ${filter}`
    const known = present.get(key)
    if (known === undefined) {
      router.add(one)
      present.set(key, one)
    } else {
      router.remove(known)
      present.delete(key)
    }
    if (below(20) === 0) router.sweep()
    const topicName = text(3)
    const route = found(router, topicName) ?? learn(router, topicName)
    const expected = new Set<string>()
    for (const { session, topicFilter } of present.values()) {
      if (topicMatches(topicFilter, topicName)) expected.add(session.clientIdentifier)
    }
    const actual = route?.targets?.map(({ session }) => session.clientIdentifier).toSorted()
    assert.deepEqual(actual, [...expected].toSorted(), `${topicName} at step ${step}`)
  }
})

test('a route that is out of date is forgotten after a round of sweeps, others stay', () => {
  const router = new Router(() => true)
  const [gone, staying] = ['gone', 'staying'].map((name) =>
    subscription({ session: 0, text: `${name}/a` }),
  )
  for (const one of [gone, staying]) router.add(one as Subscription)
  for (const topicName of ['gone/a', 'staying/a']) learn(router, topicName)
  router.remove(gone as Subscription)
  for (let sweeps = 0; sweeps < 32; sweeps++) router.sweep()
  assert.equal(found(router, 'gone/a'), undefined)
  assert.equal(found(router, 'staying/a')?.targets?.length, 1)
})

test('more topics than the cache holds are found as few are', () => {
  const router = new Router(() => true)
  router.add(subscription({ session: 0, text: 'many/#' }))
  for (let i = 0; i < 150_000; i++) {
    assert.equal(learn(router, `many/${i}`)?.targets?.length, 1)
  }
  let kept = 0
  for (let i = 0; i < 150_000; i++) {
    const route = found(router, `many/${i}`)
    if (route === undefined) continue
    kept++
    assert.equal(route.topicName, `many/${i}`)
  }
  assert.ok(kept > 20_000 && kept <= 65_536, `${kept} are kept`)
})
