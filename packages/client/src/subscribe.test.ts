import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import { type ClientError, MqttSubscribeError } from './errors.ts'
import type { ClientOptions } from './options.ts'
import { ack, publish, ScriptedPeer, suback, textOf } from './testing/scripted-peer.ts'
import { settle, VirtualClock } from './testing/virtual-clock.ts'

const base = (clock = new VirtualClock()): ClientOptions & { clock: VirtualClock } => ({
  clientId: 'c',
  clock,
  random: () => 0.5,
  reconnect: { minMs: 1_000, jitter: 'none' },
})

const isCode = (code: string) => (error: ClientError) => error.code === code

test('both of two subscriptions to one Topic Filter get a SUBACK, and every message', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, base())
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
  const client = await connect(peer.target, base())
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

test('auto: acknowledged when the next one is asked for; a break leaves the rest unacknowledged', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, base())
  const subscription = await client.subscribe('t', { qos: 1 })
  peer.last.send(publish(1, 1), publish(2, 1), publish(3, 1))
  await settle()
  let count = 0
  for await (const _ of subscription) if (++count === 2) break
  const acknowledged = await peer.last.take('puback')
  assert.deepEqual(
    acknowledged.map(({ packetIdentifier }) => packetIdentifier),
    [1],
  )
  assert.equal((await peer.last.take('unsubscribe')).length, 1)
  await client.close()
})

test('manual: any order, the wire keeps the order of arrival', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, base())
  const subscription = await client.subscribe('t', { qos: 2, ack: 'manual' })
  peer.last.send(publish(1, 1), publish(2, 2), publish(3, 1), publish(4, 2))
  const messages = []
  for (let n = 0; n < 4; n++) messages.push((await subscription.next()).value)
  messages[3]?.ack()
  messages[2]?.reject(0x99)
  assert.deepEqual(await peer.last.take('puback'), [])
  messages[1]?.ack()
  messages[0]?.ack()
  messages[0]?.ack()
  const sent = (await peer.last.take('puback')).map(({ packetIdentifier, reasonCode }) => [
    packetIdentifier,
    reasonCode,
  ])
  assert.deepEqual(sent, [
    [1, 0],
    [3, 0x99],
  ])
  assert.deepEqual(
    (await peer.last.take('pubrec')).map(({ packetIdentifier }) => packetIdentifier),
    [2, 4],
  )
  await client.close()
})

test('the window stays closed until the consumer has finished, and more is a violation', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...base(), receiveMaximum: 3 })
  const subscription = await client.subscribe('t', { qos: 1, ack: 'manual' })
  assert.equal((await peer.last.take('connect'))[0]?.properties.receiveMaximum, 3)
  peer.last.send(publish(1, 1), publish(2, 1), publish(3, 1))
  await settle()
  assert.deepEqual(await peer.last.take('puback'), [])
  ;(await subscription.next()).value?.ack()
  assert.equal((await peer.last.take('puback')).length, 1)
  peer.last.send(publish(4, 1), publish(5, 1))
  assert.equal((await peer.last.take('disconnect'))[0]?.reasonCode, 0x93)
  await client.close({ drainMs: 0 })
})

test('QoS 2 is delivered once, whatever is repeated', async () => {
  const peer = new ScriptedPeer().serve({ sessionPresent: true })
  const options = { ...base(), session: { cleanStart: false } }
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 2, ack: 'manual' })
  peer.last.send(publish(1, 2), publish(2, 2))
  const first = (await subscription.next()).value
  const second = (await subscription.next()).value
  peer.last.cut()
  await settle()
  first?.ack() // while there is no connection
  await options.clock.pass(1_000)
  peer.last.send(publish(1, 2, { dup: true }), publish(2, 2, { dup: true }))
  assert.deepEqual(
    (await peer.last.take('pubrec')).map(({ packetIdentifier }) => packetIdentifier),
    [1],
  )
  second?.ack()
  assert.deepEqual(
    (await peer.last.take('pubrec')).map(({ packetIdentifier }) => packetIdentifier),
    [2],
  )
  assert.equal(subscription.buffered, 0)
  peer.last.send(ack('pubrel', 9)) // the others come by themselves
  const completed = (await peer.last.take('pubcomp')).map(({ packetIdentifier, reasonCode }) => [
    packetIdentifier,
    reasonCode,
  ])
  assert.deepEqual(completed, [
    [1, 0],
    [2, 0],
    [9, 0x92],
  ])
  await client.close()
})

