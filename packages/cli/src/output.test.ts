import assert from 'node:assert/strict'
import { test } from 'node:test'
import { size } from './output.ts'

const sizes = [
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KiB'],
  [45_056, '44.0 KiB'],
  [1_048_576, '1.0 MiB'],
  [3_435_973_837, '3276.8 MiB'],
] as const

for (const [bytes, text] of sizes) {
  test(`${bytes} bytes are ${text}`, () => assert.equal(size(bytes), text))
}
