import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SparseSet } from './sparse.ts'

test('a SparseSet does as a Set', () => {
  const set = new SparseSet<number>()
  assert.deepEqual([set.size, set.has(1), set.delete(1), [...set]], [0, false, false, []])
  set.add(1)
  set.add(2)
  set.add(1)
  assert.deepEqual([set.size, set.has(1), [...set]], [2, true, [1, 2]])
  assert.deepEqual([set.delete(1), set.delete(1), [...set]], [true, false, [2]])
  set.clear()
  assert.deepEqual([set.size, [...set]], [0, []])
  assert.deepEqual([...new SparseSet<number>()], []) // what one is given, no other has
})
