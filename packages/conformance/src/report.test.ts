import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CaseResult, countVerdicts, formatReport, judge, type Report } from './report.ts'

function result(fields: Partial<CaseResult>): CaseResult {
  return {
    id: 'frame/ping',
    title: 'answers PINGREQ',
    version: 5,
    profile: 'default',
    statements: ['MQTT5-3.12.4-1', 'MQTT3-3.12.4-1'],
    verdict: 'pass',
    violations: [],
    durationMs: 1,
    ...fields,
  }
}

function verdictOf(id: string, results: readonly CaseResult[]): string | undefined {
  return judge(results, [5, 4]).find((statement) => statement.id === id)?.verdict
}

test('counts a run for the statements of its version only', () => {
  const results = [result({ version: 5 }), result({ version: 4, verdict: 'fail' })]
  assert.equal(verdictOf('MQTT5-3.12.4-1', results), 'pass')
  assert.equal(verdictOf('MQTT3-3.12.4-1', results), 'fail')
  assert.equal(verdictOf('MQTT3-3.12.4-1', [result({ version: 3, verdict: 'fail' })]), 'not run')
})

test('one failed run fails the statement, one run that passed is enough', () => {
  const [pass, fail, skip] = [
    result({}),
    result({ verdict: 'fail' }),
    result({ verdict: 'not run', message: 'no such feature' }),
  ]
  assert.equal(verdictOf('MQTT5-3.12.4-1', [pass, fail, skip]), 'fail')
  assert.equal(verdictOf('MQTT5-3.12.4-1', [pass, skip]), 'pass')
  assert.equal(verdictOf('MQTT5-3.12.4-1', [skip]), 'not run')
})

test('a violation seen in passing fails its statement, not the case', () => {
  const violations = [{ statement: 'MQTT5-2.1.3-1', message: 'reserved flag bits are wrong' }]
  const results = [result({ violations })]
  assert.equal(verdictOf('MQTT5-2.1.3-1', results), 'fail')
  assert.equal(verdictOf('MQTT5-3.12.4-1', results), 'pass')
})

test('a statement of the table of coverage is tested elsewhere', () => {
  assert.equal(verdictOf('MQTT5-3.1.2-20', []), 'elsewhere')
})

test('leaves out the statements of versions that were not asked for', () => {
  assert.ok(judge([], [5]).every(({ id }) => !id.startsWith('MQTT3-')))
  assert.ok(judge([], [4]).every(({ id }) => id.startsWith('MQTT3-')))
})

test('writes text, JSON and a table', () => {
  const cases = [result({ verdict: 'fail', message: 'expected a | b', transcript: ['→ c0 00'] })]
  const statements = judge(cases, [5])
  const report: Report = {
    broker: 'mqtt://127.0.0.1',
    startedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 1_500,
    versions: [5],
    cases,
    statements,
    totals: countVerdicts(statements),
  }
  const text = formatReport(report)
  assert.match(text, /FAIL frame\/ping \(5\.0\)[\s\S]*expected a \| b[\s\S]*→ c0 00/)
  assert.match(text, /1 runs of cases in 1\.5 s: 0 pass, 1 fail/)
  assert.equal(JSON.parse(formatReport(report, 'json')).cases.length, 1)
  const row = formatReport(report, 'markdown')
    .split('\n')
    .find((line) => line.includes('MQTT5-3.12.4-1'))
  assert.match(row ?? '', /\| fail \| frame\/ping \(5\.0\): expected a \\\| b \|$/)
})
