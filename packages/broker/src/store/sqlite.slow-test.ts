import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Clock } from '../clock.ts'
import { StoreFailedError, StoreFullError, StoreOpenError } from './errors.ts'
import { storeFile } from './file-names.ts'
import { GroupWriter } from './group.ts'
import { Times } from './message-codec.ts'
import { newFolder } from './new-folder.contract.ts'
import { Operations } from './operations.ts'
import { createSqliteStore, type SqliteStoreOptions } from './sqlite.ts'
import { SqliteEngine } from './sqlite-engine.ts'
import { storeContract } from './store.contract.ts'
import type { Change, Recovered } from './store.ts'
import {
  commit,
  contractClock,
  done,
  end,
  message,
  noise,
  queued,
  readQueue,
  retained,
  sent,
  session,
} from './store-samples.contract.ts'

storeContract('sqlite', async () => {
  const folder = newFolder()
  const open = () => createSqliteStore({ folder, clock: contractClock, reserveBytes: 0 })
  const store = await open()
  return {
    store,
    async reopen() {
      await store.crash()
      return open()
    },
  }
})

async function opened(options: SqliteStoreOptions) {
  const store = await createSqliteStore({ clock: contractClock, reserveBytes: 0, ...options })
  return { store, recovered: await store.open() }
}

/** What an opened store has, in numbers. */
function counts({
  sessions,
  retained,
}: Recovered): [sessions: number, queued: number, kept: number] {
  return [
    sessions.length,
    sessions.reduce((sum, each) => sum + each.queuedCount, 0),
    retained.length,
  ]
}

/** The only value that a query finds in the file of a closed store. */
function ask(folder: string, sql: string): unknown {
  const database = new DatabaseSync(storeFile(folder), { readOnly: true })
  const [value] = Object.values(database.prepare(sql).get() ?? {})
  database.close()
  return value
}

for (const level of ['os', 'memory'] as const) {
  test(`keeps at level ${level} what an orderly end leaves`, async () => {
    const folder = newFolder()
    const { store } = await opened({ folder, level })
    assert.equal(store.level, level)
    const all = [commit(store, [session('a')]), commit(store, [queued('a', 1), retained('t')])]
    await store[Symbol.asyncDispose]()
    await Promise.all(all)
    const again = await opened({ folder })
    assert.deepEqual(counts(again.recovered), [1, 1, 1])
    await again.store[Symbol.asyncDispose]()
  })
}

test('calls back at level memory before the call returns, but never out of turn', async () => {
  const { store } = await opened({ folder: newFolder() })
  await using _ = store
  const called: string[] = []
  store.commit([retained('a')], 'memory', () => called.push('first'))
  assert.deepEqual(called, ['first'])
  const second = new Promise<void>((resolve) => {
    store.commit([retained('b')], 'disk', () => {
      called.push('second')
      resolve()
    })
  })
  store.commit([retained('c')], 'memory', () => called.push('third'))
  assert.deepEqual(called, ['first'])
  await second
  assert.deepEqual(called, ['first', 'second', 'third'])
})

test('fails everything that waits when its thread ends, and what comes later', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder })
  await commit(store, [session('a'), queued('a', 1)])
  const errors: (Error | undefined)[] = []
  store.commit([queued('a', 2)], 'disk', (error) => errors.push(error))
  store.commit([queued('a', 3)], 'disk', (error) => errors.push(error))
  store.readQueue('a', 0, 10, (_, error) => errors.push(error))
  await store.crash()
  store.commit([queued('a', 4)], 'memory', (error) => errors.push(error))
  assert.equal(errors.length, 4)
  for (const error of errors) assert.ok(error instanceof StoreFailedError)
  await assert.rejects(readQueue(store, 'a', 0, 1), StoreFailedError)
  await store[Symbol.asyncDispose]()
  const again = await opened({ folder })
  await using reopened = again.store
  const [first] = await readQueue(reopened, 'a', 0, 1)
  assert.equal(first?.position, 1)
})

