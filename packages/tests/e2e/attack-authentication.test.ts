import { test } from 'node:test'
import { authenticationCases } from '../src/attack/authentication-cases.ts'
import { busbarRig } from '../src/attack/rig.ts'

for (const { number, name, run } of authenticationCases) {
  test(`${number}: ${name}`, { timeout: 120_000 }, () => run({ tcp: '', ws: '', rig: busbarRig }))
}
