import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { append, batches, inFolder, load, recordEnds } from '../testing/stored-batches.ts'
import { crc32 } from './crc32.ts'
import { fileStore } from './file-store.ts'
import { encodeRecord, magic, readLog } from './log-format.ts'

test('the check sum is that of zip', () => {
  assert.equal(crc32(new TextEncoder().encode('123456789')), 0xcbf43926)
})

test('cut at any byte, a log holds exactly the batches that were whole', () => {
  const records = batches.map(encodeRecord)
  const whole = Buffer.concat([magic, ...records])
  const ends = recordEnds(records, magic.length)
  for (let length = magic.length; length <= whole.length; length++) {
    const { records: read, end, damagedAt } = readLog(Uint8Array.from(whole.subarray(0, length)))
    const count = ends.filter((each) => each <= length).length
    assert.deepEqual(JSON.stringify(read), JSON.stringify(batches.slice(0, count)))
    assert.equal(end, count === 0 ? magic.length : ends[count - 1])
    assert.equal(damagedAt, undefined)
  }
})

test('any one byte that is wrong within a record hides that record, never changes it', () => {
  const records = batches.map(encodeRecord)
  const whole = Buffer.concat([magic, ...records])
  for (let at = magic.length; at < whole.length; at++) {
    const log = Uint8Array.from(whole)
    log[at] = (log[at] as number) ^ 0x10
    const { records: read, damagedAt } = readLog(log)
    assert.ok(read.length < batches.length)
    assert.deepEqual(JSON.stringify(read), JSON.stringify(batches.slice(0, read.length)))
    // Only the last record may be missing without a word, since a crash looks the same.
    if (read.length < batches.length - 1) assert.ok(damagedAt !== undefined, `at ${at}`)
  }
})

test('a file that is damaged, or not ours, is refused and left as it is', async () => {
  await inFolder(async (path) => {
    const damaged = Buffer.concat([magic, ...batches.map(encodeRecord)])
    damaged[magic.length + 20] = 0xff
    for (const content of [damaged, Buffer.from('#!/bin/sh\n')]) {
      await writeFile(path, content)
      await assert.rejects(load(path), { code: 'store-failed' })
      assert.deepEqual(await readFile(path), content)
    }
  })
})

test('the file does not grow without end, and is readable by its owner alone', async () => {
  await inFolder(async (path) => {
    await using store = fileStore(path, { compactAtBytes: 5_000 })
    await store.load()
    let longest = 0
    for (let sequence = 1; sequence <= 100; sequence++) {
      await store.commit([append(sequence, new Uint8Array(500))])
      if (sequence > 3) await store.commit([{ type: 'remove', sequence: sequence - 3 }])
      longest = Math.max(longest, (await stat(path)).size)
    }
    assert.ok(longest < 10_000, `${longest} bytes`)
    if (process.platform !== 'win32') assert.equal((await stat(path)).mode & 0o777, 0o600)
    await store[Symbol.asyncDispose]()
    assert.deepEqual(
      (await load(path)).messages.map(({ sequence }) => sequence),
      [98, 99, 100],
    )
  })
})

test('the lock of a process that is no more is taken over', async () => {
  await inFolder(async (path) => {
    const { pid } = spawnSync(process.execPath, ['--version'])
    await writeFile(`${path}.lock`, `${pid}\n`)
    assert.deepEqual(await load(path), { messages: [], held: [] })
  })
})

test('the lock of a process that lives is kept', async () => {
  await inFolder(async (path) => {
    await writeFile(`${path}.lock`, `${process.ppid}\n`)
    await assert.rejects(load(path), { code: 'store-failed', message: /in use by process \d+/ })
    assert.equal(await readFile(`${path}.lock`, 'utf8'), `${process.ppid}\n`)
  })
})
