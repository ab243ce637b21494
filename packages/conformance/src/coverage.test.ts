import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases } from './cases/index.ts'
import { coverage } from './coverage.ts'
import { countedStatements } from './report.ts'
import { statements } from './statement.ts'

const named = [
  ...cases.flatMap((one) => one.statements),
  ...coverage.map(({ statement }) => statement),
]

test('every case and row names statements of the lists', () => {
  assert.deepEqual([...new Set(named.filter((id) => !statements.has(id)))], [])
})

test('every statement has a case or a row that says why not', () => {
  const known = new Set(named)
  assert.deepEqual(
    [...statements.keys()].filter((id) => !known.has(id)),
    [],
  )
})

test('no statement has both a case and a row', () => {
  const rows = coverage.map(({ statement }) => statement)
  const tested = new Set(cases.flatMap((one) => one.statements))
  assert.deepEqual(
    rows.filter((id) => tested.has(id)),
    [],
  )
  assert.equal(new Set(rows).size, rows.length)
})

test('every case has an id of its own', () => {
  const twice = cases.map(({ id }) => id).filter((id, at, all) => all.indexOf(id) !== at)
  assert.deepEqual(twice, [])
})

test('every case names each statement once, and under a version that counts for it', () => {
  const wrong = cases.flatMap(({ id, statements: own, versions }) => {
    const counted = new Set(versions.flatMap((version) => countedStatements(own, version)))
    const idle = own.filter(
      (statement, at) => !counted.has(statement) || own.indexOf(statement) !== at,
    )
    return idle.map((statement) => `${id}: ${statement}`)
  })
  assert.deepEqual(wrong, [])
})

test('the lists have the statements of both standards', () => {
  const count = (prefix: string): number =>
    [...statements.keys()].filter((id) => id.startsWith(prefix)).length
  assert.deepEqual([count('MQTT5-'), count('U5-'), count('MQTT3-')], [251, 59, 140])
})
