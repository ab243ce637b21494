import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { StoreFailedError, StoreOpenError } from './errors.ts'
import { logFile, storeFile } from './file-names.ts'
import { newFolder } from './new-folder.contract.ts'
import { createSqliteStore } from './sqlite.ts'
import { commit, noise, queued, retained, session } from './store-samples.contract.ts'

function overwrite(file: string): void {
  writeFileSync(file, noise(1_000), { flag: 'r+' })
}

function replace(file: string): void {
  copyFileSync(file, `${file}.copy`)
  renameSync(`${file}.copy`, file)
}

const away = (folder: string) => `${folder}-away`
const disturbances: [what: string, expected: RegExp, disturb: (folder: string) => void][] = [
  ['removed', /busbar\.db was removed/, (folder) => rmSync(storeFile(folder))],
  ['removed with its folder', /was removed/, (folder) => rmSync(folder, { recursive: true })],
  ['moved with its folder', /was removed/, (folder) => renameSync(folder, away(folder))],
  ['replaced by a copy', /busbar\.db was replaced/, (folder) => replace(storeFile(folder))],
  ['shortened', /busbar\.db was shortened/, (folder) => truncateSync(storeFile(folder))],
  ['written to', /busbar\.db was written to/, (folder) => overwrite(storeFile(folder))],
  ['parted from its log', /-wal was removed/, (folder) => rmSync(logFile(folder))],
  ['given the copy of its log', /-wal was replaced/, (folder) => replace(logFile(folder))],
  ['left with a shortened log', /-wal was shortened/, (folder) => truncateSync(logFile(folder))],
  ['left with a damaged log', /-wal was written to/, (folder) => overwrite(logFile(folder))],
]

async function filled(folder: string) {
  const store = await createSqliteStore({ folder, reserveBytes: 0 })
  await store.open()
  await commit(store, [session('a'), retained('t'), queued('a', 1)])
  // Writes that are as close to each other as the clock of the file system is coarse look like one.
  await new Promise((resolve) => setTimeout(resolve, 20))
  return store
}

for (const [what, expected, disturb] of disturbances) {
  const isExact = process.platform === 'linux' || !/written|damaged/.test(what)
  test(`a file that is ${what} takes nothing any more, and is left as it is`, {
    skip: process.platform === 'win32' || !isExact,
  }, async () => {
    const folder = newFolder()
    const store = await filled(folder)
    disturb(folder)
    const left = existsSync(storeFile(folder)) ? readFileSync(storeFile(folder)) : undefined
    await assert.rejects(commit(store, [queued('a', 2)]), (error: Error) => {
      assert.ok(error instanceof StoreFailedError)
      assert.match(error.message, expected)
      assert.match(error.message, /busbar restore FILE/)
      return true
    })
    await store[Symbol.asyncDispose]()
    if (left !== undefined) assert.ok(readFileSync(storeFile(folder)).equals(left))
    else assert.equal(existsSync(folder) && existsSync(storeFile(folder)), false)
  })
}

test('what was moved with its folder is whole there', {
  skip: process.platform === 'win32',
}, async () => {
  const folder = newFolder()
  const store = await filled(folder)
  renameSync(folder, away(folder))
  await assert.rejects(commit(store, [queued('a', 2)]), StoreFailedError)
  await store[Symbol.asyncDispose]()
  await using moved = await createSqliteStore({ folder: away(folder), reserveBytes: 0 })
  const { sessions, retained: kept } = await moved.open()
  assert.deepEqual([sessions[0]?.queuedCount, kept.length], [1, 1])
})

test('a store that ended while its database was aside is brought back', async () => {
  const folder = newFolder()
  await (await filled(folder))[Symbol.asyncDispose]()
  renameSync(storeFile(folder), `${storeFile(folder)}.aside`)
  await using store = await createSqliteStore({ folder, reserveBytes: 0 })
  assert.equal((await store.open()).sessions.length, 1)
})

test('a log that is none is refused, and left as it is', async () => {
  const folder = newFolder()
  const store = await filled(folder)
  await store.crash()
  rmSync(logFile(folder), { force: true })
  writeFileSync(logFile(folder), noise(50_000))
  await assert.rejects(createSqliteStore({ folder, reserveBytes: 0 }), (error: Error) => {
    assert.ok(error instanceof StoreOpenError)
    assert.match(error.message, /busbar\.db is damaged \(its log is not one/)
    return true
  })
  assert.equal(readFileSync(logFile(folder)).length, 50_000)
})
