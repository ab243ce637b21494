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

test('the subscriptions of a Session do as a Map, with none, one and several', () => {
  const subscriptions = new Subscriptions()
  const model = new Map<string, Subscription>()
  const texts = ['a', 'a', 'b', '$share/g/a', 'b']
  const look = () => {
    assert.equal(subscriptions.size, model.size)
    assert.deepEqual([...subscriptions], [...model.values()])
    for (const text of [...texts, 'c']) {
      assert.equal(subscriptions.get(text), model.get(text))
      assert.equal(subscriptions.has(text), model.has(text))
    }
  }
  look()
  for (const text of texts) {
    const added = subscription(text)
    assert.equal(subscriptions.set(added), !model.has(text))
    model.set(text, added)
    look()
    subscriptions.delete('c')
  }
  for (const text of texts) {
    subscriptions.delete(text)
    model.delete(text)
    look()
  }
})

test('subscriptions may go while they are looked through', () => {
  for (const texts of [['a'], ['a', 'b', 'c']]) {
    const subscriptions = new Subscriptions()
    for (const text of texts) subscriptions.set(subscription(text))
    for (const { text } of subscriptions) subscriptions.delete(text)
    assert.equal(subscriptions.size, 0)
  }
})

for (const text of ['a/+', '$share/group/a/+']) {
  test(`a subscription to ${text} knows what Topic Names are matched with`, () => {
    assert.equal(subscription(text).topicFilter, 'a/+')
  })
}
