import assert from 'node:assert/strict'
import { test } from 'node:test'
import { experiments } from '../src/client-experiments.ts'
import { busbarClient } from '../src/client-under-test.ts'

for (const { id, name, must, run } of experiments) {
  test(`${id}: ${name}`, async () => {
    const { holds, outcome } = await run(busbarClient)
    assert.ok(holds, `${outcome}; must: ${must}`)
  })
}