test('a full disk fails only the batches that need room, and the store recovers', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder, maxPages: 60, checkpointPages: 10 })
  await commit(store, [session('a')])
  const large = (position: number) =>
    queued('a', position, { message: message({ payload: noise(20_000) }) })
  const filled: number[] = []
  for (let position = 1; ; position++) {
    const outcome = await commit(store, [large(position)]).catch((error) => error)
    if (outcome === undefined) filled.push(position)
    else {
      assert.ok(outcome instanceof StoreFullError, String(outcome))
      break
    }
  }
  assert.ok(filled.length > 2)
  const [first = 0, second = 0] = filled
  // In one group: too large, makes room, refers to what was not stored.
  const group = await Promise.allSettled([
    commit(store, [large(100)]),
    commit(store, [session('b'), large(101)]),
    commit(store, [done('a', first), done('a', second)]),
    commit(store, [sent('a', 100, 1)]),
  ])
  assert.deepEqual(
    group.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled', 'fulfilled'],
  )
  const left = await readQueue(store, 'a', 0, 100)
  assert.deepEqual(
    left.map(({ position }) => position),
    filled.slice(2),
  )
  // Freed rows are removed between the groups, so that there is room again after some tries.
  for (let tries = 0; ; tries++) {
    if ((await commit(store, [large(200)]).catch((error) => error)) === undefined) break
    assert.ok(tries < 1000)
    await commit(store, [retained('t')]).catch(() => {})
  }
  await commit(store, [end('a')])
  await commit(store, [session('b'), queued('b', 300)])
  await store[Symbol.asyncDispose]()
  const again = await opened({ folder })
  assert.deepEqual(
    again.recovered.sessions.map((each) => [each.session.clientIdentifier, each.queuedCount]),
    [['b', 1]],
  )
  await again.store[Symbol.asyncDispose]()
})

test('on a full disk it can be drained, and what becomes free is filled again', async () => {
  const folder = newFolder()
  const reserve = join(folder, 'busbar.reserve')
  const full = { folder, maxPages: 1_000, checkpointPages: 50, reserveBytes: 100_000 }
  const { store } = await opened(full)
  await using _ = store
  assert.ok(existsSync(reserve))
  await commit(store, [session('a')])
  const large = (position: number) =>
    queued('a', position, { message: message({ payload: noise(30_000) }) })
  const refused: Error[] = []
  let position = 0
  while (refused.length < 3) {
    await commit(store, [large(++position)]).catch((error) => refused.push(error))
  }
  assert.ok(!existsSync(reserve), 'the reserve was given up')
  assert.match(refused[2]?.message ?? '', /but for a reserve/)
  await assert.rejects(commit(store, [session('b')]), StoreFullError)
  for (let n = 1; n < position; n++) await commit(store, [done('a', n), sent('a', n + 1, 1)])
  assert.deepEqual(await readQueue(store, 'a', 0, 10), [])
  // Messages kept apart are removed between the groups.
  for (let tries = 0; ; tries++) {
    const outcome = await commit(store, [large(1_000)]).catch((error) => error)
    if (outcome === undefined) break
    assert.ok(tries < 1_000)
  }
})

test('a Session that could not be stored is none, and one that could not be ended goes on', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder, maxPages: 40, checkpointPages: 5 })
  await commit(store, [session('a'), queued('a', 1)])
  const large = { payload: noise(300_000) }
  const tooMuch: Change = { kind: 'retained', message: message(large) }
  await assert.rejects(commit(store, [session('b'), tooMuch]), StoreFullError)
  await assert.rejects(commit(store, [end('a'), session('a'), tooMuch]), StoreFullError)
  await commit(store, [queued('a', 2), queued('b', 3)])
  await commit(store, [session('b')])
  assert.deepEqual(await readQueue(store, 'b', 0, 10), [])
  assert.equal((await readQueue(store, 'a', 0, 10)).length, 2)
  await store.crash()
  const again = await opened({ folder })
  await using reopened = again.store
  assert.deepEqual(counts(again.recovered), [2, 2, 0])
  assert.equal((await readQueue(reopened, 'a', 0, 10)).length, 2)
})

