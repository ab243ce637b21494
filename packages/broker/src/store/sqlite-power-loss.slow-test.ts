import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { storeFile } from './file-names.ts'
import { GroupWriter } from './group.ts'
import { createMemoryStore } from './memory.ts'
import { Times } from './message-codec.ts'
import { Operations } from './operations.ts'
import { SqliteEngine } from './sqlite-engine.ts'
import { recover, unpackEntries } from './sqlite-recovery.ts'
import type { Change, Store } from './store.ts'
import {
  commit,
  contractClock,
  done,
  end,
  message,
  noise,
  queued,
  received,
  retained,
  type Summary,
  sent,
  session,
  subscription,
  summary,
} from './store-samples.contract.ts'

/*
 * What a power cut leaves: everything that was synced, and of what was written later any part. A
 * batch that was reported as committed was synced, so it is there, whatever is cut behind it.
 */

const root = mkdtempSync(join(tmpdir(), 'busbar-power-'))
after(() => rmSync(root, { recursive: true }))

const HEADER = 32
const FRAME = 24 + 4096

/** Batch n does something of everything; what it adds names it. */
function batch(n: number): Change[] {
  const first = 4 * n + 1
  const both = message({ payload: noise(n % 7 === 0 ? 9_000 : 50) })
  const changes: Change[] = [
    queued('a', first, { message: both }),
    queued('b', first + 1, { message: both }),
    queued('a', first + 2, { message: message({ payload: noise((n * 37) % 600) }) }),
    received('b', n + 1),
    retained(`t ${n}`),
  ]
  if (n > 2) changes.push(sent('a', first - 8, n), done('b', first - 7))
  if (n % 10 === 9) changes.push(end('a'), session('a'), subscription('a', `f ${n}`))
  return changes
}

/** What the store is to hold after each number of batches. */
async function expectedAfter(batches: number): Promise<Summary[]> {
  const model = createMemoryStore()
  await commit(model, [session('a'), session('b')])
  const expected = [await summary(model)]
  for (let n = 0; n < batches; n++) {
    await commit(model, batch(n))
    expected.push(await summary(model))
  }
  return expected
}

/** The files as they are at this moment, which are not being written. */
interface Files {
  readonly database: Buffer
  readonly log: Buffer
  readonly reported: number
}

function filesOf(folder: string, reported: number): Files {
  const file = storeFile(folder)
  return { database: readFileSync(file), log: readFileSync(`${file}-wal`), reported }
}

let copies = 0

/** How many batches are there when these files are opened; fails when it is not a whole number. */
async function batchesIn(database: Buffer, log: Buffer, expected: Summary[]): Promise<number> {
  const folder = join(root, `copy ${++copies}`)
  mkdirSync(folder)
  writeFileSync(storeFile(folder), database)
  writeFileSync(`${storeFile(folder)}-wal`, log)
  const engine = new SqliteEngine({ folder, reserveBytes: 0 })
  try {
    const found = await summary(inThisThread(engine))
    const batches = found.retained.length
    assert.deepEqual(found, expected[batches])
    return batches
  } finally {
    engine.close()
    rmSync(folder, { recursive: true })
  }
}

/** A worker for each cut would take a minute. */
function inThisThread(engine: SqliteEngine): Pick<Store, 'open' | 'readQueue'> {
  const numbers = new Map<string, number>()
  const times = new Times(0, contractClock)
  return {
    async open() {
      const scan = engine.scan()
      for (const [number, clientIdentifier] of scan.sessions) numbers.set(clientIdentifier, number)
      return recover(scan, times)
    },
    readQueue(clientIdentifier, afterPosition, limit, page) {
      const number = numbers.get(clientIdentifier) ?? 0
      const packed = engine.page(number, afterPosition, Number.POSITIVE_INFINITY, limit)
      page(unpackEntries(packed, times).map(({ entry }) => entry))
    },
  }
}

/** A repeatable choice below `limit`. */
let seed = 20_261_122
function any(limit: number): number {
  seed = (seed * 48_271) % 2_147_483_647
  return seed % limit
}

const BATCHES = 40

