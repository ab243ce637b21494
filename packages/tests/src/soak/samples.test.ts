import assert from 'node:assert/strict'
import { test } from 'node:test'
import { growth } from './samples.ts'

const rows = [
  ['too short a run', [1, 2, 3], 0],
  ['no growth after the start', [9, 50, 50, 50, 50, 50, 50, 50], 0],
  ['growth', [9, 50, 51, 52, 53, 60, 61, 70, 80, 82, 81, 90], 29],
] as const

for (const [name, bytes, grown] of rows)
  test(`memory: ${name}`, () => assert.equal(growth(bytes), grown))
