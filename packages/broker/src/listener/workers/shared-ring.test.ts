import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import {
  createRing,
  largestRecord,
  RingReader,
  RingWriter,
  type TakeRecord,
} from './shared-ring.ts'

const capacity = 4 * largestRecord

interface Read {
  readonly kind: number
  readonly slot: number
  readonly bytes: Uint8Array
}

function openRing() {
  const memory = createRing(capacity)
  return { writer: new RingWriter(memory), reader: new RingReader(memory) }
}

function readAll(reader: RingReader): Read[] {
  const records: Read[] = []
  const keep: TakeRecord = (kind, slot, bytes, start, end) =>
    void records.push({ kind, slot, bytes: bytes.slice(start, end) })
  while (reader.read(keep));
  return records
}

/** Of this length, with what tells it from others. */
function bytesOf(length: number, seed = length): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8) + seed)
}

test('an empty ring has nothing to read, before and after something was in it', () => {
  const { writer, reader } = openRing()
  assert.deepEqual(readAll(reader), [])
  assert.ok(writer.write(1, 2, bytesOf(3)))
  assert.equal(readAll(reader).length, 1)
  assert.deepEqual(readAll(reader), [])
})

test('records come out as they went in: kind, slot and bytes of any length', () => {
  const { writer, reader } = openRing()
  const records: Read[] = [0, 1, 7, 8, 9, 4_095, largestRecord - 1, largestRecord].map(
    (length, index) => ({ kind: index * 31, slot: 0xffff_ffff - index, bytes: bytesOf(length) }),
  )
  for (const { kind, slot, bytes } of records) assert.ok(writer.write(kind, slot, bytes))
  assert.deepEqual(readAll(reader), records)
  assert.ok(writer.write(255, 7))
  assert.deepEqual(readAll(reader), [{ kind: 255, slot: 7, bytes: new Uint8Array(0) }])
})

test('bytes wrap around the end of the memory, at every place where they can', () => {
  const { writer, reader } = openRing()
  // Not a divisor of the capacity, so that the end comes at another place each time.
  for (let round = 0; round < 200; round++) {
    const bytes = bytesOf(24_040 + (round % 64), round)
    assert.ok(writer.write(1, round, bytes))
    assert.deepEqual(readAll(reader), [{ kind: 1, slot: round, bytes }])
  }
})

test('a full ring takes nothing and loses nothing, and takes more when there is room', () => {
  const { writer, reader } = openRing()
  let written = 0
  while (writer.write(1, written, bytesOf(largestRecord - 8, written))) written++
  assert.equal(written, 4)
  assert.equal(writer.write(1, 99), false)
  assert.deepEqual(
    readAll(reader).map(({ slot }) => slot),
    [0, 1, 2, 3],
  )
  assert.ok(writer.write(1, 4))
  assert.deepEqual(readAll(reader).length, 1)
})

test('a record that is larger than what is free waits; a smaller one has room', () => {
  const { writer, reader } = openRing()
  for (let index = 0; index < 3; index++) assert.ok(writer.write(1, index, bytesOf(largestRecord)))
  assert.equal(writer.write(1, 3, bytesOf(largestRecord)), false)
  assert.ok(writer.write(1, 3, bytesOf(100)))
  assert.deepEqual(
    readAll(reader).map(({ bytes }) => bytes.length),
    [largestRecord, largestRecord, largestRecord, 100],
  )
})

test('a record larger than any may be is refused, and so is a ring too small for one', () => {
  const { writer } = openRing()
  assert.throws(() => writer.write(1, 1, bytesOf(largestRecord + 1)), RangeError)
  assert.throws(() => createRing(largestRecord), RangeError)
  assert.throws(() => createRing(capacity + 8), RangeError)
})

test('what throws while it takes a record does not get it again', () => {
  const { writer, reader } = openRing()
  for (let slot = 0; slot < 3; slot++) writer.write(1, slot)
  const taken: number[] = []
  const fail = (_: number, slot: number) => {
    taken.push(slot)
    throw new Error('a defect')
  }
  assert.throws(() => reader.read(fail), { message: 'a defect' })
  assert.deepEqual(
    readAll(reader).map(({ slot }) => slot),
    [1, 2],
  )
  assert.deepEqual(taken, [0])
})

