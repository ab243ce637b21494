import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connect, Publish, QoS, Subscribe, Will } from '@busbar/protocol'
import { StoreFullError } from './store/errors.ts'
import { createMemoryStore } from './store/memory.ts'
import type { Store } from './store/store.ts'
import { startTestBroker, type TestPeer } from './testing/index.ts'

/** A store that can be full, and can be late. */
class TestStore implements Store {
  readonly level = 'disk'
  readonly #kept = createMemoryStore()
  readonly #late: (() => void)[] = []
  isFull = false
  isLate = false

  open(): ReturnType<Store['open']> {
    return this.#kept.open()
  }

  commit(...[changes, level, committed]: Parameters<Store['commit']>): void {
    const { isFull } = this
    const commit = () => {
      if (isFull && changes.length > 0) committed(new StoreFullError('no room'))
      else this.#kept.commit(changes, level, committed)
    }
    if (this.isLate) this.#late.push(commit)
    else commit()
  }

  readQueue(...call: Parameters<Store['readQueue']>): void {
    if (this.isLate) this.#late.push(() => this.#kept.readQueue(...call))
    else this.#kept.readQueue(...call)
  }

  catchUp(): void {
    this.isLate = false
    for (const step of this.#late.splice(0)) step()
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const properties = { sessionExpiryInterval: 1_000 }
const lasting = (clientIdentifier: string, more: Partial<Connect> = {}) =>
  ({ clientIdentifier, cleanStart: false, properties, ...more }) as const
const will = (qos: QoS, more: Partial<Will> = {}): Will => {
  return { topicName: 'w', payload: bytes('gone'), qos, retain: false, properties: {}, ...more }
}
const subscribe = (topicFilter: string, qos: QoS = 2): Subscribe => {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter, options }]
  return { type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions }
}
const unsubscribe = { type: 'unsubscribe', packetIdentifier: 2, properties: {} } as const
const publish = (topicName: string, qos: QoS, more: Partial<Publish> = {}): Publish => ({
  ...{ type: 'publish', dup: false, qos, retain: false, topicName, packetIdentifier: qos && 9 },
  ...{ properties: {}, payload: bytes('x'), ...more },
})
const bytes = (text: string) => new TextEncoder().encode(text)
const leaving = { type: 'disconnect', reasonCode: 0, properties: {} } as const

async function start() {
  const store = new TestStore()
  const broker = await startTestBroker({}, { store })
  return { store, broker, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
}

test('an UNSUBSCRIBE that found no room is not acknowledged before it has', async () => {
  await using scene = await start()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('s')).send(subscribe('t'))
  store.isFull = true
  client.send({ ...unsubscribe, topicFilters: ['t'] })
  assert.deepEqual([client.take('unsuback').length, client.isClosed], [0, true])
  store.isFull = false
  const again = broker.open().connect(lasting('s'))
  assert.equal((await store.open()).sessions[0]?.subscriptions.length, 1)
  again.send({ ...unsubscribe, topicFilters: ['t'] })
  assert.equal(again.take('unsuback').length, 1)
  assert.equal((await store.open()).sessions[0]?.subscriptions.length, 0)
})

test('nor is the deletion of a retained message', async () => {
  await using scene = await start()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('p'))
  client.send(publish('t', 1, { retain: true }))
  const deletion = publish('t', 1, { retain: true, payload: bytes('') })
  store.isFull = true
  client.send(deletion)
  store.isFull = false
  assert.equal((await store.open()).retained.length, 1)
  client.send(deletion)
  const codes = client.take('puback').map(({ reasonCode }) => reasonCode)
  assert.deepEqual(codes, [0x10, 0x97, 0x10])
  assert.equal((await store.open()).retained.length, 0)
})

test('what nobody asks for again is stored when there is room', async () => {
  await using scene = await start()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('p')).send(subscribe('a'), subscribe('b'))
  client.send(publish('t', 0, { retain: true }), publish('u', 0, { retain: true }))
  store.isFull = true
  client.send(publish('t', 0, { retain: true, payload: bytes('') }))
  client.send(publish('u', 0, { retain: true, payload: bytes('new') }))
  client.send({ ...unsubscribe, topicFilters: ['a'] })
  broker.pass(1_000)
  store.isFull = false
  broker.pass(300)
  const { sessions, retained } = await store.open()
  assert.deepEqual(
    sessions.map(({ subscriptions }) => subscriptions.map(({ text }) => text)),
    [['b']],
  )
  assert.deepEqual(
    retained.map(({ topicName, payload }) => [topicName, new TextDecoder().decode(payload)]),
    [['u', 'new']],
  )
})

