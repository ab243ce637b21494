export type { Case, ConnectOptions, Pair, Suite, Trial } from './case.ts'
export { cases, suites } from './cases/index.ts'
export { type CoverageRow, coverage } from './coverage.ts'
export type { Version } from './data-types.ts'
export { type ConfigFormat, type ProfileName, profileNames } from './profiles.ts'
export {
  type CaseResult,
  formatReport,
  type Report,
  type ReportFormat,
  type StatementResult,
  type Verdict,
} from './report.ts'
export { ConformanceError, type ConformanceOptions, runConformance } from './run.ts'
export type { StartOptions } from './start.ts'
export { type Statement, statements } from './statement.ts'
