import { test } from 'node:test'
import { accessCases } from '../src/attack/access-cases.ts'

for (const { number, name, run } of accessCases) {
  test(`${number}: ${name}`, { timeout: 120_000 }, run)
}