test('a connection whose Will was dropped ends when that is stored, also without room', async () => {
  await using scene = await start()
  const { broker, store } = scene
  const client = broker.open().connect(lasting('s', { will: will(1) }))
  store.isFull = true
  client.send(leaving)
  broker.pass(2_000)
  assert.equal(client.isClosed, false)
  store.isFull = false
  broker.pass(300)
  assert.equal(client.isClosed, true)
  assert.equal((await store.open()).sessions[0]?.session.will, undefined)
})

for (const qos of [0, 1, 2] as const) {
  test(`a Will of QoS ${qos} leaves when its end is stored, and once`, async () => {
    await using scene = await start()
    const { broker, store } = scene
    const watcher = broker.open().connect(lasting('s')).send(subscribe('w'))
    const client = broker.open().connect(lasting('p', { will: will(qos) }))
    store.isLate = true
    store.isFull = true
    client.cut()
    broker.pass(500)
    assert.equal(watcher.take('publish').length, 0)
    store.catchUp()
    broker.endTurn()
    broker.pass(100)
    assert.equal(watcher.take('publish').length, 0) // there was no room for it
    store.isFull = false
    broker.pass(2_000)
    assert.deepEqual(
      watcher.take('publish').map((packet) => packet.qos),
      [qos],
    )
    assert.equal((await store.open()).sessions.filter(({ session }) => session.will).length, 0)
  })
}

test('the Will of a CONNECT that was not accepted is not published', async () => {
  await using scene = await start()
  const { broker, store } = scene
  const watcher = broker.open().connect({ clientIdentifier: 's' }).send(subscribe('w'))
  store.isFull = true
  const refused = broker.open().connect(lasting('p', { will: will(0) }))
  assert.equal(refused.take('connack')[0]?.reasonCode, 0x88)
  store.isFull = false
  broker.pass(5_000)
  assert.equal(watcher.take('publish').length, 0)
})

for (const isFull of [false, true]) {
  const outcome = isFull ? 'is not passed on when it is not' : 'is passed on when it is'
  test(`what may not be stored when its Session ends ${outcome}`, async () => {
    await using scene = await start()
    const { broker, store } = scene
    const filter = '$share/g/t'
    const first = broker.open().connect(lasting('a')).send(subscribe(filter))
    const publisher = broker.open().connect({ clientIdentifier: 'p' })
    const second = broker.open().connect(lasting('b'))
    store.isLate = true
    store.isFull = isFull
    publisher.send(publish('t', 2))
    store.isFull = false
    second.send(subscribe(filter))
    first.send({ ...leaving, properties: { sessionExpiryInterval: 0 } })
    // It begins anew when its predecessor has nothing left to give.
    const successor = broker.open().connect(lasting('a', { cleanStart: true }))
    assert.equal(second.take('publish').length, 0)
    store.catchUp()
    broker.endTurn()
    assert.equal(publisher.take('pubrec')[0]?.reasonCode, isFull ? 0x97 : 0)
    assert.equal(second.take('publish').length, isFull ? 0 : 1)
    assert.equal(first.take('publish').length, 0)
    assert.equal(successor.take('connack')[0]?.sessionPresent, false)
    const { sessions } = await store.open()
    assert.deepEqual(
      sessions.map(({ session, inFlight }) => [session.clientIdentifier, inFlight.length]).sort(),
      [
        ['a', 0],
        ['b', isFull ? 0 : 1],
      ],
    )
  })
}

