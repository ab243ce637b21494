import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseSubscriptionFilter } from '@busbar/protocol'
import { Session } from './session.ts'
import { Subscription } from './subscription.ts'
import { startTestBroker } from './testing/index.ts'

const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const

const broker = await startTestBroker()
after(() => broker[Symbol.asyncDispose]())

function session(): Session {
  const identity = { clientIdentifier: 'client', owner: undefined }
  return new Session(broker.core.sessions, identity)
}

function subscription(text: string): Subscription {
  const terms = { options, subscriptionIdentifier: undefined }
  return new Subscription({} as Session, parseSubscriptionFilter(text), terms)
}

test('the subscriptions of a Session are those that came and have not gone, in their order', () => {
  const owner = session()
  const all = ['a', 'b', 'c', 'd'].map(subscription) as [Subscription, ...Subscription[]]
  const expected: Subscription[] = []
  const look = () => {
    assert.equal(owner.subscriptionCount, expected.length)
    assert.deepEqual(owner.subscriptions, expected)
  }
  const add = (at: number) => {
    const added = all[at] as Subscription
    owner.addSubscription(added)
    expected.push(added)
    look()
  }
  const remove = (at: number) => {
    const removed = all[at] as Subscription
    owner.removeSubscription(removed)
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
  const owner = session()
  for (const text of ['a', 'b', 'c']) owner.addSubscription(subscription(text))
  const seen: string[] = []
  for (const each of owner.subscriptions) {
    seen.push(each.text)
    owner.removeSubscription(each)
  }
  assert.deepEqual(seen, ['a', 'b', 'c'])
  assert.equal(owner.subscriptionCount, 0)
})
