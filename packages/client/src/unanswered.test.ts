import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Unanswered } from './unanswered.ts'

test('Packet Identifiers rotate and are never 0 [MQTT5-2.2.1-3]', () => {
  const unanswered = new Unanswered<string>()
  for (let expected = 1; expected <= 65_535; expected++) {
    assert.equal(unanswered.take('x'), expected)
    unanswered.delete(expected)
  }
  assert.equal(unanswered.take('x'), 1)
})

test('one in use is not given again; when all are, it is full', () => {
  const unanswered = new Unanswered<string>()
  unanswered.set(3, 'restored')
  const taken = new Set<number>([3])
  for (let count = 1; count < 65_535; count++) taken.add(unanswered.take('x'))
  assert.equal(taken.size, 65_535)
  assert.equal(unanswered.get(3), 'restored')
  assert.ok(unanswered.isFull)
  unanswered.delete(7)
  unanswered.delete(7)
  assert.equal(unanswered.take('x'), 7)
  assert.ok(unanswered.isFull)
})
