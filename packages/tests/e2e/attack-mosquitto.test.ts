import { test } from 'node:test'
import { accessCases } from '../src/attack/access-cases.ts'
import { mosquittoRig } from '../src/attack/rig.ts'
import { needs } from '../src/needs.ts'

// Users and rules in the form that other brokers take: what holds here was understood.
for (const { number, name, hasRules, run } of accessCases) {
  if (hasRules !== true || ![28, 32, 36].includes(number)) continue
  test(`Mosquitto, ${number}: ${name}`, { timeout: 120_000, skip: needs('mosquitto') }, () =>
    run({ tcp: '', ws: '', rig: mosquittoRig }),
  )
}
