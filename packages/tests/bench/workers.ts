/**
 * What sockets in workers take off the thread of the broker, which is what the number of cores is to
 * be multiplied with:
 *
 *     npm run bench:workers [-- --cells alone,pipe --workers 0,1,2 --runs 3 --io auto]
 *
 * The load has the first core for itself, the broker the others. Needs what `npm run bench` needs.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { temporaryFolder } from '../src/temporary-folder.ts'
import { type Cell, cells } from './cells.ts'
import { busbarWith } from './peers.ts'
import { median } from './results.ts'
import { type Run, runCell, type Setting } from './run-cell.ts'
import { buildTools } from './tools.ts'

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: 'alone,fan-out-single,pipe' },
    workers: { type: 'string', default: '0,1,2' },
    runs: { type: 'string', default: '3' },
    io: { type: 'string', default: 'auto' },
  },
})

const setting: Setting = { brokerCore: `1-${cpus().length - 1}`, loadCore: 0, settleMs: 1_000 }
const counts = values.workers.split(',').map(Number)

await using folder = await temporaryFolder()
const tools = buildTools(folder.path)
for (const cell of values.cells.split(',').map(cellNamed)) {
  const runs = new Map<number, Run[]>(counts.map((count) => [count, []]))
  for (let i = 0; i < Number(values.runs); i++) {
    for (const [count, each] of runs) {
      const peer = busbarWith(values.io, { workers: count })
      each.push(await runCell(cell, peer, tools, setting))
    }
  }
  console.log(`\n${cell.title}\n`)
  console.log(
    '| workers | deliveries/s | µs of the broker | of its own thread | p99 µs | missing |',
  )
  console.log('|---|---|---|---|---|---|')
  for (const [count, each] of runs) console.log(rowOf(count, each))
}

/** For each delivery. */
function rowOf(workers: number, runs: readonly Run[]): string {
  const of = (key: string) => median(runs.map((run) => run[key] ?? Number.NaN))
  const figures = [
    Math.round(of('deliveriesPerSecond')).toLocaleString('en'),
    of('usPerDelivery').toFixed(2),
    of('usOfFirstThreadPerDelivery').toFixed(2),
    Math.round(of('p99Us')),
    Math.max(...runs.map(({ missing = Number.NaN }) => missing)),
  ]
  return `| ${workers} | ${figures.join(' | ')} |`
}

function cellNamed(name: string): Cell {
  const cell = cells.find((each) => each.name === name)
  if (cell === undefined) throw new Error(`There is no cell ${name}`)
  return cell
}
