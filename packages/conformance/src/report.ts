import { type CoverageRow, coverage } from './coverage.ts'
import type { Version } from './data-types.ts'
import type { ProfileName } from './profiles.ts'
import { type Statement, statements } from './statement.ts'
import type { Violation } from './violations.ts'

/** What became of one case under one version. */
export interface CaseResult {
  readonly id: string
  readonly title: string
  readonly version: Version
  readonly profile: ProfileName
  readonly statements: readonly string[]
  readonly verdict: 'pass' | 'fail' | 'not run'
  /** Why it failed or was not run. */
  readonly message?: string
  /** What went over the connections of a failed case. */
  readonly transcript?: readonly string[]
  /** Statements the Server broke in passing. */
  readonly violations: readonly Violation[]
  readonly durationMs: number
}

/** `elsewhere`: no case tests it from outside; the table of coverage says where it is tested. */
export type Verdict = 'pass' | 'fail' | 'not run' | 'elsewhere'

/** What the cases say of one statement. */
export interface StatementResult {
  readonly id: string
  readonly section: string
  readonly appliesTo: Statement['appliesTo']
  readonly text: string
  readonly verdict: Verdict
  /** The cases, as `frame/ping (5)`; for `elsewhere` and failures what there is to say. */
  readonly cases: readonly string[]
  readonly notes: readonly string[]
}

/** The outcome of a run. */
export interface Report {
  /** The URL, or the command that started the broker. */
  readonly broker: string
  readonly startedAt: string
  readonly durationMs: number
  readonly versions: readonly Version[]
  readonly cases: readonly CaseResult[]
  readonly statements: readonly StatementResult[]
  readonly totals: Readonly<Record<Verdict, number>>
}

/** The statements of a case that a run under this version counts for. */
export function countedStatements(ids: readonly string[], version: Version): readonly string[] {
  if (version === 3) return []
  return ids.filter((id) => id.startsWith('MQTT3-') === (version === 4))
}

/** Adds what the cases found up to a verdict for each statement of the versions. */
export function judge(
  results: readonly CaseResult[],
  versions: readonly Version[],
): readonly StatementResult[] {
  const rows = new Map(coverage.map((row) => [row.statement, row]))
  const runs = Map.groupBy(
    results.flatMap((result) =>
      countedStatements(result.statements, result.version).map((id) => ({ id, result })),
    ),
    ({ id }) => id,
  )
  const violations = Map.groupBy(
    results.flatMap((result) => result.violations.map((violation) => ({ violation, result }))),
    ({ violation }) => violation.statement,
  )
  return [...statements.values()]
    .filter(({ id }) => versions.includes(id.startsWith('MQTT3-') ? 4 : 5))
    .map((statement) => {
      const own = (runs.get(statement.id) ?? []).map(({ result }) => result)
      const broken = violations.get(statement.id) ?? []
      return judgeStatement(statement, own, {
        row: rows.get(statement.id),
        broken: broken.map(({ violation, result }) => `${name(result)}: ${violation.message}`),
      })
    })
}

function judgeStatement(
  { id, section, appliesTo, text }: Statement,
  results: readonly CaseResult[],
  { row, broken }: { row: CoverageRow | undefined; broken: readonly string[] },
): StatementResult {
  const failed = results.filter(({ verdict }) => verdict === 'fail')
  const passed = results.filter(({ verdict }) => verdict === 'pass')
  const unexplained = results.length === 0 && row === undefined ? ['no case was run'] : []
  const verdict = ((): Verdict => {
    if (failed.length > 0 || broken.length > 0) return 'fail'
    if (passed.length > 0) return 'pass'
    return results.length === 0 && row !== undefined ? 'elsewhere' : 'not run'
  })()
  const told = verdict === 'pass' ? [] : results.filter(({ message }) => message !== undefined)
  return {
    id,
    section,
    appliesTo,
    text,
    verdict,
    cases: results.map(name),
    notes: [
      // The first of each is enough: a habit of a broker shows in hundreds of cases.
      ...broken.slice(0, 1),
      ...told.map((result) => `${name(result)}: ${result.message}`),
      ...(row === undefined ? [] : [`${row.kind}: ${row.reason}`]),
      ...unexplained,
    ],
  }
}

function name({ id, version }: CaseResult): string {
  return `${id} (${versionName(version)})`
}

/** The version as people write it. */
export function versionName(version: Version): string {
  return { 5: '5.0', 4: '3.1.1', 3: '3.1' }[version]
}

/** How many statements have each verdict. */
export function countVerdicts(results: readonly StatementResult[]): Report['totals'] {
  const totals = { pass: 0, fail: 0, 'not run': 0, elsewhere: 0 }
  for (const { verdict } of results) totals[verdict] += 1
  return totals
}

/** `text` for a terminal, `json` for programs, `markdown` for a document. */
export type ReportFormat = 'text' | 'json' | 'markdown'

export function formatReport(report: Report, format: ReportFormat = 'text'): string {
  if (format === 'json') return `${JSON.stringify(report, undefined, 2)}\n`
  return format === 'markdown' ? formatMarkdown(report) : formatText(report)
}

function formatText(report: Report): string {
  const lines: string[] = []
  for (const result of report.cases.filter(({ verdict }) => verdict === 'fail')) {
    lines.push(`FAIL ${name(result)} ${result.title} [${result.statements.join(' ')}]`)
    lines.push(`     ${result.message ?? ''}`)
    lines.push(...(result.transcript ?? []).map((line) => `       ${line}`), '')
  }
  for (const result of report.statements) {
    if (result.verdict === 'fail') lines.push(`fail     ${result.id}: ${result.notes[0] ?? ''}`)
    if (result.verdict === 'not run') lines.push(`not run  ${result.id}: ${result.notes[0] ?? ''}`)
  }
  return `${[...lines, '', ...summary(report)].join('\n')}\n`
}

function summary({ totals, cases, broker, durationMs }: Report): string[] {
  const of = (verdict: Verdict): number => cases.filter((each) => each.verdict === verdict).length
  return [
    `${broker}: ${cases.length} runs of cases in ${(durationMs / 1_000).toFixed(1)} s: ` +
      `${of('pass')} pass, ${of('fail')} fail, ${of('not run')} not run`,
    `statements: ${totals.pass} pass, ${totals.fail} fail, ${totals['not run']} not run, ` +
      `${totals.elsewhere} tested elsewhere`,
  ]
}

function formatMarkdown(report: Report): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const row = (result: StatementResult): string => {
    const shown = result.verdict === 'pass' ? result.cases : result.notes
    const cells = [result.id, result.section, result.text, result.verdict, shown.join('; ')]
    return `| ${cells.map(cell).join(' | ')} |`
  }
  return [
    ...summary(report),
    '',
    '| statement | section | in our words | verdict | cases |',
    '|---|---|---|---|---|',
    ...report.statements.map(row),
    '',
  ].join('\n')
}