test('an acknowledgement of an earlier connection is not sent on this one', async () => {
  const peer = new ScriptedPeer().serve({ sessionPresent: true })
  const options = { ...base(), session: { cleanStart: false } }
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 1, ack: 'manual' })
  peer.last.send(publish(1, 1))
  const old = (await subscription.next()).value
  peer.last.cut()
  await options.clock.pass(1_000)
  old?.ack()
  assert.deepEqual(await peer.last.take('puback'), [])
  peer.last.send(publish(1, 1, { dup: true }))
  const again = (await subscription.next()).value
  assert.equal(again?.dup, true)
  again?.ack()
  assert.equal((await peer.last.take('puback')).length, 1)
  await client.close()
})

test('what a closed subscription has left does not stand in the way of others', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...base(), receiveMaximum: 2 })
  const left = await client.subscribe('left', { qos: 1, ack: 'manual' })
  const right = await client.subscribe('right', { qos: 1, ack: 'manual' })
  peer.last.send(publish(1, 1, { topicName: 'left' }))
  await settle()
  await left.close()
  assert.deepEqual(await peer.last.take('puback'), [])
  peer.last.send(publish(2, 1, { topicName: 'right' }))
  ;(await right.next()).value?.ack()
  assert.deepEqual(
    (await peer.last.take('puback')).map(({ packetIdentifier }) => packetIdentifier),
    [1, 2],
  )
  await client.close()
})

test('3.1.1 stops reading where 5.0 has Receive Maximum', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...base(), version: 4, receiveMaximum: 2 })
  const subscription = await client.subscribe('t', { qos: 1, ack: 'manual' })
  peer.last.send(...[1, 2, 3, 4, 5].map((n) => publish(n, 1)))
  await settle()
  assert.equal(client.stats.received, 2)
  ;(await subscription.next()).value?.ack()
  await settle()
  assert.equal(client.stats.received, 3)
  await client.close()
})

test('QoS 0 beyond the buffer: the oldest go when the reader is too slow, and are counted', async () => {
  const peer = new ScriptedPeer().serve()
  const options = base()
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 0, bufferSize: 4 })
  peer.last.send(...[1, 2, 3, 4, 5, 6].map((n) => publish(0, 0, { payload: new Uint8Array([n]) })))
  await settle()
  assert.equal(client.stats.received, 4) // a reader that is only a little late loses nothing
  await options.clock.pass(20)
  assert.equal(subscription.dropped, 2)
  const read = []
  for (let n = 0; n < 4; n++) read.push((await subscription.next()).value?.payload[0])
  assert.deepEqual(read, [3, 4, 5, 6])
  await client.close()
})

test('QoS 0 with pause loses nothing', async () => {
  const peer = new ScriptedPeer().serve()
  const options = base()
  const client = await connect(peer.target, options)
  const subscription = await client.subscribe('t', { qos: 0, bufferSize: 4, whenFull: 'pause' })
  peer.last.send(...[1, 2, 3, 4, 5, 6].map((n) => publish(0, 0, { payload: new Uint8Array([n]) })))
  await options.clock.pass(5_000)
  const read = []
  for (let n = 0; n < 6; n++) read.push((await subscription.next()).value?.payload[0])
  assert.deepEqual(read, [1, 2, 3, 4, 5, 6])
  assert.equal(subscription.dropped, 0)
  await client.close()
})

test('a lost Session is subscribed again, a resumed one is not', async () => {
  const peer = new ScriptedPeer().serve()
  const options = base()
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
  const options = base()
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
  const client = await connect(peer.target, base())
  await assert.rejects(client.subscribe('a/+'), isCode('subscription-not-supported'))
  await assert.rejects(client.subscribe('$share/g/a'), isCode('subscription-not-supported'))
  const subscription = await client.subscribe('a')
  assert.deepEqual((await peer.last.take('subscribe'))[0]?.properties, {})
  peer.last.send(publish(0, 0, { topicName: 'a' }))
  assert.equal((await subscription.next()).value?.topicName, 'a')
  await client.close()
})

