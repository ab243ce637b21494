import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { BackupError, StoreOpenError } from './errors.ts'
import { storeFile } from './file-names.ts'
import { createSqliteStore } from './sqlite.ts'
import { backupStore, restoreStore } from './sqlite-backup.ts'
import { checkStore } from './sqlite-check.ts'
import { openDatabase } from './sqlite-file.ts'
import { commit, done, noise, queued, session, summary } from './store-samples.contract.ts'

const root = mkdtempSync(join(tmpdir(), 'busbar-backup-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
function newFolder(): string {
  const folder = join(root, `${++folders}`)
  mkdirSync(folder)
  return folder
}

/** An opened store. */
async function open(folder: string) {
  const store = await createSqliteStore({ folder, reserveBytes: 0 })
  return Object.assign(store, { found: await summary(store) })
}

/** A folder with a closed store that has one Session with entries at these positions. */
async function filled(...positions: readonly number[]): Promise<string> {
  const folder = newFolder()
  await using store = await open(folder)
  await commit(store, [session('a'), ...positions.map((position) => queued('a', position))])
  return folder
}

const queueOf = async (folder: string): Promise<string[]> => {
  await using store = await open(folder)
  return store.found.queue
}

test('what is committed before a backup is in it, and what comes meanwhile goes on', async () => {
  const folder = newFolder()
  const file = join(newFolder(), 'backup.db')
  await using store = await open(folder)
  await commit(store, [session('a')])
  let position = 0
  const next = () => queued('a', ++position, { message: { ...large, topicName: `t/${position}` } })
  for (let i = 0; i < 300; i++) await commit(store, [next()], 'memory')
  let isRunning = true
  const before = position
  const backup = store.backup(file, false).finally(() => {
    isRunning = false
  })
  while (isRunning) await commit(store, [next(), done('a', position - 100)])
  await backup
  assert.ok(position > before)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(checkStore(file).faults, [])
  const restored = newFolder()
  await restoreStore(file, restored)
  const kept = await queueOf(restored)
  // A prefix of what happened, no shorter than what had happened before.
  const last = Number(kept.at(-1)?.split(' ')[1])
  assert.ok(last >= before && last <= position, `${before} ${last} ${position}`)
  const first = Math.max(1, last - 99)
  const expected = Array.from({ length: last - first + 1 }, (_, at) => `a ${first + at}`)
  // Entries before the churn are those that it has not reached.
  const untouched = Array.from({ length: before }, (_, at) => at + 1).filter(
    (each) => each < first && each <= before - 100,
  )
  assert.deepEqual(kept, [...untouched.map((each) => `a ${each}`), ...expected])
})

const large = {
  topicName: 't',
  payload: noise(20_000),
  qos: 1,
  retain: false,
  properties: {},
  publisher: '',
  arrivedAt: 0,
  expiresAt: Number.POSITIVE_INFINITY,
} as const

test('one backup at a time', async () => {
  const folder = newFolder()
  await using store = await open(folder)
  const first = store.backup(join(folder, 'one.db'), false)
  await assert.rejects(store.backup(join(folder, 'two.db'), false), /being written already/)
  await first
  await store.backup(join(folder, 'two.db'), false)
  assert.ok(!existsSync(join(folder, 'one.db-wal')))
})

test('a store that is closed gives up its backup and leaves nothing of it', async () => {
  const folder = newFolder()
  const elsewhere = newFolder()
  const store = await open(folder)
  const entries = Array.from({ length: 1_000 }, (_, at) =>
    // A message of its own each: one that is the same would be kept once.
    queued('a', at + 1, { message: { ...large } }),
  )
  await commit(store, [session('a'), ...entries])
  const backup = store.backup(join(elsewhere, 'b.db'), false)
  const outcome = assert.rejects(backup, BackupError)
  await store[Symbol.asyncDispose]()
  await outcome
  assert.deepEqual(readdirSync(elsewhere), [])
  await assert.rejects(store.backup(join(elsewhere, 'b.db'), false), /closed/)
})

test('a backup that fails does not harm the store', async () => {
  const folder = newFolder()
  await using store = await open(folder)
  await assert.rejects(store.backup('/nonexistent/b.db', false), /its folder is not there/)
  await commit(store, [session('a')])
})

const refusals: [name: string, message: RegExp, place: (folder: string) => string][] = [
  ['a file that is there', /is there already: .*--force/, (folder) => touch(join(folder, 'b'))],
  [
    'a link to nowhere',
    /is there already: /,
    (folder) => {
      symlinkSync('/nonexistent', join(folder, 'b'))
      return join(folder, 'b')
    },
  ],
  ['no folder', /its folder is not there; make it/, (folder) => join(folder, 'none', 'b')],
  ['a file as folder', /give another one/, (folder) => join(touch(join(folder, 'b')), 'b')],
  ['the store', /named as the store's own files are: .*busbar-backup.db/, storeFile],
  ['its socket', /named as the store's own/, (folder) => join(folder, 'control.sock')],
]

for (const [name, message, place] of refusals) {
  test(`a backup does not go to ${name}`, async () => {
    const folder = await filled(1)
    const file = place(folder)
    const before = readdirSync(folder)
    await assert.rejects(backupStore(folder, file), (error: Error) => {
      assert.ok(error instanceof BackupError)
      assert.match(error.message, message)
      assert.ok(error.message.includes(file), error.message)
      return true
    })
    assert.deepEqual(withoutLog(readdirSync(folder)), withoutLog(before))
  })
}

/** Without what SQLite leaves where a file is read. */
const withoutLog = (names: readonly string[]) => names.filter((name) => !/-(wal|shm)$/.test(name))

function touch(file: string): string {
  writeFileSync(file, 'x')
  return file
}

test('a backup replaces a file when it is told to, but never the store', async () => {
  const folder = await filled(1)
  const file = touch(join(folder, 'b'))
  await backupStore(folder, file, { overwrite: true })
  assert.deepEqual(checkStore(file).faults, [])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const onStore = backupStore(folder, storeFile(folder), { overwrite: true })
  await assert.rejects(onStore, /named as the store's own/)
  const onFolder = backupStore(folder, newFolder(), { overwrite: true })
  await assert.rejects(onFolder, BackupError)
})

test('a backup of a store that was not closed has what its log has', async () => {
  const folder = newFolder()
  const crashed = newFolder()
  {
    await using store = await open(folder)
    await commit(store, [session('a'), queued('a', 1)])
    for (const end of ['', '-wal']) copyFileSync(storeFile(folder) + end, storeFile(crashed) + end)
  }
  const file = join(newFolder(), 'b.db')
  await backupStore(crashed, file)
  const restored = newFolder()
  await restoreStore(file, restored)
  assert.deepEqual(await queueOf(restored), ['a 1'])
  // Itself it still has it.
  assert.deepEqual(await queueOf(crashed), ['a 1'])
})

test('nothing is read, and nothing restored, while a broker has the store', async () => {
  const folder = newFolder()
  const other = await filled(1)
  await using store = await open(folder)
  const inUse = (error: Error) =>
    error instanceof StoreOpenError &&
    error.message.includes(`is in use by process ${process.pid}. Stop it first`)
  assert.throws(() => checkStore(storeFile(folder)), inUse)
  await assert.rejects(backupStore(folder, join(root, 'never.db')), inUse)
  await assert.rejects(restoreStore(storeFile(other), folder), inUse)
  assert.deepEqual(
    readdirSync(folder).filter((name) => /restor/.test(name)),
    [],
  )
  await commit(store, [session('goes on')])
})

test('no broker starts while a store is read', async () => {
  const folder = await filled(1)
  const reading = new DatabaseSync(storeFile(folder), { readOnly: true })
  reading.exec('BEGIN; SELECT * FROM session')
  await assert.rejects(createSqliteStore({ folder, reserveBytes: 0 }), /is in use by/)
  reading.close()
  assert.deepEqual(await queueOf(folder), ['a 1'])
})

test('a restore keeps what was there, under a name that was free', async () => {
  const first = await filled(1)
  const folder = await filled(2)
  const kept = await restoreStore(storeFile(first), folder)
  assert.equal(kept, `${storeFile(folder)}.before-restore-1`)
  assert.deepEqual(await queueOf(folder), ['a 1'])
  assert.equal(await restoreStore(kept, folder), `${storeFile(folder)}.before-restore-2`)
  assert.deepEqual(await queueOf(folder), ['a 2'])
  for (const name of readdirSync(folder)) {
    if (name.startsWith('busbar.db')) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
    }
  }
})

test('a restore makes the folder if need be', async () => {
  const folder = join(newFolder(), 'a', 'b')
  assert.equal(await restoreStore(storeFile(await filled(1)), folder), undefined)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.deepEqual(await queueOf(folder), ['a 1'])
})

test('a restore keeps the log of a store that was not closed within it', async () => {
  const folder = newFolder()
  const crashed = newFolder()
  {
    await using store = await open(folder)
    await commit(store, [session('a'), queued('a', 3)])
    for (const end of ['', '-wal']) copyFileSync(storeFile(folder) + end, storeFile(crashed) + end)
  }
  const kept = await restoreStore(storeFile(await filled(1)), crashed)
  assert.deepEqual(await queueOf(crashed), ['a 1'])
  const again = newFolder()
  await restoreStore(kept ?? '', again)
  assert.deepEqual(await queueOf(again), ['a 3'])
})

const damaged: [name: string, damage: (file: string) => void][] = [
  ['that is damaged', (file) => writeFileSync(file, noise(10_000))],
  ['that is empty but for its log', (file) => truncateSync(file, 0)],
  ['cut short', (file) => truncateSync(file, 4_096)],
]
for (const [name, damage] of damaged) {
  test(`a restore puts aside a store ${name}, with its log`, async () => {
    const backup = await filled(1)
    const folder = await filled(2)
    damage(storeFile(folder))
    writeFileSync(`${storeFile(folder)}-wal`, 'the log')
    const kept = await restoreStore(storeFile(backup), folder)
    assert.ok(existsSync(kept ?? ''))
    assert.ok(!existsSync(`${storeFile(folder)}-wal`))
    assert.deepEqual(await queueOf(folder), ['a 1'])
  })
}

const unfit: [name: string, message: RegExp, make: (file: string) => void][] = [
  ['what is not there', /^There is no .*bad.db/, () => {}],
  ['a folder', /is no file/, (file) => mkdirSync(file)],
  [
    'what is no database',
    /is no database, or its beginning is damaged/,
    (file) => writeFileSync(file, noise(600)),
  ],
  ['what is no file of SQLite', /is no database/, (file) => touch(file)],
  ['what is empty', /is no database/, (file) => writeFileSync(file, '')],
  ['a foreign database', /but not of Busbar/, (file) => sql(file, 'CREATE TABLE t (a)')],
  [
    'a database without tables',
    /has nothing in it/,
    (file) => sql(file, 'PRAGMA user_version = 1; PRAGMA user_version = 0'),
  ],
  [
    'a later version',
    /was written by a later Busbar/,
    (file) => {
      copyStore(file)
      sql(file, 'PRAGMA user_version = 99')
    },
  ],
  [
    'a damaged backup',
    /cannot be restored: the file is damaged: .*\. Take another backup$|is damaged \(/s,
    (file) => {
      copyStore(file)
      const content = readFileSync(file)
      content.fill(0x55, 4_096 * 3, 4_096 * 6)
      writeFileSync(file, content)
    },
  ],
]

function copyStore(file: string): void {
  const folder = newFolder()
  const database = openDatabase({ folder })
  database.exec('PRAGMA journal_mode = DELETE')
  database.close()
  copyFileSync(storeFile(folder), file)
  chmodSync(file, 0o600)
}

function sql(file: string, text: string): void {
  const database = new DatabaseSync(file)
  database.exec(text)
  database.close()
}

for (const [name, message, make] of unfit) {
  test(`a restore refuses ${name}, and changes nothing`, async () => {
    const folder = await filled(1)
    const file = join(newFolder(), 'bad.db')
    make(file)
    const before = readFileSync(storeFile(folder))
    const names = readdirSync(folder)
    await assert.rejects(restoreStore(file, folder), (error: Error) => {
      assert.ok(error instanceof StoreOpenError, String(error))
      assert.match(error.message, message)
      return true
    })
    assert.deepEqual(readdirSync(folder), names)
    assert.ok(readFileSync(storeFile(folder)).equals(before))
  })
}

test('a store is not restored from itself', async () => {
  const folder = await filled(1)
  await assert.rejects(restoreStore(storeFile(folder), folder), /is the store itself/)
  const link = join(newFolder(), 'link')
  symlinkSync(storeFile(folder), link)
  await assert.rejects(restoreStore(link, folder), /is the store itself/)
})