test('refuses a second broker by name, and takes over from one that is gone', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder })
  await commit(store, [session('a')])
  await assert.rejects(createSqliteStore({ folder, reserveBytes: 0 }), (error: Error) => {
    assert.ok(error instanceof StoreOpenError)
    assert.match(error.message, new RegExp(`in use by process ${process.pid}\\b`))
    return true
  })
  await store.crash()
  assert.ok(existsSync(join(folder, 'busbar.lock')), 'a crash leaves the lock file')
  writeFileSync(join(folder, 'busbar.lock'), '1\n')
  const again = await opened({ folder })
  assert.equal(readFileSync(join(folder, 'busbar.lock'), 'utf8'), `${process.pid}\n`)
  assert.deepEqual(counts(again.recovered), [1, 0, 0])
  await again.store[Symbol.asyncDispose]()
  assert.ok(!existsSync(join(folder, 'busbar.lock')))
})

test('nobody else reads the files', { skip: process.platform === 'win32' }, async () => {
  const folder = join(newFolder(), 'data')
  const { store } = await opened({ folder })
  await using _ = store
  await commit(store, [session('a')])
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  assert.equal(mode(folder), '700')
  for (const file of ['busbar.db', 'busbar.db-wal', 'busbar.lock']) {
    assert.equal(mode(join(folder, file)), '600', file)
  }
})

test('a message queued for many Sessions is stored once, and goes with the last', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder })
  const shared = message({ payload: noise(100) })
  const ids = Array.from({ length: 200 }, (_, at) => `client ${at}`)
  await commit(
    store,
    ids.map((id) => session(id)),
  )
  await commit(
    store,
    ids.map((id, at) => queued(id, at + 1, { message: shared })),
  )
  await store.crash()
  const again = await opened({ folder })
  await again.store[Symbol.asyncDispose]()
  assert.equal(ask(folder, 'SELECT count(*) FROM message'), 1)
  const third = await opened({ folder })
  const acknowledged = ids.slice(0, 100).map((id, at) => done(id, at + 1))
  await commit(third.store, acknowledged)
  await commit(
    third.store,
    ids.slice(100).map((id) => end(id)),
  )
  await third.store[Symbol.asyncDispose]()
  const engine = new SqliteEngine({ folder, reserveBytes: 0 })
  engine.scan()
  while (engine.hasLoose) engine.collect()
  engine.close()
  assert.equal(
    ask(folder, 'SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM entry)'),
    0,
  )
})

test('what an ended Session has left is removed bit by bit', () => {
  const folder = newFolder()
  const engine = new SqliteEngine({ folder, reserveBytes: 0 })
  const operations = new Operations([], engine.scan())
  const writer = new GroupWriter(new Times(1, contractClock), 0)
  const entries = Array.from({ length: 3000 }, (_, at) => queued('a', at + 1))
  const changes = [session('a'), session('b'), ...entries, queued('b', 3001), end('a')]
  engine.apply(writer.write([operations.take(changes)]), 'synced')
  engine.collect()
  assert.ok(engine.hasLoose, 'more than one round')
  engine.close()
  // The rest is found again at the next start.
  const again = new SqliteEngine({ folder, reserveBytes: 0 })
  assert.equal(again.scan().lastPosition, 3001, 'a position is not given again while it is there')
  while (again.hasLoose) again.collect()
  again.close()
  assert.equal(ask(folder, 'SELECT count(*) FROM entry'), 1)
})

test('a position that an ended Session had may be queued again', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder })
  const large = message({ payload: noise(5000) })
  await commit(store, [
    session('a'),
    session('b'),
    queued('a', 1),
    queued('a', 2, { message: large }),
  ])
  await commit(store, [end('a'), queued('b', 1), queued('b', 2, { message: large })])
  await store[Symbol.asyncDispose]()
  const again = await opened({ folder })
  await using reopened = again.store
  const found = await readQueue(reopened, 'b', 0, 10)
  assert.deepEqual(
    found.map(({ position, message: { payload } }) => [position, payload.length]),
    [
      [1, 3],
      [2, 5000],
    ],
  )
})

