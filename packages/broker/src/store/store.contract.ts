import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PublishProperties, WillProperties } from '@busbar/protocol'
import { type Message, messageBytes } from '../message.ts'
import type {
  Change,
  DurabilityLevel,
  QueueEntry,
  Store,
  StoredSession,
  StoredSubscription,
} from './store.ts'
import {
  by,
  commit,
  done,
  end,
  entryOf,
  forgotten,
  message,
  noise,
  nothing,
  now,
  plain,
  positionOf,
  queued,
  readQueue,
  received,
  released,
  retained,
  type Summary,
  sent,
  session,
  sessionOf,
  storedSession,
  strange,
  subscription,
  summary,
} from './store-samples.contract.ts'

export interface StoreUnderContract {
  readonly store: Store
  /** Ends the store and gives one that is to find what the first one committed. */
  reopen(): Promise<Store>
}

/** The suite that defines `Store`: every engine passes it. */
export function storeContract(name: string, create: () => Promise<StoreUnderContract>): void {
  describe(`store contract: ${name}`, { concurrency: 4 }, () => {
    commits(create)
    sessions(create)
    queues(create)
    messages(create)
    identifiers(create)
  })
}

type Create = () => Promise<StoreUnderContract>

/** What each kind of Change leaves behind: batches, then what is found after a restart. */
function commits(create: Create): void {
  const two = message({ topicName: 'two' })
  const rows: [name: string, batches: Change[][], expected: Partial<Summary>][] = [
    ['nothing', [], {}],
    ['a Session', [[session('a')]], { sessions: ['a'] }],
    ['a Session replaced', [[session('a')], [session('a', { owner: 'o' })]], { sessions: ['a'] }],
    ['a Session ended', [[session('a')], [end('a')]], {}],
    ['a Session ended in its own batch', [[session('a'), end('a')]], {}],
    ['a Session made anew', [[session('a')], [end('a'), session('a')]], { sessions: ['a'] }],
    [
      'a Session ended with all that it had',
      [[session('a'), subscription('a', 'f'), queued('a', 1), received('a', 1)], [end('a')]],
      {},
    ],
    [
      'a Session ended and made anew in one batch keeps nothing',
      [
        [session('a'), subscription('a', 'f'), queued('a', 1)],
        [end('a'), session('a')],
      ],
      { sessions: ['a'] },
    ],
    [
      'one Session ended, another kept',
      [
        ['a', 'b'].flatMap((id, at) => [
          session(id),
          subscription(id, 'f'),
          queued(id, at * 2 + 1),
          queued(id, at * 2 + 2, { state: 'sent', packetIdentifier: 9 }),
          received(id, 7),
        ]),
        [end('a')],
      ],
      {
        sessions: ['b'],
        subscriptions: ['b f'],
        inFlight: ['b 3 queued 0', 'b 4 sent 9'],
        received: ['b 7'],
      },
    ],
    [
      'a subscription',
      [[session('a'), subscription('a', 'f')]],
      { sessions: ['a'], subscriptions: ['a f'] },
    ],
    [
      'a subscription replaced',
      [[session('a'), subscription('a', 'f')], [subscription('a', 'f')]],
      { sessions: ['a'], subscriptions: ['a f'] },
    ],
    [
      'a subscription ended',
      [
        [session('a'), subscription('a', 'f'), subscription('a', 'g')],
        [{ kind: 'subscription-end', clientIdentifier: 'a', text: 'f' }],
      ],
      { sessions: ['a'], subscriptions: ['a g'] },
    ],
    ['retained', [[retained('t')], [retained('u')]], { retained: ['t', 'u'] }],
    ['retained replaced', [[retained('t')], [retained('t')]], { retained: ['t'] }],
    [
      'retained ended',
      [[retained('t'), retained('u')], [{ kind: 'retained-end', topicName: 't' }]],
      { retained: ['u'] },
    ],
    [
      'retained is not of the Session that published it',
      [[session('a'), { kind: 'retained', message: message({ publisher: 'a' }) }], [end('a')]],
      { retained: ['t'] },
    ],
    ['queued', [[session('a'), queued('a', 5)]], { sessions: ['a'], queue: ['a 5'] }],
    [
      'one message queued for two Sessions, done in one',
      [
        [
          session('a'),
          session('b'),
          queued('a', 1, { message: two }),
          queued('b', 2, { message: two }),
        ],
        [done('a', 1)],
      ],
      { sessions: ['a', 'b'], queue: ['b 2'] },
    ],
    [
      'sent and released',
      [
        [session('a'), queued('a', 1), queued('a', 2), queued('a', 3)],
        [sent('a', 1, 10), sent('a', 2, 65_535)],
        [released('a', 1)],
      ],
      { sessions: ['a'], queue: ['a 3'], inFlight: ['a 1 released 10', 'a 2 sent 65535'] },
    ],
    [
      'queued, sent, released and done in one batch',
      [[session('a'), queued('a', 1), sent('a', 1, 2), released('a', 1), done('a', 1)]],
      { sessions: ['a'] },
    ],
    [
      'queued, sent, released in one batch',
      [[session('a'), queued('a', 1), sent('a', 1, 2), released('a', 1)]],
      { sessions: ['a'], inFlight: ['a 1 released 2'] },
    ],
    [
      'queued as sent or released already',
      [
        [
          session('a'),
          queued('a', 1, { state: 'released', packetIdentifier: 3 }),
          queued('a', 2, { state: 'sent', packetIdentifier: 4 }),
        ],
      ],
      { sessions: ['a'], inFlight: ['a 1 released 3', 'a 2 sent 4'] },
    ],
    [
      'in flight, by position and not by the order of sending',
      [
        [session('a'), queued('a', 1), queued('a', 2), queued('a', 3)],
        [sent('a', 3, 1), sent('a', 1, 2), sent('a', 2, 3)],
      ],
      { sessions: ['a'], inFlight: ['a 1 sent 2', 'a 2 sent 3', 'a 3 sent 1'] },
    ],
    [
      'in flight, with what waits in front of it',
      [
        [session('a'), ...[1, 2, 3, 4, 5, 6].map((position) => queued('a', position))],
        [sent('a', 2, 1), sent('a', 5, 2), released('a', 2), done('a', 4)],
      ],
      {
        sessions: ['a'],
        queue: ['a 6'],
        inFlight: ['a 1 queued 0', 'a 2 released 1', 'a 3 queued 0', 'a 5 sent 2'],
      },
    ],
    [
      'sent again under another identifier',
      [[session('a'), queued('a', 1)], [sent('a', 1, 1)], [sent('a', 1, 8)]],
      { sessions: ['a'], inFlight: ['a 1 sent 8'] },
    ],
    [
      'done in every state',
      [
        [session('a'), queued('a', 1), queued('a', 2), queued('a', 3), queued('a', 4)],
        [sent('a', 2, 1), sent('a', 3, 2), released('a', 3)],
        [done('a', 1), done('a', 2), done('a', 3)],
      ],
      { sessions: ['a'], queue: ['a 4'] },
    ],
    [
      'received and forgotten',
      [
        [session('a'), received('a', 1), received('a', 2)],
        [received('a', 2), forgotten('a', 1)],
      ],
      { sessions: ['a'], received: ['a 2'] },
    ],
    [
      'what refers to nothing changes nothing',
      [
        [session('a'), queued('a', 1)],
        [done('a', 9), sent('a', 9, 1), released('a', 9), forgotten('a', 9), released('a', 1)],
        [
          { kind: 'subscription-end', clientIdentifier: 'a', text: 'f' },
          { kind: 'retained-end', topicName: 't' },
          end('z'),
        ],
        [queued('z', 2), subscription('z', 'f'), received('z', 1), done('z', 1), sent('z', 1, 1)],
      ],
      { sessions: ['a'], queue: ['a 1'] },
    ],
    [
      'what comes late for an ended Session is not of its successor',
      [
        [session('a'), queued('a', 1)],
        [end('a'), queued('a', 2), received('a', 2), subscription('a', 'f')],
        [session('a'), done('a', 1)],
      ],
      { sessions: ['a'] },
    ],
  ]
  for (const [name, batches, expected] of rows) {
    test(`keeps ${name}`, async () => {
      const { store, reopen } = await create()
      await store.open()
      await Promise.all(batches.map((changes) => commit(store, changes)))
      await using again = await reopen()
      assert.deepEqual(await summary(again), { ...nothing, ...expected })
    })
  }

  test('calls back once each, in order, whatever the size and the level', async () => {
    const { store } = await create()
    await using opened = store
    await opened.open()
    const levels: DurabilityLevel[] = ['disk', 'memory', 'os', 'memory']
    const called: number[] = []
    await new Promise<void>((resolve) => {
      for (let at = 0; at < 200; at++) {
        const changes = at % 3 === 0 ? [] : [retained(`t${at}`), retained(`u${at}`)]
        opened.commit(changes, levels[at % 4] ?? 'disk', (error) => {
          assert.equal(error, undefined)
          if (called.push(at) === 200) resolve()
        })
      }
    })
    assert.deepEqual(called, [...Array(200).keys()])
  })

  test('takes a commit from within a callback', async () => {
    const { store, reopen } = await create()
    await store.open()
    await new Promise<void>((resolve) => {
      store.commit([session('a')], 'disk', () =>
        store.commit([queued('a', 1)], 'disk', () => resolve()),
      )
    })
    await using again = await reopen()
    assert.deepEqual(await summary(again), { ...nothing, sessions: ['a'], queue: ['a 1'] })
  })

  test('is not affected by what becomes of the changes after the call', async () => {
    const { store, reopen } = await create()
    await store.open()
    const entry = entryOf(1)
    const changes = [session('a'), { kind: 'queued', clientIdentifier: 'a', entry } as const]
    const committed = commit(store, changes)
    entry.state = 'sent'
    entry.packetIdentifier = 7
    changes.length = 0
    await committed
    await using again = await reopen()
    assert.deepEqual(await summary(again), { ...nothing, sessions: ['a'], queue: ['a 1'] })
  })

  test('refuses a commit and a read after it was disposed of', async () => {
    const { store } = await create()
    await store.open()
    await store[Symbol.asyncDispose]()
    await assert.rejects(commit(store, [session('a')]), /closed/)
    await assert.rejects(readQueue(store, 'a', 0, 1), /closed/)
    await store[Symbol.asyncDispose]()
  })
}

