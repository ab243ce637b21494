import { type Cell, cells } from './cells.ts'
import type { Peer } from './peers.ts'
import type { Run } from './run-cell.ts'

/** What is kept of one broker in one cell. */
export interface Result {
  readonly broker: string
  readonly version: string
  /** Medians, by the names of the load generator. */
  readonly figures: Run
  readonly runs: number
}

/** What is kept of one cell: all its brokers were measured in turn, on one machine. */
export interface CellResults {
  readonly cell: string
  readonly commit: string
  readonly date: string
  /** What all else on the machine took of one core meanwhile, in percent. */
  readonly othersPercent: number
  /** Of a 4 KB write and its sync, in microseconds; for what is durable. */
  readonly syncUs?: number
  readonly results: readonly Result[]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  if (low === undefined || high === undefined) throw new Error('a median of nothing')
  return (low + high) / 2
}

/** The median of each figure by itself; what is missing is the worst of all runs. */
export function summarize(peer: Peer, runs: readonly Run[]): Result {
  const figures: Record<string, number> = {}
  for (const key of Object.keys(runs[0] ?? {})) {
    const values = runs.map((run) => run[key] ?? 0)
    figures[key] = key === 'missing' || key === 'faults' ? Math.max(...values) : median(values)
  }
  return { broker: peer.name, version: peer.version, figures, runs: runs.length }
}

export function cellOf(results: CellResults): Cell {
  const cell = cells.find(({ name }) => name === results.cell)
  if (cell === undefined) throw new Error(`there is no cell ${results.cell} any more`)
  return cell
}

/** The brokers of a family in a cell: the one that did better in it, by its first figure. */
export function better(results: CellResults, family: string): Result | undefined {
  const [first] = cellOf(results).figures
  const of = results.results.filter(({ broker }) => broker.startsWith(family))
  return of.toSorted((a, b) => value(a, first?.key) - value(b, first?.key))[0]
}

function value(result: Result, key = ''): number {
  return result.figures[key] ?? Number.POSITIVE_INFINITY
}
