import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PublishProperties } from '@busbar/protocol'
import type { Message } from '../message.ts'
import type { QueueEntry } from './store.ts'
import {
  commit,
  done,
  end,
  entryOf,
  message,
  noise,
  now,
  plain,
  queued,
  readQueue,
  retained,
  session,
  sessionOf,
  strange,
} from './store-samples.contract.ts'
import type { Create } from './store-under-contract.contract.ts'

export function messages(create: Create): void {
  const full: PublishProperties = {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 60,
    responseTopic: 'r/s',
    correlationData: Uint8Array.of(0, 1, 254, 255),
    userProperties: [
      ['b', '1'],
      ['a', '2'],
      ['b', '1'],
      ['', ''],
    ],
    contentType: 'text/plain; charset=utf-8',
  }
  const rows: [name: string, message: Partial<Message>][] = [
    ['of no bytes', { payload: new Uint8Array(0) }],
    ['of one zero', { payload: Uint8Array.of(0) }],
    ['of every byte', { payload: Uint8Array.from({ length: 256 }, (_, at) => at) }],
    ...[127, 128, 900, 1024, 4000, 4096, 65_535, 65_536, 1_048_576].map(
      (length): [string, Partial<Message>] => [`of ${length} bytes`, { payload: noise(length) }],
    ),
    ['that is a view of a larger buffer', { payload: noise(4096).subarray(100, 200) }],
    ['of QoS 0', { qos: 0 }],
    ['of QoS 2, retained', { qos: 2, retain: true }],
    ['of a publisher', { publisher: 'p"\u{1f600}' }],
    ['that expires', { properties: { messageExpiryInterval: 60 }, expiresAt: now + 60_000 }],
    ['that came some time ago', { arrivedAt: now - 1_000, expiresAt: now + 59_000 }],
    ['that came at a fraction', { arrivedAt: now - 0.5, expiresAt: now + 59_999.5 }],
    ['with every property', { properties: full, expiresAt: now + 60_000 }],
    ['with a Payload Format Indicator of 0', { properties: { payloadFormatIndicator: 0 } }],
    ['with a Message Expiry Interval of 0', { properties: { messageExpiryInterval: 0 } }],
    [
      'with the greatest Message Expiry Interval',
      { properties: { messageExpiryInterval: 4_294_967_295 }, expiresAt: now + 4_294_967_295_000 },
    ],
    [
      'with empty properties',
      { properties: { contentType: '', responseTopic: '', correlationData: new Uint8Array(0) } },
    ],
    ['with an empty list of User Properties', { properties: { userProperties: [] } }],
    [
      'with long properties',
      { properties: { contentType: 'x'.repeat(65_535), correlationData: noise(65_535) } },
    ],
    [
      'with 1,000 User Properties',
      {
        properties: {
          userProperties: Array.from({ length: 1000 }, (_, at) => [`${at}`, 'ü'] as const),
        },
      },
    ],
    ['with the longest Topic Name', { topicName: 'ü'.repeat(32_767) }],
    ...strange.map((topicName): [string, Partial<Message>] => [
      `of the topic ${JSON.stringify(topicName)}`,
      { topicName },
    ]),
  ]
  test('keeps every message, queued, in flight and retained', async () => {
    const made = rows.map(([, changed]) => message({ topicName: 't', ...changed }))
    const { store, reopen } = await create()
    await store.open()
    await commit(store, [session('a'), session('b'), session('c')])
    // Retained one by one, since several rows share a topic.
    for (const [at, each] of made.entries()) {
      await commit(store, [
        queued('a', 3 * at + 1, { message: each }),
        queued('b', 3 * at + 2, { message: each, state: 'sent', packetIdentifier: 1 }),
        queued('c', 3 * at + 3, { message: { ...each } }),
        { kind: 'retained', message: { ...each, topicName: `${at} ${each.topicName}` } },
      ])
    }
    await using again = await reopen()
    const { sessions, retained } = await again.open()
    const kept = new Map(retained.map((each) => [each.topicName, each]))
    const a = await readQueue(again, 'a', 0, 1_000)
    const b = sessionOf(sessions, 'b')?.inFlight
    const c = await readQueue(again, 'c', 0, 1_000)
    for (const [at, [name]] of rows.entries()) {
      const expected = plain(made[at])
      assert.deepEqual(plain(a[at]?.message), expected, `queued ${name}`)
      assert.deepEqual(plain(b?.[at]?.message), expected, `in flight ${name}`)
      assert.deepEqual(plain(c[at]?.message), expected, `queued once ${name}`)
      const topicName = `${at} ${made[at]?.topicName}`
      assert.deepEqual(plain(kept.get(topicName)), { ...expected, topicName }, `retained ${name}`)
    }
  })

  test('keeps every field of an entry', async () => {
    const entries = [
      entryOf(1, { qos: 0 }),
      entryOf(2, { qos: 2, retain: true }),
      entryOf(3, { subscriptionIdentifiers: [1, 268_435_455, 1] }),
      entryOf(4, { sharedFilter: '$share/g/+/"#' }),
      entryOf(5, { sharedFilter: '', subscriptionIdentifiers: [7] }),
      entryOf(6, { packetIdentifier: 12 }),
    ]
    const { store, reopen } = await create()
    await store.open()
    const changes = entries.map(
      (entry) => ({ kind: 'queued', clientIdentifier: 'a', entry }) as const,
    )
    await commit(store, [session('a'), ...changes])
    await using again = await reopen()
    await again.open()
    assert.deepEqual((await readQueue(again, 'a', 0, 10)).map(whole), entries.map(whole))
  })

  test('keeps one message queued for 1,000 Sessions until the last is done', async () => {
    const shared = message({ payload: noise(10_000) })
    const ids = [...Array(1000).keys()].map((at) => `client ${at}`)
    const { store, reopen } = await create()
    await store.open()
    await commit(
      store,
      ids.map((id) => session(id)),
    )
    await commit(
      store,
      ids.map((id, at) => queued(id, at + 1, { message: shared })),
    )
    await commit(
      store,
      ids.slice(0, 500).map((id, at) => done(id, at + 1)),
    )
    await commit(
      store,
      ids.slice(500, 999).map((id) => end(id)),
    )
    await using again = await reopen()
    const { sessions } = await again.open()
    assert.equal(
      sessions.reduce((sum, each) => sum + each.queuedCount, 0),
      1,
    )
    const [entry] = await readQueue(again, 'client 999', 0, 10)
    assert.deepEqual(plain(entry?.message), plain(shared))
    await commit(again, [done('client 999', 1000)])
    assert.deepEqual(await readQueue(again, 'client 999', 0, 10), [])
  })

  test('keeps the last message retained for a topic', async () => {
    const { store, reopen } = await create()
    await store.open()
    const last = message({ payload: noise(20), qos: 2 })
    await commit(store, [retained('t'), { kind: 'retained', message: last }])
    await using again = await reopen()
    assert.deepEqual((await again.open()).retained.map(plain), [plain(last)])
  })
}

/** All of an entry but where its message is packed. */
function whole(entry: QueueEntry): Omit<QueueEntry, 'record'> {
  const { record: _, ...fields } = entry
  return plain({ ...fields, message: entry.message })
}
