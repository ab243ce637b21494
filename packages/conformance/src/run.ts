import { once } from 'node:events'
import { connect } from 'node:net'
import { type BrokerOptions, Brokers, type Place } from './brokers.ts'
import type { Case } from './case.ts'
import { cases as allCases } from './cases/index.ts'
import type { Version } from './data-types.ts'
import { CaseFailure, CaseSkipped } from './failure.ts'
import type { ProfileName } from './profiles.ts'
import { type CaseResult, countVerdicts, judge, type Report } from './report.ts'
import { RunningTrial } from './trial.ts'

/** What to run against which broker: `url` with `profiles`, or `start`. */
export interface ConformanceOptions extends BrokerOptions {
  /** 5, 4 (3.1.1) and 3 (3.1); all by default. */
  readonly versions?: readonly Version[]
  /** A case's id, the name of a suite, or a statement's id. */
  readonly only?: string
  /** How many cases run at once, 64 by default. */
  readonly concurrency?: number
  readonly onProgress?: (result: CaseResult) => void
  /** The cases instead of ours. */
  readonly cases?: readonly Case[]
}

/** One sentence instead of as many failures as there are cases. */
async function refuseUnreachable({ href, hostname, port, protocol }: URL): Promise<void> {
  const usual = protocol === 'mqtt:' ? 1_883 : 80
  const socket = connect(Number(port) || usual, hostname.replace(/^\[(.*)\]$/, '$1'))
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(10_000) })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConformanceError('no-broker', `no broker at ${href}: ${reason}`)
  } finally {
    socket.destroy()
  }
}

interface Run {
  readonly one: Case
  readonly version: Version
  readonly profile: ProfileName
}

/** There is nothing to run, or nothing to run it on. The message is one sentence for the operator. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError'
  readonly code: 'no-case' | 'no-broker'

  constructor(code: ConformanceError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Runs the cases and judges the statements. Rejects with `ConformanceError`. */
export async function runConformance(options: ConformanceOptions): Promise<Report> {
  const { versions = [5, 4, 3], only, concurrency = 64 } = options
  if (options.url === undefined && options.start === undefined) {
    throw new Error('runConformance needs `url` or `start`')
  }
  const startedAt = new Date()
  const runs = chooseRuns(options.cases ?? allCases, versions, only)
  if (runs.length === 0) {
    throw new ConformanceError('no-case', `no case, suite or statement is called ${only}`)
  }
  await using brokers = new Brokers(options)
  const first = await brokers.place('default')
  if ('missing' in first) throw new ConformanceError('no-broker', first.missing)
  await refuseUnreachable(first.url)
  // Before the cases, because processes that start take the time of those that are timed.
  const profiles = [...new Set(runs.map(({ profile }) => profile))]
  await inParallel(profiles, 4, async (profile) => void (await brokers.place(profile)))
  const results: CaseResult[] = []
  const finish = async (run: Run): Promise<void> => {
    const result = await runCase(run, await brokers.place(run.profile))
    options.onProgress?.(result)
    results.push(result)
  }
  await inParallel(runs.filter(isParallel), concurrency, finish)
  await inParallel(
    runs.filter((run) => !isParallel(run)),
    1,
    finish,
  )
  const order = new Map(runs.map(({ one, version }, at) => [`${one.id} ${version}`, at]))
  const place = ({ id, version }: CaseResult): number => order.get(`${id} ${version}`) ?? 0
  const cases = results.toSorted((a, b) => place(a) - place(b))
  const judged = judge(cases, versions).filter(
    ({ cases: named, verdict }) => only === undefined || named.length > 0 || verdict === 'fail',
  )
  return {
    broker: options.url ?? options.start?.command ?? '',
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    versions,
    cases,
    statements: judged,
    totals: countVerdicts(judged),
  }
}

function isParallel({ one }: Run): boolean {
  return one.serial !== true
}

function chooseRuns(
  cases: readonly Case[],
  versions: readonly Version[],
  only: string | undefined,
): readonly Run[] {
  const chosen = cases.filter(
    ({ id, statements }) =>
      only === undefined || id === only || id.startsWith(`${only}/`) || statements.includes(only),
  )
  const runs = chosen.flatMap((one) =>
    one.versions
      .filter((version) => versions.includes(version))
      .map((version) => ({ one, version, profile: one.profile ?? 'default' })),
  )
  return runs
}

async function inParallel<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker))
}

async function runCase({ one, version, profile }: Run, place: Place): Promise<CaseResult> {
  const { id, title, statements } = one
  const startedAt = Date.now()
  const result = (rest: Partial<CaseResult> & Pick<CaseResult, 'verdict'>): CaseResult => ({
    id,
    title,
    version,
    profile,
    statements,
    violations: [],
    ...rest,
    durationMs: Date.now() - startedAt,
  })
  if ('missing' in place) return result({ verdict: 'not run', message: place.missing })
  await using trial = new RunningTrial(place.url, version)
  const seen = (): Pick<CaseResult, 'violations'> => ({ violations: trial.violations })
  try {
    await withTimeout(one.run(trial), one.timeoutMs ?? 30_000)
    return result({ verdict: 'pass', ...seen() })
  } catch (error) {
    if (error instanceof CaseSkipped) {
      return result({ verdict: 'not run', message: error.message, ...seen() })
    }
    const transcript = trial.transcriptOf(error)
    return result({ verdict: 'fail', message: messageOf(error), transcript, ...seen() })
  }
}

/** A failure in words; what is neither a failure nor an assertion is a mistake in the case. */
function messageOf(error: unknown): string {
  if (error instanceof CaseFailure) return error.message
  if (!(error instanceof Error)) return String(error)
  const isAssertion = 'code' in error && error.code === 'ERR_ASSERTION'
  return isAssertion ? error.message : `mistake in the case: ${error.stack}`
}

async function withTimeout(running: Promise<void>, ms: number): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new CaseFailure(`the case took more than ${ms} ms`)), ms)
  try {
    await Promise.race([running, promise])
  } finally {
    clearTimeout(timer)
  }
}
