import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isExact, numberOf, payloadOf } from './payload.ts'

test('a payload tells its number, and any changed byte', () => {
  const payload = payloadOf(123_456, 1_000)
  assert.equal(numberOf(payload), 123_456)
  assert.ok(isExact(payload))
  for (const at of [3, 4, 500, 999]) {
    const changed = payload.map((byte, index) => (index === at ? byte ^ 1 : byte))
    assert.equal(isExact(changed), false)
  }
})
