import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batch, mostInBatch } from './batch.ts'
import { EAGAIN, openSystem } from './system.ts'

const system = openSystem()
const EBADF = 9

const reads = typeof system === 'string' ? undefined : Batch.open(system, 'read')
const writes = typeof system === 'string' ? undefined : Batch.open(system, 'write')
const skip = (reads === undefined || writes === undefined) && 'the kernel has no io_submit'

for (const count of [1, 2, 3, mostInBatch])
  test(`${count} writes and reads, each with its own result`, { skip }, () => {
    if (typeof system === 'string' || reads === undefined || writes === undefined) return
    const pairs = Array.from({ length: count }, () => system.socketPair())
    const memory = system.region(65_536)
    // More often than the ring of the kernel has places.
    for (let round = 0; round < 20; round++) {
      for (const [index, [near]] of pairs.entries()) {
        memory.bytes.fill(index + round, index * 100, index * 100 + 100)
        writes.add(near, memory.address + index * 100, index + 1)
      }
      writes.run()
      for (let index = 0; index < count; index++) assert.equal(writes.result(index), index + 1)
      for (const [index, [, far]] of pairs.entries())
        reads.add(far, memory.address + 32_768 + index * 100, 100)
      reads.run()
      for (let index = 0; index < count; index++) {
        assert.equal(reads.result(index), index + 1)
        const from = 32_768 + index * 100
        const expected = new Uint8Array(index + 1).fill(index + round)
        assert.deepEqual(memory.bytes.slice(from, from + index + 1), expected)
      }
    }
    for (const end of pairs.flat()) system.libc.close(end)
    system.giveBack(memory)
  })

test('one that fails does not keep the others from being made', { skip }, () => {
  if (typeof system === 'string' || reads === undefined || writes === undefined) return
  const pairs = Array.from({ length: 6 }, () => system.socketPair())
  const memory = system.region(4_096)
  const [, , third] = pairs
  for (const end of third ?? []) system.libc.close(end)
  for (const [near] of pairs) writes.add(near, memory.address, 10)
  writes.run()
  const written = pairs.map((_, index) => writes.result(index))
  assert.deepEqual(written, [10, 10, -EBADF, 10, 10, 10])
  for (const [index, [near, far]] of pairs.entries())
    reads.add(index < 4 ? far : near, memory.address + index * 100, 100)
  reads.run()
  const read = pairs.map((_, index) => reads.result(index))
  assert.deepEqual(read, [10, 10, -EBADF, 10, -EAGAIN, -EAGAIN])
  for (const [index, ends] of pairs.entries())
    if (index !== 2) for (const end of ends) system.libc.close(end)
  system.giveBack(memory)
})
