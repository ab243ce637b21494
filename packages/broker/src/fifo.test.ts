import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fifo } from './fifo.ts'

for (const keptPlaces of [0, 4, 10_000]) {
  test(`what comes first leaves first, with ${keptPlaces} places kept`, () => {
    const fifo = new Fifo<number>(keptPlaces)
    let pushed = 0
    let shifted = 0
    // Filled and emptied, in part and as a whole, below and above every limit.
    for (const [more, fewer] of [
      [3, 3],
      [5_000, 2_500],
      [1, 2_000],
      [700, 1_201],
      [2, 1],
      [0, 1],
    ] as const) {
      for (let i = 0; i < more; i++) fifo.push(++pushed)
      for (let i = 0; i < fewer; i++) assert.equal(fifo.shift(), ++shifted)
      assert.equal(fifo.length, pushed - shifted)
      assert.equal(fifo.first, shifted < pushed ? shifted + 1 : undefined)
      assert.deepEqual(
        [...fifo],
        Array.from({ length: pushed - shifted }, (_, index) => shifted + 1 + index),
      )
    }
    assert.equal(fifo.shift(), undefined)
    assert.equal(fifo.length, 0)
  })

  test(`cleared, nothing is left, with ${keptPlaces} places kept`, () => {
    const fifo = new Fifo<string>(keptPlaces)
    for (const item of ['a', 'b', 'c']) fifo.push(item)
    fifo.shift()
    fifo.clear()
    assert.deepEqual(
      [fifo.length, fifo.first, fifo.shift(), [...fifo]],
      [0, undefined, undefined, []],
    )
    fifo.push('d')
    assert.equal(fifo.shift(), 'd')
    assert.equal(fifo.shift(), undefined)
  })
}
