import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workerOptions } from './worker-file.ts'

const rows: readonly [given: readonly string[], kept: readonly string[]][] = [
  [[], []],
  [['--input-type=module', '-e', 'code'], []],
  [
    ['-C', 'a', '--watch', '--conditions=b', '--conditions', 'c'],
    ['-C', 'a', '--conditions=b', '--conditions', 'c'],
  ],
]
for (const [given, kept] of rows) {
  test(`of \`node ${given.join(' ')}\` a worker gets \`${kept.join(' ')}\``, () => {
    assert.deepEqual(workerOptions(given), kept)
  })
}
