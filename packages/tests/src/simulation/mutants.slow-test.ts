import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rule } from '../model/violation.ts'
import { mutants } from './mutants.ts'
import type { Mutation } from './process.ts'
import { faultKinds } from './profile.ts'
import { simulate } from './simulation.ts'

const mostSeeds = 1_000
// What a broker does when nothing can be stored is not what these are about.
const faults = new Set(faultKinds.filter((kind) => kind !== 'disk-full'))

for (const [name, mutation, rule] of mutants) {
  test(`a broker that ${name} is caught`, async (t) => {
    const caught = await firstCatch(mutation, rule)
    assert.ok(caught !== undefined, `not caught in ${mostSeeds} seeds`)
    t.diagnostic(`seed ${caught.seed}: ${caught.text}`)
  })
}

/** The first seed that breaks the rule, and does not without the mutation. */
async function firstCatch(mutation: Mutation, rule: Rule) {
  for (let seed = 1; seed <= mostSeeds; seed++) {
    const { violations } = await simulate({ seed, faults, mutation })
    const seen = violations.filter((violation) => violation.rule === rule)
    if (seen.length === 0) continue
    const sound = await simulate({ seed, faults })
    if (sound.violations.some((violation) => violation.rule === rule)) continue
    return { seed, text: `${rule} ${seen[0]?.text}` }
  }
  return undefined
}
