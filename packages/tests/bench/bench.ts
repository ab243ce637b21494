/**
 * Measures the broker beside others, each run on a broker that was just started:
 *
 *     npm run bench [-- --cells NAME,… --peers mosquitto,aedes,relay,net,io_uring --runs N --cores B,L --io net --trace-gc --write]
 *
 * Prints medians and ratios, and with --trace-gc the longest pause of the garbage collector; --write puts them into docs/performance.md. Linux only: it needs a C
 * compiler, taskset and two cores. Aedes is looked for in node_modules, or in the folder AEDES.
 */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { root } from '../src/busbar.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'
import { whyNotAwake } from './awake.ts'
import { type Cell, cells } from './cells.ts'
import { syncLatency } from './disk.ts'
import { tables } from './page.ts'
import { busbarWith, findPeers, type Peer } from './peers.ts'
import { type CellResults, median, summarize } from './results.ts'
import { type Run, runCell, type Setting, startOnce } from './run-cell.ts'
import { buildTools } from './tools.ts'
import { write } from './written.ts'

const { values } = parseArgs({
  options: {
    cells: { type: 'string' },
    peers: { type: 'string', default: 'mosquitto,aedes,relay' },
    runs: { type: 'string', default: '3' },
    cores: { type: 'string', default: '1,0' },
    io: { type: 'string', default: 'auto' },
    'trace-gc': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const wanted = values.cells === undefined ? cells : values.cells.split(',').map(cellNamed)
const chosen = wanted.filter(isPossible)
const [brokerCore = 1, loadCore = 0] = values.cores.split(',').map(Number)
const setting: Setting = { brokerCore, loadCore, settleMs: 1_000 }

await using folder = await temporaryFolder()
const tools = buildTools(folder.path)
const names = values.peers.split(',').filter((name) => name !== '')
const busbar = busbarWith(values.io, { tracesPauses: values['trace-gc'] })
const peers = [busbar, ...findPeers(names, tools)]
const commit =
  git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')

for (const cell of chosen) await startOnce(cell, busbar)
for (const compared of Map.groupBy(chosen, ({ name, compared }) => compared ?? name).values()) {
  const measured = await measure(compared)
  console.log(`\n${tables(measured)}`)
  if (values.write) write(measured)
}

/** What one cell has given so far. */
interface Measured {
  readonly cell: Cell
  readonly runs: ReadonlyMap<Peer, Run[]>
  readonly syncs: number[]
}

/** All cells and brokers in turn, so that each meets the machine as the others do. */
async function measure(compared: readonly Cell[]): Promise<CellResults[]> {
  const all = compared.map((cell): Measured => {
    const taking = peers.filter(({ family }) => !cell.without?.includes(family))
    return { cell, runs: new Map(taking.map((peer) => [peer, []])), syncs: [] }
  })
  for (let i = 0; i < Number(values.runs); i++) for (const each of all) await runInTurn(each)
  return all.map(resultsOf)
}

async function runInTurn({ cell, runs, syncs }: Measured): Promise<void> {
  if (cell.isDurable) syncs.push(await syncLatency())
  for (const [peer, before] of runs) {
    const run = await runCell(cell, peer, tools, setting)
    before.push(run)
    const [first] = cell.figures
    const { longestPauseMs, longestPauseConnectingMs, pauses } = run
    const collector =
      longestPauseMs === undefined
        ? ''
        : `, longest of ${pauses} pauses of the collector ${longestPauseMs} ms, ${longestPauseConnectingMs} ms while clients connect`
    console.log(`${cell.name}, ${peer.name}: ${run[first?.key ?? '']} ${first?.title}${collector}`)
  }
}

function resultsOf({ cell, runs, syncs }: Measured): CellResults {
  const others = [...runs.values()].flat().map((run) => run.othersCpuPercent ?? 0)
  return {
    cell: cell.name,
    commit,
    date: new Date().toISOString().slice(0, 10),
    othersPercent: median(others),
    ...(cell.isDurable && { syncUs: median(syncs) }),
    results: [...runs].map(([peer, each]) => summarize(peer, each)),
  }
}

function cellNamed(name: string): Cell {
  const cell = cells.find((each) => each.name === name)
  if (cell !== undefined) return cell
  throw new Error(
    `There is no cell ${name}; there are ${cells.map((each) => each.name).join(', ')}`,
  )
}

function isPossible({ name, isAwake }: Cell): boolean {
  const why = isAwake === true ? whyNotAwake() : undefined
  if (why !== undefined) console.log(`skipped: ${name}: ${why}`)
  return why === undefined
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
}
