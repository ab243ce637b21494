import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Reserve } from './reserve.ts'

const folder = mkdtempSync(join(tmpdir(), 'busbar-reserve-'))
after(() => rmSync(folder, { recursive: true }))
const MIB = 1024 * 1024

/** A disk that says what it has free. */
function diskWith(megabytes: number) {
  const disk = { megabytes, available: () => disk.megabytes * MIB }
  return disk
}

test('takes its room, gives it up, and takes it again when there is more', () => {
  const file = join(folder, 'a')
  const disk = diskWith(100)
  const { available } = disk
  const reserve = new Reserve({ file, bytes: 6 * MIB, available }, 0)
  assert.ok(reserve.isWhole)
  assert.equal(statSync(file).size, 6 * MIB)
  disk.megabytes = 8
  reserve.release(0)
  reserve.measure()
  assert.equal(reserve.held, 0)
  assert.ok(!existsSync(file))
  const rows = [
    [0, 8, 0],
    [40_000, 11, 0], // what was given up is not what it may have again
    [41_000, 2, 0],
    [42_000, 5, 0],
    [42_500, 50, 0], // not looked at before a second is over
    [43_000, 6, 4],
    [44_000, 1, 4],
    [45_000, 4, 6],
  ] as const
  for (const [now, megabytes, held] of rows) {
    disk.megabytes = megabytes
    reserve.hold(now)
    assert.equal(reserve.held, held * MIB, `at ${now} ms, with ${megabytes} MiB`)
  }
  assert.equal(statSync(file).size, 6 * MIB)
})

test('tries again after a while where there seems to be plenty', () => {
  const file = join(folder, 'quota')
  const { available } = diskWith(100)
  const reserve = new Reserve({ file, bytes: MIB, available }, 0)
  reserve.release(0)
  reserve.measure()
  reserve.hold(29_000)
  assert.equal(reserve.held, 0)
  reserve.hold(30_000)
  assert.ok(reserve.isWhole)
})

test('keeps what an earlier run has taken, and completes what it has not', () => {
  const file = join(folder, 'b')
  const bytes = 100_000
  writeFileSync(file, Buffer.alloc(bytes))
  const before = statSync(file).mtimeMs
  assert.ok(new Reserve({ file, bytes }, 0).isWhole)
  assert.equal(statSync(file).mtimeMs, before)
  writeFileSync(file, 'cut short')
  assert.ok(new Reserve({ file, bytes }, 0).isWhole)
  assert.equal(statSync(file).size, bytes)
})

test('leaves alone a disk that has little', () => {
  const file = join(folder, 'c')
  const { available } = diskWith(5)
  const reserve = new Reserve({ file, bytes: 16 * MIB, available }, 0)
  assert.equal(reserve.held, 0)
  assert.ok(!existsSync(file))
})

test('is never missed when it is of no size', () => {
  const file = join(folder, 'd')
  const reserve = new Reserve({ file, bytes: 0 }, 0)
  reserve.release(0)
  assert.ok(reserve.isWhole)
  assert.ok(!existsSync(file))
})