test('a file that was written anew is smaller, and has everything', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder })
  const large = message({ payload: noise(5_000) })
  await commit(store, [session('a'), session('b'), retained('t')])
  const positions = Array.from({ length: 500 }, (_, at) => at + 1)
  await commit(
    store,
    positions.map((position) =>
      queued('a', position, { message: message({ payload: noise(5_000) }) }),
    ),
  )
  await commit(store, [end('a'), queued('b', 501, { message: large })])
  await store[Symbol.asyncDispose]()
  const before = statSync(storeFile(folder)).size
  const database = new DatabaseSync(storeFile(folder))
  database.exec('DELETE FROM entry WHERE session NOT IN (SELECT id FROM session)')
  database.exec('DELETE FROM message WHERE id NOT IN (SELECT message FROM entry)')
  database.exec('VACUUM')
  database.close()
  assert.ok(statSync(storeFile(folder)).size < before / 10)
  const again = await opened({ folder })
  assert.deepEqual(counts(again.recovered), [1, 1, 1])
  const [entry] = await readQueue(again.store, 'b', 0, 10)
  assert.deepEqual([entry?.position, entry?.message.payload], [501, large.payload])
  await again.store[Symbol.asyncDispose]()
})

test('shows its queues and retained messages to SQL', async () => {
  const folder = newFolder()
  const { store } = await opened({ folder })
  const small = message({ topicName: 'grüße', payload: Buffer.from('ja') })
  const large = message({ topicName: 'grüße', payload: Buffer.alloc(2000, 'j') })
  await commit(store, [session('a'), queued('a', 1, { message: small })])
  await commit(store, [queued('a', 2, { message: large }), { kind: 'retained', message: small }])
  await store[Symbol.asyncDispose]()
  const all = "SELECT group_concat(topic || ' ' || length(payload), ', ') FROM"
  assert.equal(
    ask(folder, `${all} (SELECT * FROM waiting ORDER BY position)`),
    'grüße 2, grüße 2000',
  )
  assert.equal(ask(folder, `${all} retained_message`), 'grüße 2')
})

const HOUR = 3_600_000
const jumps: [name: string, wallMs: number, expectedRemaining: number, expectedAge: number][] = [
  ['at once', 0, HOUR, 1000],
  ['a minute later', 60_000, HOUR - 60_000, 61_000],
  ['a day later, or after a jump forward', 24 * HOUR, -23 * HOUR, 24 * HOUR + 1000],
  ['after a jump a day back', -24 * HOUR, HOUR, 1000],
]
for (const [name, wallMs, expectedRemaining, expectedAge] of jumps) {
  test(`a message has no more time left when the store is opened ${name}`, async () => {
    const folder = newFolder()
    let now = 1_000_000
    let wall = 1_800_000_000_000
    const clock: Clock = { now: () => now, wallNow: () => wall }
    const { store } = await opened({ folder, clock })
    const expiring = message({ arrivedAt: now - 1000, expiresAt: now + HOUR })
    await commit(store, [session('a'), queued('a', 1, { message: expiring })])
    await commit(store, [{ kind: 'retained', message: message({ arrivedAt: now - 1000 }) }])
    // However the wall clock jumps while it runs, its own clock goes on.
    wall -= 48 * HOUR
    now += 500
    const [same] = await readQueue(store, 'a', 0, 1)
    assert.equal(same?.message.expiresAt, expiring.expiresAt)
    wall += 48 * HOUR
    await store[Symbol.asyncDispose]()
    // Another process: its clock starts anew.
    now = 7
    wall += wallMs
    const again = await opened({ folder, clock })
    await using reopened = again.store
    // When it is read does not matter.
    now += 9_000
    wall -= 5 * HOUR
    const [entry] = await readQueue(reopened, 'a', 0, 1)
    assert.equal(entry?.message.expiresAt, 7 + expectedRemaining)
    assert.equal(entry?.message.arrivedAt, 7 - expectedAge)
    const [kept] = again.recovered.retained
    assert.equal(kept?.expiresAt, Number.POSITIVE_INFINITY)
    assert.equal(kept?.arrivedAt, 7 - expectedAge)
  })
}
