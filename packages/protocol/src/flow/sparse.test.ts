import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SparseMap, SparseSet } from './sparse.ts'

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

test('a SparseMap does as a Map', () => {
  const map = new SparseMap<number, string>()
  assert.deepEqual([map.size, map.get(1), map.has(1), map.delete(1)], [0, undefined, false, false])
  map.set(1, 'a')
  map.set(2, 'b')
  map.set(1, 'c')
  assert.deepEqual(
    [map.size, map.get(1), map.has(2), [...map.values()]],
    [2, 'c', true, ['c', 'b']],
  )
  assert.deepEqual([map.delete(1), [...map.values()]], [true, ['b']])
  map.clear()
  assert.deepEqual([map.size, [...map.values()]], [0, []])
})
