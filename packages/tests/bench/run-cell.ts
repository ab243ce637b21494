import { join } from 'node:path'
import { BrokerProcess } from '../src/crash/broker-process.ts'
import { pause } from '../src/deadline.ts'
import { freePort } from '../src/free-port.ts'
import { Program } from '../src/program.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'
import { keepAwake } from './awake.ts'
import type { Cell } from './cells.ts'
import type { Peer } from './peers.ts'
import type { Tools } from './tools.ts'

export interface Setting {
  /** Where broker and load generator run: on a core each, or several as `1-3`. */
  readonly brokerCore: number | string
  readonly loadCore: number
  /** Workers and compilers of the broker come to rest before each round. */
  readonly settleMs: number
}

/** What one run gave, by the names of the load generator. */
export type Run = Readonly<Record<string, number>>

/** A run that takes longer is given up. */
const longestMs = 300_000

/**
 * Starts a broker and lets it end by itself, which is when Node keeps what TypeScript was stripped to:
 * those that are measured start as `busbar` does any time but the first.
 */
export async function startOnce(cell: Cell, peer: Peer): Promise<void> {
  await using folder = await temporaryFolder()
  const address = { host: '127.0.0.1', port: await freePort() }
  await using broker = new BrokerProcess(peer.kind(cell), join(folder.path, 'data'), address)
  await broker.start()
  await broker.end('SIGTERM')
}

/** One run of a cell against a broker that has just been started, and ends with it. */
export async function runCell(
  cell: Cell,
  peer: Peer,
  { load }: Pick<Tools, 'load'>,
  setting: Setting,
): Promise<Run> {
  using _awake = cell.isAwake === true ? keepAwake() : undefined
  await using folder = await temporaryFolder()
  const kind = onCore(peer.kind(cell), setting.brokerCore)
  const address = { host: '127.0.0.1', port: await freePort() }
  await using broker = new BrokerProcess(kind, join(folder.path, 'data'), address)
  await broker.start()
  const where = ['--port', String(address.port), '--pid', String(broker.pid)]
  const command = ['-c', String(setting.loadCore), load, ...cell.load, ...where]
  const what = `${cell.name}, ${peer.name}`
  const runs: Run[] = []
  let round = 0
  const nextLoad = (begins: () => void, more: readonly string[] = []) =>
    runLoad([...command, ...more, '--round', String(round++)], what, begins)
  const { warming } = cell
  if (warming !== undefined && peer.isCompiledMeanwhile) {
    while (round < warming.rounds) await nextLoad(() => {}, warming.load)
  }
  let [before, measured] = [0, 0]
  for (let left = cell.rounds ?? 1; left > 0; left--) {
    // What the clients of the round before leave behind is not of this one.
    await pause(setting.settleMs)
    before = measured = broker.output.length
    const begins = () => {
      measured = broker.output.length
    }
    runs.push(await nextLoad(begins))
  }
  await broker.expectAlive()
  const { output } = broker
  return {
    ...bestOf(runs),
    ...pausesIn(output.slice(before, measured), output.slice(measured)),
  }
}

/** `begins` is called when everybody is connected and warm, and figures begin to count. */
async function runLoad(command: readonly string[], what: string, begins: () => void): Promise<Run> {
  await using program = new Program('taskset', command)
  program.onLine((line) => {
    if (line === 'measuring') begins()
  })
  const limit = setTimeout(() => program.kill('SIGKILL'), longestMs)
  const code = await program.exited
  clearTimeout(limit)
  if (code !== 0) throw new Error(`${what}: the load ended with ${code}: ${program.stderr}`)
  return JSON.parse(program.stdout) as Run
}

/**
 * The last, with the least time of each kind. What was freed in between is used again, so that memory is
 * that of the round that took most; what is retained stays, so that it is the mean. `missing` is that of
 * all.
 */
function bestOf(runs: readonly Run[]): Run {
  const figures: Record<string, number> = { ...runs.at(-1) }
  for (const key of Object.keys(figures)) {
    const values = runs.flatMap((run) => run[key] ?? [])
    if (key.startsWith('us')) figures[key] = Math.min(...values)
    if (/^bytesPer(Queued|Filter)$/.test(key)) figures[key] = Math.max(...values)
    const sum = values.reduce((total, value) => total + value, 0)
    if (key === 'bytesPerRetained') figures[key] = sum / values.length
    if (key === 'missing') figures[key] = sum
  }
  return figures
}

/** How long a collection has kept the broker from everything else, as --trace-gc prints it. */
const pauseLine = /MB, (?:pooled: [\d.]+ MB, )?([\d.]+) \/ [\d.]+ ms/g

/** While clients connect, and of the time that counts: the start of the broker is not looked at. */
function pausesIn(connecting: string, counted: string): Run {
  const [before, pauses] = [connecting, counted].map((output) =>
    [...output.matchAll(pauseLine)].map(([, milliseconds]) => Number(milliseconds)),
  ) as [number[], number[]]
  if (before.length + pauses.length === 0) return {}
  return {
    pauses: pauses.length,
    longestPauseMs: Math.max(0, ...pauses),
    longestPauseConnectingMs: Math.max(0, ...before),
  }
}

/** taskset becomes the command that it starts, so its process identifier is the broker's. */
function onCore(kind: ReturnType<Peer['kind']>, core: number | string): ReturnType<Peer['kind']> {
  return {
    name: kind.name,
    command(data, port) {
      const [command, args] = kind.command(data, port)
      return ['taskset', ['-c', String(core), command, ...args]]
    },
  }
}
