import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Reserve } from './reserve.ts'

const folder = mkdtempSync(join(tmpdir(), 'busbar-reserve-'))
after(() => rmSync(folder, { recursive: true }))
const BYTES = 100_000

test('takes its room, gives it up, and takes it again after a while', () => {
  const file = join(folder, 'a')
  const reserve = new Reserve(file, BYTES, 0)
  assert.ok(reserve.isHeld)
  assert.equal(statSync(file).size, BYTES)
  reserve.release()
  assert.ok(!reserve.isHeld)
  assert.ok(!existsSync(file))
  assert.ok(!reserve.tryHold(29_999))
  assert.ok(reserve.tryHold(30_000))
  assert.equal(statSync(file).size, BYTES)
})

test('keeps what an earlier run has taken, and completes what it has not', () => {
  const file = join(folder, 'b')
  writeFileSync(file, Buffer.alloc(BYTES))
  const before = statSync(file).mtimeMs
  assert.ok(new Reserve(file, BYTES, 0).isHeld)
  assert.equal(statSync(file).mtimeMs, before)
  writeFileSync(file, 'cut short')
  assert.ok(new Reserve(file, BYTES, 0).isHeld)
  assert.equal(statSync(file).size, BYTES)
})

test('leaves alone a disk that has little more', () => {
  const file = join(folder, 'c')
  const reserve = new Reserve(file, Number.MAX_SAFE_INTEGER / 4, 0)
  assert.ok(!reserve.isHeld)
  assert.ok(!existsSync(file))
})

test('is never missed when it is of no size', () => {
  const file = join(folder, 'd')
  const reserve = new Reserve(file, 0, 0)
  reserve.release()
  assert.ok(reserve.isHeld)
  assert.ok(!existsSync(file))
})
