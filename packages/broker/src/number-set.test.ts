import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NumberSet } from './number-set.ts'

test('a set of numbers has what a Set has, and its first is the lowest', () => {
  const numbers = new NumberSet()
  const expected = new Set<number>()
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let step = 0; step < 20_000; step++) {
    const number = random(random(4) === 0 ? 3_000 : 70)
    if (random(2) === 0) {
      numbers.add(number)
      expected.add(number)
    } else assert.equal(numbers.delete(number), expected.delete(number))
    assert.equal(numbers.size, expected.size)
    assert.equal(numbers.has(number), expected.has(number))
    assert.equal(numbers.first, expected.size === 0 ? undefined : Math.min(...expected))
  }
})

test('a set of numbers says what it takes with one more, and takes that', () => {
  const numbers = new NumberSet()
  assert.equal(numbers.bytes, 0)
  assert.equal(numbers.first, undefined)
  assert.equal(numbers.delete(5), false)
  for (const number of [0, 31, 32, 33, 1_000, 40, 1_000_000]) {
    const announced = numbers.bytesWith(number)
    numbers.add(number)
    assert.equal(numbers.bytes, announced)
    assert.ok(number < numbers.bytes * 8 && numbers.has(number))
  }
  assert.ok(numbers.bytes < 130_000)
})
