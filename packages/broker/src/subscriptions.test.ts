import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSubscriptionFilter } from '@busbar/protocol'
import type { Session } from './session.ts'
import { Subscription } from './subscription.ts'
import { Subscriptions } from './subscriptions.ts'

const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const

function subscription(text: string): Subscription {
  const terms = { options, subscriptionIdentifier: undefined }
  return new Subscription({} as Session, parseSubscriptionFilter(text), terms)
}

test('the subscriptions of a Session are those that came and have not gone, in their order', () => {
  const subscriptions = new Subscriptions()
  const all = ['a', 'b', 'c', 'd'].map(subscription) as [Subscription, ...Subscription[]]
  const expected: Subscription[] = []
  const look = () => {
    assert.equal(subscriptions.size, expected.length)
    assert.deepEqual([...subscriptions], expected)
  }
  const add = (at: number) => {
    const added = all[at] as Subscription
    subscriptions.add(added)
    expected.push(added)
    look()
  }
  const remove = (at: number) => {
    const removed = all[at] as Subscription
    subscriptions.remove(removed)
    expected.splice(expected.indexOf(removed), 1)
    look()
  }
  look()
  for (const at of [0, 1, 2, 3]) add(at)
  for (const at of [1, 3, 0]) remove(at) // from the middle, the end and the beginning
  add(1)
  for (const at of [2, 1]) remove(at)
  add(0)
})

test('they may go while they are shown', () => {
  const subscriptions = new Subscriptions()
  for (const text of ['a', 'b', 'c']) subscriptions.add(subscription(text))
  const seen: string[] = []
  for (const each of subscriptions) {
    seen.push(each.text)
    subscriptions.remove(each)
  }
  assert.deepEqual(seen, ['a', 'b', 'c'])
  assert.equal(subscriptions.size, 0)
})
