import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, DurabilityLevel } from './store.ts'
import {
  commit,
  done,
  end,
  entryOf,
  forgotten,
  message,
  nothing,
  queued,
  readQueue,
  received,
  released,
  retained,
  type Summary,
  sent,
  session,
  subscription,
  summary,
} from './store-samples.contract.ts'
import type { Create } from './store-under-contract.contract.ts'

/** What each kind of Change leaves behind: batches, then what is found after a restart. */
export function commits(create: Create): void {
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
