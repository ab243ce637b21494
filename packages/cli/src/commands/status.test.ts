import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duration, lost } from './status.ts'

const durations = [
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min 0 s'],
  [3_600, '1 h 0 min'],
  [86_399, '23 h 59 min'],
  [93_600, '1 d 2 h'],
] as const

for (const [seconds, text] of durations) {
  test(`${seconds} s are ${text}`, () => assert.equal(duration(seconds), text))
}

test('losses are summed up and told apart', () => {
  assert.equal(lost({}), '0')
  const expired = { messages: 1, bytes: 5 }
  assert.equal(lost({ expired }), '1 (1 expired)')
  const full = { messages: 2, bytes: 5 }
  assert.equal(lost({ 'queue-full': full, expired }), '3 (2 queue-full, 1 expired)')
})