test('what could not be stored as sent is not overtaken', async () => {
  await using scene = await start()
  const { broker, store } = scene
  broker.open().connect(lasting('s')).send(subscribe('t')).cut()
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  publisher.send(publish('t', 2, { payload: bytes('first') }))
  store.isLate = true
  const client = broker.open().connect(lasting('s'))
  store.catchUp() // CONNACK leaves, and the first is on its way
  store.isLate = true
  store.isFull = true
  broker.endTurn()
  store.isFull = false
  publisher.send(publish('t', 2, { payload: bytes('second'), packetIdentifier: 10 }))
  store.catchUp()
  broker.endTurn()
  assert.deepEqual([client.take('publish').length, client.isClosed], [0, true])
  const again = broker.open().connect(lasting('s'))
  assert.deepEqual(
    again.take('publish').map(({ payload }) => new TextDecoder().decode(payload)),
    ['first', 'second'],
  )
})

test('what is sent again behind it is not overtaken either', async () => {
  await using scene = await start()
  const { broker, store } = scene
  const texts = (peer: TestPeer) =>
    peer.take('publish').map(({ payload }) => new TextDecoder().decode(payload))
  broker.open().connect(lasting('s')).send(subscribe('t')).cut()
  const publisher = broker.open().connect({ clientIdentifier: 'p' })
  publisher.send(publish('t', 2, { payload: bytes('first') }))
  store.isLate = true
  const client = broker.open().connect(lasting('s'))
  store.catchUp()
  store.isLate = true
  store.isFull = true
  broker.endTurn()
  store.isFull = false
  publisher.send(publish('t', 1, { payload: bytes('second'), packetIdentifier: 10 }))
  store.catchUp()
  broker.endTurn()
  assert.deepEqual([texts(client), client.isClosed], [['second'], true])
  store.isLate = true
  const again = broker.open().connect(lasting('s'))
  store.catchUp()
  store.isLate = true
  broker.endTurn()
  publisher.send(publish('t', 1, { payload: bytes('third'), packetIdentifier: 11 }))
  broker.endTurn()
  assert.deepEqual(texts(again), [])
  store.catchUp()
  broker.endTurn()
  store.catchUp()
  broker.endTurn()
  assert.deepEqual(texts(again), ['first', 'second', 'third'])
})

for (const qos of [1, 2] as const) {
  test(`nor is it after a restart, at QoS ${qos}`, async () => {
    await using scene = await start()
    const { broker, store } = scene
    broker.open().connect(lasting('s')).send(subscribe('t')).cut()
    const publisher = broker.open().connect({ clientIdentifier: 'p' })
    const send = (text: string, packetIdentifier: number, more: Partial<Publish> = {}) =>
      publisher.send(publish('t', qos, { payload: bytes(text), packetIdentifier, ...more }))
    send('first', 9)
    send('expiring', 10, { properties: { messageExpiryInterval: 10 } })
    store.isLate = true
    broker.open().connect(lasting('s'))
    store.catchUp()
    store.isLate = true
    store.isFull = true
    broker.endTurn()
    store.isFull = false
    send('second', 11)
    store.catchUp()
    broker.endTurn()
    const { sessions } = await store.open()
    assert.deepEqual(
      sessions.map(({ inFlight, queuedCount }) => [
        inFlight.map(({ state }) => state),
        queuedCount,
      ]),
      [[['queued', 'queued', 'sent'], 0]],
    )
    await using restarted = await startTestBroker({}, { store })
    restarted.pass(11_000)
    const client = restarted.open().connect(lasting('s'))
    const sent = client.take('publish')
    assert.deepEqual(
      sent.map(({ payload, dup }) => [new TextDecoder().decode(payload), dup]),
      [
        ['first', false],
        ['second', true],
      ],
    )
    assert.equal(new Set(sent.map(({ packetIdentifier }) => packetIdentifier)).size, 2)
    for (const { packetIdentifier } of sent) {
      const packet = { packetIdentifier, reasonCode: 0, properties: {} }
      if (qos === 1) client.send({ type: 'puback', ...packet })
      else client.send({ type: 'pubrec', ...packet }, { type: 'pubcomp', ...packet })
    }
    const [session] = (await store.open()).sessions
    assert.deepEqual([session?.inFlight.length, session?.queuedCount], [0, 0])
    assert.equal(restarted.core.statistics.inFlight, 0)
  })
}

test('a Session whose time is over is not resumed, also when nobody has looked yet', async () => {
  await using scene = await start()
  const { broker } = scene
  broker.open().connect(lasting('s')).cut()
  broker.clock.advance(1_000_001)
  assert.equal(broker.open().connect(lasting('s')).take('connack')[0]?.sessionPresent, false)
})
