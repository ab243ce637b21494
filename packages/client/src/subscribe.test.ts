import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import { MqttSubscribeError } from './errors.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { publish, ScriptedPeer, suback } from './testing/scripted-peer.ts'
import { settle } from './testing/virtual-clock.ts'

test('both of two subscriptions to one Topic Filter get a SUBACK, and every message', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, testOptions())
  const one = await client.subscribe('a/#', { qos: 1 })
  const two = await client.subscribe('a/#', { qos: 1 })
  assert.deepEqual(
    [one.results, two.results],
    Array(2).fill([{ topicFilter: 'a/#', reasonCode: 1 }]),
  )
  const subscribes = await peer.last.take('subscribe')
  assert.deepEqual(
    subscribes.map(({ properties }) => properties.subscriptionIdentifier),
    [1, 2],
  )

  peer.last.send(publish(7, 1, { topicName: 'a/b', properties: { subscriptionIdentifiers: [2] } }))
  for (const subscription of [one, two]) {
    const { value } = await subscription.next()
    assert.equal(value?.text(), '7')
  }
  void one.next()
  assert.equal((await peer.last.take('puback')).length, 0) // they share it
  void two.next()
  assert.equal((await peer.last.take('puback')).length, 1)
  await one.close()
  assert.equal((await peer.last.take('unsubscribe')).length, 0) // two still has it
  await two.close()
  assert.equal((await peer.last.take('unsubscribe')).length, 1)
  await client.close()
})

test('a refusal of one filter rejects, lists all, and gives up the others', async () => {
  const peer = new ScriptedPeer().accept()
  const client = await connect(peer.target, testOptions())
  const refused = client.subscribe(['good', 'bad'])
  const [{ packetIdentifier } = { packetIdentifier: 0 }] = await peer.last.take('subscribe')
  const properties = { reasonString: 'no' }
  peer.last.send({ type: 'suback', packetIdentifier, properties, reasonCodes: [1, 0x87] })
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof MqttSubscribeError)
    assert.deepEqual(
      error.results.map(({ reasonCode }) => reasonCode),
      [1, 0x87],
    )
    assert.equal(error.reasonString, 'no')
    return true
  })
  assert.deepEqual((await peer.last.take('unsubscribe'))[0]?.topicFilters, ['good'])
  await client.close()
})

test('a lost Session is subscribed again, a resumed one is not', async () => {
  const peer = new ScriptedPeer().serve()
  const options = testOptions()
  const client = await connect(peer.target, options)
  await client.subscribe('a')
  const closed = await client.subscribe('b')
  peer.last.cut()
  await options.clock.pass(1_000)
  const again = await peer.last.take('subscribe')
  assert.deepEqual(
    again.flatMap(({ subscriptions }) => subscriptions.map(({ topicFilter }) => topicFilter)),
    ['a', 'b'],
  )
  peer.serve({ sessionPresent: true })
  peer.last.cut()
  await settle()
  await closed.close() // the server is told when it is back
  await options.clock.pass(2_000)
  assert.deepEqual((await peer.last.types()).slice(1), ['unsubscribe'])
  await client.close()
})

test('subscribe waits for a connection, and can be taken back', async () => {
  const peer = new ScriptedPeer().accept()
  const options = testOptions()
  const client = await connect(peer.target, options)
  peer.last.cut()
  await settle()
  const waits = client.subscribe('a')
  const abort = new AbortController()
  const aborts = assert.rejects(client.subscribe('b', { signal: abort.signal }), isCode('aborted'))
  abort.abort()
  await aborts
  await options.clock.pass(1_000)
  const sent = await peer.last.take('subscribe')
  assert.deepEqual(
    sent.map(({ subscriptions }) => subscriptions[0]?.topicFilter),
    ['a'],
  )
  peer.last.send(suback(sent[0] as never))
  await waits
  await client.close()
})

