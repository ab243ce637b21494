import { test } from 'node:test'
import { accessCases } from '../src/attack/access-cases.ts'
import { busbarRig } from '../src/attack/rig.ts'

for (const { number, name, run } of accessCases) {
  test(`${number}: ${name}`, { timeout: 120_000 }, () => run({ tcp: '', ws: '', rig: busbarRig }))
}
