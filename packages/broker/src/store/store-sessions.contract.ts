import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WillProperties } from '@busbar/protocol'
import type { StoredSession, StoredSubscription } from './store.ts'
import {
  by,
  commit,
  forgotten,
  plain,
  positionOf,
  queued,
  readQueue,
  received,
  session,
  sessionOf,
  storedSession,
  strange,
  subscription,
} from './store-samples.contract.ts'
import type { Create } from './store-under-contract.contract.ts'

export function sessions(create: Create): void {
  const due = { atMs: 1_800_000_060_000, remainingMs: 60_000 }
  const properties: WillProperties = {
    willDelayInterval: 60,
    payloadFormatIndicator: 1,
    messageExpiryInterval: 4_294_967_295,
    contentType: '',
    responseTopic: 'r/s',
    correlationData: Uint8Array.of(0, 255),
    userProperties: [
      ['k', 'v'],
      ['k', ''],
    ],
  }
  const will = { topicName: 'w', payload: Uint8Array.of(1, 0, 2), qos: 2, retain: true } as const
  const rows: [name: string, session: Partial<StoredSession>][] = [
    ['of an owner', { owner: 'user "1"' }],
    ['of an owner with an empty name', { owner: '' }],
    ['of version 3', { protocolVersion: 3 }],
    ['of version 4', { protocolVersion: 4 }],
    ['that never expires', { sessionExpiryInterval: Number.POSITIVE_INFINITY }],
    ['that expires at once', { sessionExpiryInterval: 0 }],
    ['that expires in 136 years', { sessionExpiryInterval: 4_294_967_294 }],
    ['that ends', { ends: due }],
    ['that ends at a fraction', { ends: { atMs: 1_800_000_000_000.25, remainingMs: 0.5 } }],
    ['with a Will', { will: { ...will, properties: {}, due: undefined } }],
    ['with a Will that is due', { will: { ...will, properties, due } }],
    [
      'with an empty Will',
      { will: { ...will, payload: new Uint8Array(0), qos: 0, retain: false, properties: {}, due } },
    ],
  ]
  for (const [name, changed] of rows) {
    test(`keeps a Session ${name}`, async () => {
      const { store, reopen } = await create()
      await store.open()
      const made = storedSession('a', changed)
      await commit(store, [{ kind: 'session', session: storedSession('a') }])
      await commit(store, [{ kind: 'session', session: made }])
      await using again = await reopen()
      const { sessions } = await again.open()
      assert.deepEqual(plain(sessions[0]?.session), plain(made))
    })
  }

  test('keeps the latest of a Session, its Will taken away', async () => {
    const { store, reopen } = await create()
    await store.open()
    const first = storedSession('a', { owner: 'o', will: { ...will, properties, due }, ends: due })
    const last = storedSession('a')
    await commit(store, [{ kind: 'session', session: first }, subscription('a', 'f')])
    await commit(store, [{ kind: 'session', session: last }])
    await using again = await reopen()
    const { sessions } = await again.open()
    assert.deepEqual(sessions[0]?.session, last)
    assert.equal(sessions[0]?.subscriptions.length, 1)
  })

  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions: StoredSubscription[] = [
    { text: 'a', options, subscriptionIdentifier: undefined },
    { text: '$share/g/a/+/#', options: { ...options, qos: 1 }, subscriptionIdentifier: 1 },
    {
      text: '#',
      options: { ...options, qos: 2, noLocal: true },
      subscriptionIdentifier: 268_435_455,
    },
    { text: '/', options: { ...options, retainAsPublished: true }, subscriptionIdentifier: 128 },
    { text: 'r1', options: { ...options, retainHandling: 1 }, subscriptionIdentifier: undefined },
    { text: 'r2', options: { ...options, retainHandling: 2 }, subscriptionIdentifier: undefined },
    { text: 'r', options, subscriptionIdentifier: undefined, awaitsRetained: true },
    ...strange.map((text) => ({ text, options, subscriptionIdentifier: undefined })),
  ]
  test('keeps every option of a subscription', async () => {
    const { store, reopen } = await create()
    await store.open()
    await commit(store, [
      session('a'),
      ...subscriptions.map(
        (subscription) => ({ kind: 'subscription', clientIdentifier: 'a', subscription }) as const,
      ),
    ])
    await using again = await reopen()
    const { sessions } = await again.open()
    assert.deepEqual(by('text', sessions[0]?.subscriptions), by('text', subscriptions))
  })

  test('keeps the last options of a filter', async () => {
    const { store, reopen } = await create()
    await store.open()
    const last = { text: 'f', options: { ...options, qos: 2 as const }, subscriptionIdentifier: 3 }
    await commit(store, [session('a'), subscription('a', 'f')])
    const before = { ...last, awaitsRetained: true } as const
    await commit(store, [{ kind: 'subscription', clientIdentifier: 'a', subscription: before }])
    await commit(store, [{ kind: 'subscription', clientIdentifier: 'a', subscription: last }])
    await using again = await reopen()
    const { sessions } = await again.open()
    assert.deepEqual(sessions[0]?.subscriptions, [last])
  })
}

export function identifiers(create: Create): void {
  test('keeps Client Identifiers apart, whatever they are', async () => {
    const ids = [
      ...strange,
      '',
      ' ',
      'a',
      'A',
      'a ',
      'ä',
      'a\u0308',
      '1',
      '01',
      '__proto__',
      'constructor',
    ]
    const { store, reopen } = await create()
    await store.open()
    await commit(
      store,
      ids.flatMap((id, at) => [session(id), queued(id, at + 1), received(id, at + 1)]),
    )
    await using again = await reopen()
    const { sessions } = await again.open()
    assert.equal(sessions.length, ids.length)
    for (const [at, id] of ids.entries()) {
      assert.deepEqual(sessionOf(sessions, id)?.received, [at + 1], JSON.stringify(id))
      assert.deepEqual((await readQueue(again, id, 0, 10)).map(positionOf), [at + 1])
    }
  })

  test('keeps 65,535 received identifiers', async () => {
    const all = Array.from({ length: 65_535 }, (_, at) => at + 1)
    const { store, reopen } = await create()
    await store.open()
    await commit(store, [session('a'), session('b'), ...all.map((each) => received('a', each))])
    await commit(store, [forgotten('a', 40_000), received('b', 65_535)])
    await using again = await reopen()
    const { sessions } = await again.open()
    const kept = all.filter((each) => each !== 40_000)
    assert.deepEqual(
      sessionOf(sessions, 'a')?.received.toSorted((x, y) => x - y),
      kept,
    )
    assert.deepEqual(sessionOf(sessions, 'b')?.received, [65_535])
  })
}
