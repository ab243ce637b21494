import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statements } from '@busbar/conformance'
import { clientCases } from './cases.ts'
import { clientCoverage } from './coverage.ts'
import { countedFor } from './run.ts'

const rows = clientCoverage.map(({ statement }) => statement)
const tested = new Set(clientCases.flatMap((one) => one.statements))

test('every statement for clients has a case or a row that says why not, and not both', () => {
  const wrong = [...statements.values()].filter(({ id, appliesTo }) => {
    return appliesTo !== 'server' && tested.has(id) === rows.includes(id)
  })
  assert.deepEqual(
    wrong.map(({ id }) => id),
    [],
  )
})

test('cases and rows name statements for clients only', () => {
  const wrong = [...tested, ...rows].filter((id) => {
    const { appliesTo = 'server' } = statements.get(id) ?? {}
    return appliesTo === 'server'
  })
  assert.deepEqual(wrong, [])
})

test('every case has an id of its own and names statements of its versions, once', () => {
  assert.equal(new Set(clientCases.map(({ id }) => id)).size, clientCases.length)
  for (const { id, statements: own, versions } of clientCases) {
    const counted = versions.flatMap((version) => countedFor(own, version))
    assert.deepEqual(counted.toSorted(), [...new Set(own)].toSorted(), id)
  }
})