/** Runs the batches one by one and keeps the files after each transaction. */
function run(checkpointPages: number, sparePages?: number): Files[] {
  const folder = join(root, `run ${checkpointPages}`)
  const engine = new SqliteEngine({ folder, checkpointPages, reserveBytes: 0, sparePages })
  const operations = new Operations([], engine.scan())
  const writer = new GroupWriter(new Times(1, contractClock), 0)
  const files: Files[] = []
  for (let n = -1; n < BATCHES; n++) {
    const changes = n < 0 ? [session('a'), session('b')] : batch(n)
    engine.apply(writer.write([operations.take(changes)]), 'synced')
    files.push(filesOf(folder, n + 1))
    while (engine.hasLoose) {
      engine.collect()
      files.push(filesOf(folder, n + 1))
    }
    for (let isMore = true; isMore; ) {
      isMore = engine.shrink()
      files.push(filesOf(folder, n + 1))
    }
  }
  engine.close()
  return files
}

test('every cut of the log holds what was reported until then, and no half batch', async () => {
  const expected = await expectedAfter(BATCHES)
  const files = run(1_000_000)
  const last = files.at(-1)
  assert.ok(last !== undefined)
  const { database, log } = last
  for (const each of files) assert.ok(each.database.equals(database), 'no checkpoint')
  const cuts: number[] = []
  for (let at = HEADER; at <= log.length; at += FRAME) cuts.push(at)
  for (let n = 0; n < 60; n++) cuts.push(any(log.length))
  // The Sessions themselves are the first to be reported; before that there may be nothing.
  const start = files[0]?.log.length ?? 0
  for (const cut of cuts.filter((at) => at >= start)) {
    const reported = files.findLast((each) => each.log.length <= cut)?.reported ?? 0
    const kept = await batchesIn(database, log.subarray(0, cut), expected)
    assert.ok(kept >= reported, `cut at ${cut}: ${kept} of ${reported} reported batches`)
  }
})

test('whatever follows what was synced is not taken for a batch', async () => {
  const expected = await expectedAfter(BATCHES)
  const files = run(1_000_001)
  const { database, log } = files.at(-1) ?? { database: Buffer.alloc(0), log: Buffer.alloc(0) }
  for (let n = 0; n < 60; n++) {
    const synced = files[any(files.length)] ?? files[0]
    assert.ok(synced !== undefined)
    // Later pages reach the disk in any order, or as garbage, or as zeros.
    const torn = Buffer.from(log)
    for (let at = synced.log.length; at < torn.length; at += 512) {
      const fate = any(4)
      const length = Math.min(512, torn.length - at)
      if (fate === 0) torn.fill(0, at, at + length)
      else if (fate === 1) torn.set(noise(length), at)
    }
    const kept = await batchesIn(database, torn, expected)
    assert.ok(kept >= synced.reported, `${kept} of ${synced.reported} reported batches`)
  }
})

test('a log that begins anew after a checkpoint is cut anywhere without a loss', async () => {
  const expected = await expectedAfter(BATCHES)
  const files = run(12, 0)
  const changed = files.filter(
    (each, at) => !each.database.equals(files[at - 1]?.database ?? each.database),
  )
  assert.ok(changed.length > 3, 'there were checkpoints')
  for (const [at, before] of files.entries()) {
    assert.equal(await batchesIn(before.database, before.log, expected), before.reported)
    const later = files[at + 1]
    if (later === undefined || !later.database.equals(before.database)) continue
    // The log of the next batch has reached the disk up to any byte, over that of the one before.
    for (let n = 0; n < 4; n++) {
      const cut = any(later.log.length + 1)
      const mixed = Buffer.concat([later.log.subarray(0, cut), before.log.subarray(cut)])
      const kept = await batchesIn(before.database, mixed, expected)
      assert.ok(kept >= before.reported, `${kept} of ${before.reported}`)
    }
  }
})

test('a checkpoint that was cut is made again', async () => {
  const expected = await expectedAfter(BATCHES)
  const files = run(13, 0)
  let checkpoints = 0
  for (const [at, before] of files.entries()) {
    const later = files[at + 1]
    if (later === undefined || later.database.equals(before.database)) continue
    checkpoints++
    // The log was synced before its pages were copied, of which any have arrived.
    for (let n = 0; n < 4; n++) {
      const length = any(2) === 0 ? before.database.length : later.database.length
      const database = Buffer.alloc(length)
      for (let page = 0; page < length; page += 4096) {
        const isOld = any(2) === 0 && page < before.database.length
        const from = isOld ? before.database : later.database
        // What the checkpoint has cut off may still be there, or be zeros.
        if (page < from.length) from.copy(database, page, page, page + 4096)
      }
      assert.equal(await batchesIn(database, later.log, expected), later.reported)
    }
  }
  assert.ok(checkpoints > 3)
})