test('next can be aborted and takes nothing then', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, base())
  const subscription = await client.subscribe('t')
  const abort = new AbortController()
  const aborted = assert.rejects(subscription.next({ signal: abort.signal }), isCode('aborted'))
  abort.abort()
  await aborted
  peer.last.send(publish(0, 0))
  assert.equal((await subscription.next()).value?.text(), '0')
  await client.close()
  assert.deepEqual(await subscription.next(), { done: true, value: undefined })
})

test('map, filter, batch and streams', async () => {
  const peer = new ScriptedPeer().serve()
  const options = base()
  const client = await connect(peer.target, options)
  const send = (topicName: string, ...numbers: number[]) =>
    peer.last.send(...numbers.map((n) => publish(n, 1, { topicName })))
  const mapped = (await client.subscribe('map')).map((message) => message.text())
  send('map', 1)
  assert.equal((await mapped.next()).value, '1')
  const filtered = (await client.subscribe('filter')).filter((message) => message.text() !== '2')
  send('filter', 2, 3)
  assert.equal((await filtered.next()).value?.text(), '3')
  const batches = (await client.subscribe('batch')).batch(2, 50)
  send('batch', 4, 5, 6)
  assert.equal((await batches.next()).value?.length, 2)
  const rest = batches.next()
  await options.clock.pass(50)
  assert.deepEqual(
    (await rest).value?.map((message) => message.text()),
    ['6'],
  )
  const reader = (await client.subscribe('stream')).toReadableStream().getReader()
  send('stream', 7)
  assert.equal((await reader.read()).value?.text(), '7')
  const before = (await peer.last.take('puback')).map((packet) => packet.packetIdentifier)
  assert.equal(before.includes(7), false)
  await reader.cancel()
  await client.close()
})

test('topic aliases of the server are resolved, and wrong ones end the connection', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { ...base(), topicAliasMaximum: 2 })
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

test('request and respond', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, base())
  const asked = client.request('cmd', 'question')
  await settle()
  const [question] = await peer.last.take('publish')
  const { responseTopic = '', correlationData = new Uint8Array() } = question?.properties ?? {}
  peer.last.send(publish(0, 0, { topicName: responseTopic, properties: { correlationData } }))
  assert.equal((await asked).text(), '0')

  const failures: unknown[] = []
  const responder = await client.respond(
    'ask/+',
    (request) => {
      if (request.topicName === 'ask/no') throw new Error('no')
      return `to ${request.topicName}`
    },
    { failed: (error) => failures.push(error) },
  )
  const properties = { responseTopic: 'back', correlationData: new Uint8Array([1, 2]) }
  peer.last.send(
    publish(5, 1, { topicName: 'ask/me', properties }),
    publish(6, 1, { topicName: 'ask/no', properties }),
  )
  await settle()
  const [answer] = await peer.last.take('publish')
  assert.deepEqual(
    [answer?.topicName, answer?.properties.correlationData, textOf(answer?.payload)],
    ['back', new Uint8Array([1, 2]), 'to ask/me'],
  )
  const acknowledged = (await peer.last.take('puback')).map(({ packetIdentifier, reasonCode }) => [
    packetIdentifier,
    reasonCode,
  ])
  assert.deepEqual(acknowledged, [
    [5, 0],
    [6, 0x83],
  ])
  assert.equal(failures.length, 1)
  await responder.close()
  await client.close()
})

test('what a Session of an earlier process brings waits for its subscription', async () => {
  const peer = new ScriptedPeer().serve({ sessionPresent: true })
  const options = { ...base(), session: { cleanStart: false } }
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

test('a responder outlives what a client stops with', async () => {
  const peer = new ScriptedPeer().serve()
  const options = base()
  const client = await connect(peer.target, options)
  const responder = await client.respond('ask', () => 'answer')
  peer.last.send({ type: 'disconnect', reasonCode: 0x8e, properties: {} })
  await settle()
  assert.equal(client.state, 'stopped')
  await responder.close()
})

test('a SUBSCRIBE larger than the server takes is refused here, and many UNSUBSCRIBE fit', async () => {
  const peer = new ScriptedPeer().serve({ properties: { maximumPacketSize: 40 } })
  const client = await connect(peer.target, base())
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
