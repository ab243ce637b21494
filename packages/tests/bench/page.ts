import { cpus, release } from 'node:os'
import type { Figure } from './cells.ts'
import { better, type CellResults, cellOf, type Result } from './results.ts'

/** Brokers in the order of their columns. */
const families = ['busbar', 'mosquitto', 'aedes', 'relay']

/** Ours, with each way to the kernel. */
const ways = ['busbar', 'net', 'io_uring']

/** What the relay takes on the machine for which targets were set, in µs, by cell. */
const relayThere: Readonly<Record<string, number>> = {
  pipe: 0.06,
  alone: 4.64,
  many: 15.8,
  'fan-out': 0.37,
  'fan-out-single': 2.97,
  '16k': 3.13,
  connect: 17.9,
}

/** Above this share of a core for others, a figure is no better than its ratio. */
const busyPercent = 10

/** The tables of docs/performance.md. */
export function tables(all: readonly CellResults[]): string {
  const growth = all.filter(({ cell }) => cell.startsWith('growth-'))
  const rows = all.filter((results) => !growth.includes(results))
  const parts = [main(rows), tails(rows), compared(rows), grown(growth)]
  return parts.filter((part) => part !== '').join('\n\n')
}

export function machine(): string {
  const [first] = cpus()
  return `${cpus().length} × ${first?.model.trim()}, Linux ${release()}, Node ${process.version}`
}

function main(rows: readonly CellResults[]): string {
  const usual = slownessOf(rows.find(({ cell }) => cell === 'alone'))
  const lines = rows.flatMap((results) =>
    cellOf(results)
      .figures.filter(({ title }) => !title.startsWith('p'))
      .map((figure, index) => row(results, figure, index === 0, slownessOf(results) ?? usual)),
  )
  const target = usual === undefined ? 'target' : 'target here (there)'
  const head = ['cell', 'figure', target, ...families, '× mosquitto', '× aedes', '× relay', 'run']
  return table(head, lines)
}

/** How many times as long as on the machine of the targets the relay takes here, where it is in the row. */
function slownessOf(results: CellResults | undefined): number | undefined {
  if (results === undefined) return undefined
  const { figures, name } = cellOf(results)
  const relay = better(results, 'relay')?.figures[figures[0]?.key ?? '']
  const there = relayThere[name]
  return relay === undefined || there === undefined ? undefined : relay / there
}

function row(
  results: CellResults,
  figure: Figure,
  isFirst: boolean,
  slowness: number | undefined,
): string[] {
  const { title, name } = cellOf(results)
  const found = families.map((family) => better(results, family))
  const values = found.map((result) => result?.figures[figure.key])
  const [ours, ...theirs] = values
  return [
    isFirst ? `**${name}**: ${title}` : '',
    figure.title,
    target(figure, slowness),
    ...values.map((value, i) => shown(value) + remark(found[i], isFirst)),
    ...theirs.map((value) => ratio(figure, ours, value)),
    isFirst ? origin(results) : '',
  ]
}

/** Time is longer on a slower machine, memory is not more. */
function target({ target, key }: Figure, slowness: number | undefined): string {
  if (target === undefined) return ''
  if (slowness === undefined || !key.startsWith('us')) return String(target)
  return `${shown(target * slowness)} (${target})`
}

/** More than 1: ours is ahead. */
function ratio({ isRate }: Figure, ours: number | undefined, theirs: number | undefined): string {
  if (!ours || !theirs) return ''
  return (isRate ? ours / theirs : theirs / ours).toFixed(2)
}

function remark(result: Result | undefined, isFirst: boolean): string {
  if (result === undefined || !isFirst) return ''
  const { missing = 0, faults = 0, brokerCpuPercent } = result.figures
  const lost = missing > 0 ? `, ${missing} missing` : ''
  const failed = faults > 0 ? `, ${faults} faults` : ''
  const idle =
    brokerCpuPercent !== undefined ? ` (${Math.round(brokerCpuPercent)} %${lost}${failed})` : ''
  return idle
}

function origin({ commit, othersPercent, syncUs, results }: CellResults): string {
  const busy = othersPercent > busyPercent ? `, busy (${Math.round(othersPercent)} %)` : ''
  const sync = syncUs === undefined ? '' : `, sync ${Math.round(syncUs)} µs`
  return `${runOf({ commit, results })}${busy}${sync}`
}

function runOf({ commit, results }: Pick<CellResults, 'commit' | 'results'>): string {
  return `${commit}, ${results[0]?.runs} runs`
}

function tails(rows: readonly CellResults[]): string {
  const lines = rows
    .filter((results) => cellOf(results).figures.some(({ key }) => key === 'p99Us'))
    .map((results) => {
      const cell = cellOf(results)
      return [
        cell.name,
        ...families.map((family) => {
          const result = better(results, family)
          const parts = ['p50Us', 'p99Us', 'p999Us'].map((key) => shown(result?.figures[key]))
          return result === undefined ? '' : parts.join(' / ')
        }),
        runOf(results),
      ]
    })
  if (lines.length === 0) return ''
  return `p50 / p99 / p99.9 in µs. Only the loads of \`many\` are below saturation; in the others it is the window that waits.\n\n${table(['cell', ...families, 'run'], lines)}`
}

/** What the ways to the kernel make of it. */
function compared(rows: readonly CellResults[]): string {
  const lines = rows
    .filter((results) => ways.slice(1).some((way) => better(results, way) !== undefined))
    .map((results) => {
      const { name, figures } = cellOf(results)
      const [first] = figures
      const found = ways.map((way) => better(results, way)?.figures)
      const tail = (figures: Result['figures'] | undefined) =>
        figures?.p99Us === undefined ? '' : `, p99 ${shown(figures.p99Us)}`
      const values = found.map((figures) => shown(figures?.[first?.key ?? '']) + tail(figures))
      return [name, first?.title ?? '', ...values]
    })
  if (lines.length === 0) return ''
  return `Busbar with \`io\` as it chooses and as it can be told, in the same runs.\n\n${table(['cell', 'figure', 'auto', ...ways.slice(1)], lines)}`
}

function grown(rows: readonly CellResults[]): string {
  if (rows.length === 0) return ''
  const lines = rows.map((results) => {
    const values = families.map((family) => better(results, family)?.figures.usPerMessage)
    return [cellOf(results).title, ...values.map(shown), origin(results)]
  })
  return table(['µs of a message, one in flight for each client', ...families, 'run'], lines)
}

function shown(value: number | undefined): string {
  if (value === undefined) return ''
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3)
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const all = [head, head.map(() => '---'), ...lines]
  return all.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
