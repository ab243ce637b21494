import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline, Deadlines } from './deadlines.ts'

function recorder(): { due: string[]; named: (name: string) => Deadline } {
  const due: string[] = []
  return { due, named: (name) => new Deadline(() => due.push(name)) }
}

test('a deadline is reached once, never early and at most a tick late', () => {
  const { due, named } = recorder()
  const deadlines = new Deadlines(0)
  deadlines.set(named('a'), 1_000)
  deadlines.advance(999)
  assert.deepEqual(due, [])
  deadlines.advance(1_000)
  assert.deepEqual(due, ['a'])
  deadlines.advance(5_000)
  assert.deepEqual(due, ['a'])
})

test('deadlines are reached in order of time, also after a long sleep', () => {
  for (const now of [3_000, 90_000_000]) {
    const { due, named } = recorder()
    const deadlines = new Deadlines(0)
    for (const at of [2_500, 700, 1_900]) deadlines.set(named(String(at)), at)
    deadlines.advance(now)
    assert.deepEqual(due, ['700', '1900', '2500'])
  }
})

test('a deadline can be moved and cleared, also by another one that is due at the same time', () => {
  const { due, named } = recorder()
  const deadlines = new Deadlines(0)
  const moved = named('moved')
  const cleared = named('cleared')
  deadlines.set(
    new Deadline(() => {
      deadlines.clear(cleared)
      deadlines.set(moved, 400)
    }),
    200,
  )
  deadlines.set(moved, 200)
  deadlines.set(cleared, 200)
  deadlines.advance(300)
  assert.deepEqual(due, [])
  deadlines.advance(400)
  assert.deepEqual(due, ['moved'])
})

test('a deadline in the past is reached at the next tick, Infinity never', () => {
  const { due, named } = recorder()
  const deadlines = new Deadlines(10_000)
  deadlines.set(named('past'), 5)
  deadlines.set(named('never'), Number.POSITIVE_INFINITY)
  deadlines.advance(10_100)
  assert.deepEqual(due, ['past'])
})