function sessions(create: Create): void {
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
    await commit(store, [{ kind: 'subscription', clientIdentifier: 'a', subscription: last }])
    await using again = await reopen()
    const { sessions } = await again.open()
    assert.deepEqual(sessions[0]?.subscriptions, [last])
  })
}

function queues(create: Create): void {
  const filled = async () => {
    const under = await create()
    await under.store.open()
    const entries = [2, 4, 6, 8, 10].map((position) => queued('a', position))
    await commit(under.store, [session('a'), session('b'), ...entries, queued('b', 7)])
    await commit(under.store, [sent('a', 4, 1)])
    return under
  }
  // Positions 2, 6, 8 and 10 wait.
  const rows: [afterPosition: number, limit: number, expected: number[]][] = [
    [0, 1, [2]],
    [0, 3, [2, 6, 8]],
    [0, 4, [2, 6, 8, 10]],
    [0, 5, [2, 6, 8, 10]],
    [0, 1_000_000, [2, 6, 8, 10]],
    [1, 1, [2]],
    [2, 1, [6]],
    [3, 2, [6, 8]],
    [4, 2, [6, 8]],
    [8, 2, [10]],
    [9, 2, [10]],
    [10, 2, []],
    [11, 2, []],
    [Number.MAX_SAFE_INTEGER, 2, []],
    [0, 0, []],
  ]
  test('pages a queue', async () => {
    await using store = (await filled()).store
    for (const [after, limit, expected] of rows) {
      const page = await readQueue(store, 'a', after, limit)
      assert.deepEqual(page.map(positionOf), expected, `after ${after}, limit ${limit}`)
    }
    assert.deepEqual(await readQueue(store, 'unknown', 0, 10), [])
  })

  test('pages a queue after a restart', async () => {
    await using store = await (await filled()).reopen()
    await store.open()
    for (const [after, limit, expected] of rows) {
      const page = await readQueue(store, 'a', after, limit)
      assert.deepEqual(page.map(positionOf), expected, `after ${after}, limit ${limit}`)
    }
  })

  test('reads what was committed just before, and not what came after', async () => {
    await using store = (await filled()).store
    const pages: Promise<QueueEntry[]>[] = []
    const commits: Promise<void>[] = []
    for (let position = 11; position < 40; position++) {
      commits.push(commit(store, [queued('a', position), done('a', position - 9)]))
      pages.push(readQueue(store, 'a', 10, 100))
    }
    await Promise.all(commits)
    for (const [at, page] of (await Promise.all(pages)).entries()) {
      const read = page.map(positionOf)
      const last = at + 11
      assert.ok(
        read.every((position) => position > at + 2 && position <= last),
        `batch ${at}: ${read}`,
      )
      // What was done only after the call may be missing or not.
      const kept = [...Array(30).keys()].map((n) => n + 31).filter((position) => position <= last)
      assert.deepEqual(
        read.filter((position) => position > 30),
        kept,
      )
    }
  })

  test('keeps a queue while it is filled at the end, drained at the head and torn in between', async () => {
    const { store, reopen } = await create()
    await store.open()
    await commit(store, [session('a')])
    const expected = new Set<number>()
    const commits: Promise<void>[] = []
    let seed = 1
    for (let position = 1; position <= 3000; position++) {
      expected.add(position)
      const batch: Change[] = [queued('a', position)]
      seed = (seed * 48_271) % 2_147_483_647
      const removed = position > 500 ? [Math.min(...expected), seed % position] : [seed % position]
      for (const each of removed) {
        if (expected.delete(each)) batch.push(done('a', each))
      }
      commits.push(commit(store, batch))
    }
    await Promise.all(commits)
    await using again = await reopen()
    const { sessions, lastPosition } = await again.open()
    assert.equal(sessions[0]?.queuedCount, expected.size)
    assert.equal(lastPosition, Math.max(...expected))
    const read: number[] = []
    for (;;) {
      const page = await readQueue(again, 'a', read.at(-1) ?? 0, 7)
      if (page.length === 0) break
      read.push(...page.map(positionOf))
    }
    assert.deepEqual(read, [...expected])
  })

  test('counts what waits, in messages and in bytes', async () => {
    const { store, reopen } = await create()
    await store.open()
    const large = message({ topicName: 'grüße/😀', payload: new Uint8Array(5000) })
    const small = message({ topicName: 't', payload: new Uint8Array(0) })
    await commit(store, [
      session('a'),
      session('b'),
      ...[1, 2, 3].map((position) => queued('a', position, { message: large })),
      queued('b', 4, { message: large }),
      queued('a', 5, { message: small }),
      queued('a', 6, { message: small }),
    ])
    await commit(store, [sent('a', 1, 1), done('a', 5), done('b', 4)])
    await using again = await reopen()
    const { sessions } = await again.open()
    const a = sessionOf(sessions, 'a')
    assert.equal(a?.queuedCount, 3)
    assert.equal(a?.queuedBytes, 2 * messageBytes(large) + messageBytes(small))
    const b = sessionOf(sessions, 'b')
    assert.deepEqual([b?.queuedCount, b?.queuedBytes], [0, 0])
  })

  const last: [name: string, changes: Change[], expected: number][] = [
    ['nothing', [session('a')], 0],
    ['an entry that waits', [session('a'), queued('a', 3), queued('a', 8)], 8],
    ['an entry in flight', [session('a'), queued('a', 3), queued('a', 8), sent('a', 8, 1)], 8],
    ['a large position', [session('a'), queued('a', 2 ** 52 + 1)], 2 ** 52 + 1],
    ['two Sessions', [session('a'), session('b'), queued('b', 5), queued('a', 4)], 5],
  ]
  for (const [name, changes, expected] of last) {
    test(`knows the last position of ${name}`, async () => {
      const { store, reopen } = await create()
      await store.open()
      await commit(store, changes)
      await using again = await reopen()
      assert.equal((await again.open()).lastPosition, expected)
    })
  }

  test('gives entries that their reader may change', async () => {
    await using store = (await filled()).store
    const [first] = await readQueue(store, 'a', 0, 1)
    if (first !== undefined) {
      first.state = 'sent'
      first.packetIdentifier = 99
    }
    const [again] = await readQueue(store, 'a', 0, 1)
    assert.deepEqual([again?.state, again?.packetIdentifier], ['queued', 0])
  })
}

function messages(create: Create): void {
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
    assert.deepEqual((await readQueue(again, 'a', 0, 10)).map(plain), entries.map(plain))
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

function identifiers(create: Create): void {
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
