import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageBytes } from '../message.ts'
import type { Change, QueueEntry } from './store.ts'
import {
  commit,
  done,
  message,
  positionOf,
  queued,
  readQueue,
  sent,
  session,
  sessionOf,
} from './store-samples.contract.ts'
import type { Create } from './store-under-contract.contract.ts'

export function queues(create: Create): void {
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

  test('reads on behind what has just been sent, and keeps that as sent', async () => {
    const { store, reopen } = await create()
    await store.open()
    const positions = [...Array(100).keys()].map((n) => n + 1)
    await commit(store, [session('a'), ...positions.map((position) => queued('a', position))])
    const read: number[] = []
    for (let last = 0; last < 100; last = read.at(-1) ?? 100) {
      const page = await readQueue(store, 'a', last, 8)
      read.push(...page.map(positionOf))
      // Nobody waits for it: the next page is read before it is written.
      store.commit(
        page.map(({ position }) => sent('a', position, position)),
        'memory',
        () => {},
      )
    }
    assert.deepEqual(read, positions)
    await commit(store, [session('b')]) // and with it all that came before
    await using again = await reopen()
    const { sessions } = await again.open()
    const { inFlight, queuedCount } = sessionOf(sessions, 'a') ?? {}
    assert.deepEqual([inFlight?.map(positionOf), queuedCount], [positions, 0])
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