test('what the server has not is refused here', async () => {
  const properties = {
    wildcardSubscriptionAvailable: 0,
    sharedSubscriptionAvailable: 0,
    subscriptionIdentifierAvailable: 0,
  } as const
  const peer = new ScriptedPeer().serve({ properties })
  const client = await connect(peer.target, testOptions())
  await assert.rejects(client.subscribe('a/+'), isCode('subscription-not-supported'))
  await assert.rejects(client.subscribe('$share/g/a'), isCode('subscription-not-supported'))
  const subscription = await client.subscribe('a')
  assert.deepEqual((await peer.last.take('subscribe'))[0]?.properties, {})
  peer.last.send(publish(0, 0, { topicName: 'a' }))
  assert.equal((await subscription.next()).value?.topicName, 'a')
  await client.close()
})

test('topic aliases of the server are resolved, and wrong ones end the connection', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...testOptions(), topicAliasMaximum: 2 })
  const subscription = await client.subscribe('a/b')
  peer.last.send(
    publish(0, 0, { topicName: 'a/b', properties: { topicAlias: 2 } }),
    publish(0, 0, { topicName: '', properties: { topicAlias: 2 } }),
  )
  assert.equal((await subscription.next()).value?.topicName, 'a/b')
  assert.equal((await subscription.next()).value?.topicName, 'a/b')
  peer.last.send(publish(0, 0, { topicName: 'a/b', properties: { topicAlias: 3 } }))
  assert.equal((await peer.last.take('disconnect'))[0]?.reasonCode, 0x94)
  await client.close({ drainMs: 0 })
})

test('what a Session of an earlier process brings waits for its subscription', async () => {
  const peer = new ScriptedPeer().serve({ sessionPresent: true })
  const options = { ...testOptions(), session: { cleanStart: false } }
  const client = await connect(peer.target, options)
  peer.last.send(
    publish(1, 1, { properties: { subscriptionIdentifiers: [7] } }),
    publish(2, 2, { topicName: 'other' }),
    publish(3, 1, { topicName: 'nobody' }),
  )
  await settle()
  assert.deepEqual(await peer.last.take('puback'), [])
  const subscription = await client.subscribe('t')
  const other = await client.subscribe('other', { qos: 2 })
  assert.equal((await subscription.next()).value?.text(), '1')
  assert.equal((await other.next()).value?.text(), '2')
  void subscription.next()
  void other.next()
  await options.clock.pass(10_000)
  const acknowledged = (await peer.last.take('puback')).map((packet) => packet.packetIdentifier)
  assert.deepEqual(acknowledged, [1, 3])
  assert.equal(client.stats.unclaimed, 1)
  await client.close()
})

test('a SUBSCRIBE larger than the server takes is refused here, and many UNSUBSCRIBE fit', async () => {
  const peer = new ScriptedPeer().serve({ properties: { maximumPacketSize: 40 } })
  const client = await connect(peer.target, testOptions())
  const names = ['a', 'b', 'c', 'd'].map((each) => each.repeat(10))
  await assert.rejects(client.subscribe(names), isCode('packet-too-large'))
  const all = await Promise.all(names.map((each) => client.subscribe(each)))
  peer.last.cut()
  await settle()
  await Promise.all(all.map((each) => each.close())) // the server is told later, of all at once
  peer.serve({ sessionPresent: true, properties: { maximumPacketSize: 40 } })
  client.wake()
  const told = (await peer.last.take('unsubscribe')).flatMap(({ topicFilters }) => topicFilters)
  assert.deepEqual(told, names)
  await client.close()
})

test('SUBACK and UNSUBACK with another number of codes than Topic Filters end the connection', async () => {
  for (const isLeaving of [false, true]) {
    const peer = new ScriptedPeer().accept()
    const client = await connect(peer.target, { reconnect: false })
    const subscribing = client.subscribe('a')
    subscribing.catch(() => {})
    const [asked] = await peer.last.take('subscribe')
    assert.ok(asked !== undefined)
    if (isLeaving) {
      peer.last.send(suback(asked))
      const subscription = await subscribing
      subscription.close().catch(() => {})
      const [left] = await peer.last.take('unsubscribe')
      const packetIdentifier = left?.packetIdentifier ?? 0
      peer.last.send({ type: 'unsuback', packetIdentifier, properties: {}, reasonCodes: [0, 0] })
    } else {
      peer.last.send({ ...suback(asked), reasonCodes: [0, 0] } as ReturnType<typeof suback>)
    }
    const [bye] = await peer.last.take('disconnect')
    assert.equal(bye?.reasonCode, 0x82)
  }
})
