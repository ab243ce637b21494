import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest } from './did-you-mean.ts'

const names = ['listeners', 'limits', 'log', 'level', 'receiveMaximum', 'port']

const rows = [
  ['listners', 'listeners'],
  ['Listeners', 'listeners'],
  ['prot', 'port'],
  ['receive-maximum', 'receiveMaximum'],
  ['recieveMaximum', 'receiveMaximum'],
  ['lvel', 'level'],
  ['logs', 'log'],
  ['topicAlias', undefined],
  ['', undefined],
  ['x'.repeat(100_000), undefined],
] as const

for (const [word, expected] of rows) {
  test(`${word.slice(0, 20)} is ${expected ?? 'nothing'}`, () =>
    assert.equal(closest(word, names), expected))
}