test('bytes stay as they are until the next read, and part of an array is a record', () => {
  const { writer, reader } = openRing()
  const kept: Uint8Array[] = []
  writer.write(1, 0, bytesOf(50), 10, 20)
  writer.write(1, 0, bytesOf(60), 0, 60)
  writer.write(1, 0, bytesOf(60), 60, 60)
  reader.read((_, __, bytes, start, end) => kept.push(bytes.subarray(start, end)))
  writer.write(1, 0, bytesOf(70))
  assert.deepEqual(
    kept.map((bytes) => bytes.slice()),
    [bytesOf(50).slice(10, 20), bytesOf(60), bytesOf(0)],
  )
})

test('a reader that sleeps is woken up once, by the first record that is told', async () => {
  const { writer, reader } = openRing()
  const woken = reader.sleep()
  assert.ok(woken !== undefined)
  let isAwake = false
  void woken.then(() => {
    isAwake = true
  })
  writer.write(1, 1)
  for (let turn = 0; turn < 3; turn++) await nextTurn()
  assert.equal(isAwake, false)
  writer.wake()
  await woken
  assert.equal(reader.sleep(), undefined, 'there is something to read')
})

test('whoever waits for room is told when half of the ring is free', async () => {
  const { writer, reader } = openRing()
  assert.equal(writer.untilRoom(), undefined)
  while (writer.write(1, 1, bytesOf(largestRecord)));
  const told = writer.untilRoom()
  assert.ok(told !== undefined)
  readAll(reader)
  await told
  assert.equal(writer.untilRoom(), undefined)
})

/** Sends back whatever comes, and sleeps in between; it keeps its thread while there is no room. */
const echo = `
const { workerData } = require('node:worker_threads')
const alive = setInterval(() => {}, 1_000)
import(workerData.module).then(async ({ RingReader, RingWriter }) => {
  const reader = new RingReader(workerData.there)
  const writer = new RingWriter(workerData.back)
  let isOver = false
  const take = (kind, slot, bytes, start, end) => {
    if (kind === 0) isOver = true
    while (!writer.write(kind, slot, bytes, start, end)) {
      writer.wake()
      writer.blockUntilRoom()
    }
  }
  while (!isOver) {
    while (reader.read(take)) {}
    writer.wake()
    if (!isOver) await reader.sleep()
  }
  clearInterval(alive)
})
`

/** A small generator, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

for (const seed of [1, 2, 3]) {
  test(`two threads: exact and in order, seed ${seed}`, { timeout: 60_000 }, async () => {
    const there = createRing(capacity)
    const back = createRing(capacity)
    const module = new URL('./shared-ring.ts', import.meta.url).href
    const worker = new Worker(echo, { eval: true, workerData: { module, there, back } })
    const exited = once(worker, 'exit')
    const writer = new RingWriter(there)
    const reader = new RingReader(back)
    const next = random(seed)
    const records = Array.from({ length: 6_000 }, (_, index): Read => {
      const most = next() < 0.05 ? largestRecord : 400
      const length = Math.floor(next() * (most + 1))
      return { kind: 1 + (index % 200), slot: index, bytes: bytesOf(length, index) }
    })
    const sending = (async () => {
      for (const { kind, slot, bytes } of [...records, { kind: 0, slot: 0, bytes: bytesOf(0) }]) {
        while (!writer.write(kind, slot, bytes)) {
          writer.wake()
          await writer.untilRoom()
        }
        // Now and then, so that the reader falls asleep in between.
        if (next() < 0.02) {
          writer.wake()
          await nextTurn()
        }
      }
      writer.wake()
    })()
    let count = 0
    let isOver = false
    const take: TakeRecord = (kind, slot, bytes, start, end) => {
      if (kind === 0) {
        isOver = true
        return
      }
      const sent = records[count++]
      assert.ok(sent?.kind === kind && sent.slot === slot, `record ${count}`)
      assert.ok(
        Buffer.from(sent.bytes).equals(bytes.subarray(start, end)),
        `bytes of record ${count}`,
      )
    }
    while (!isOver) {
      while (reader.read(take));
      if (!isOver) await reader.sleep()
    }
    await sending
    assert.equal(count, records.length)
    assert.deepEqual(await exited, [0])
  })
}
