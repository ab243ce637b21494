import assert from 'node:assert/strict'
import { mkdirSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { storeFile } from './file-names.ts'
import { newFolder } from './new-folder.contract.ts'
import { createSqliteStore } from './sqlite.ts'
import { checkStore } from './sqlite-check.ts'
import {
  commit,
  done,
  message,
  noise,
  positionOf,
  queued,
  readQueue,
  session,
} from './store-samples.contract.ts'

const mebibytes = (folder: string) => statSync(storeFile(folder)).size / 2 ** 20

const ENTRIES = 12_000
const AT_ONCE = 1_000
const isLeft = (position: number) => position % 60 === 0

/** A queue of about 50 MiB, of which every sixtieth entry is left. */
async function drained(folder: string) {
  const store = await createSqliteStore({ folder, reserveBytes: 0 })
  await store.open()
  await commit(store, [session('a')])
  const payload = noise(4_000)
  for (let first = 1; first <= ENTRIES; first += AT_ONCE) {
    const positions = Array.from({ length: AT_ONCE }, (_, at) => first + at)
    const entries = positions.map((at) => queued('a', at, { message: message({ payload }) }))
    await commit(store, entries)
  }
  const largest = mebibytes(folder)
  for (let first = 1; first <= ENTRIES; first += AT_ONCE) {
    const positions = Array.from({ length: AT_ONCE }, (_, at) => first + at)
    await commit(
      store,
      positions.filter((at) => !isLeft(at)).map((at) => done('a', at)),
    )
  }
  return { store, largest }
}

/** Until the file stops becoming smaller. */
async function settled(folder: string, below: number): Promise<number> {
  const until = performance.now() + 60_000
  while (mebibytes(folder) > below && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return mebibytes(folder)
}

test('the file of a drained queue becomes small, and keeps what is left', async () => {
  const folder = newFolder()
  const { store, largest } = await drained(folder)
  assert.ok(largest > 40, `${largest} MiB`)
  const small = await settled(folder, 20)
  assert.ok(small < 20, `${small} MiB`)
  const entries = await readQueue(store, 'a', 0, ENTRIES)
  assert.deepEqual(
    entries.map(positionOf),
    Array.from({ length: ENTRIES / 60 }, (_, at) => 60 * (at + 1)),
  )
  for (const { message: kept } of entries) assert.deepEqual(kept.payload, noise(4_000))
  await store[Symbol.asyncDispose]()
  assert.deepEqual(checkStore(storeFile(folder)).faults, [])
})

test('a file that was begun without it is used as it is', async () => {
  const folder = newFolder()
  mkdirSync(folder)
  {
    using database = new DatabaseSync(storeFile(folder))
    database.exec('CREATE TABLE first (column); DROP TABLE first')
  }
  const { store, largest } = await drained(folder)
  await store[Symbol.asyncDispose]()
  assert.ok(mebibytes(folder) >= largest)
})
