import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { root } from '../src/busbar.ts'
import type { BrokerKind } from '../src/crash/broker-process.ts'
import type { Cell } from './cells.ts'
import type { Tools } from './tools.ts'

/** A broker that is measured. */
export interface Peer {
  readonly name: string
  readonly version: string
  /** Several with one family are settings of one broker; the better one counts. */
  readonly family: string
  /** In JavaScript: what it does often becomes faster. */
  readonly isCompiledMeanwhile?: true
  kind(cell: Cell): BrokerKind
}

/** Messages that a client may have unacknowledged; 3.1.1 has no way to say it. */
const inFlight = 1_000

const main = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url))

/** As `busbar broker` runs, without the small process that the command starts first. */
export const busbar = busbarWith('auto')

interface BusbarOptions {
  /** It prints the pauses of the garbage collector. */
  readonly tracesPauses?: boolean
  readonly workers?: number
}

/** The same with one way to the kernel. */
export function busbarWith(io: string, options: BusbarOptions = {}): Peer {
  const kind = kindWith(io, options)
  const version = `with io: ${io}`
  return { name: 'busbar', family: 'busbar', version, isCompiledMeanwhile: true, kind }
}

function kindWith(io: string, { tracesPauses = false, workers = 0 }: BusbarOptions): Peer['kind'] {
  // As `busbar` does: who chooses the young generation in NODE_OPTIONS is not overruled.
  const isChosen = process.env.NODE_OPTIONS?.includes('semi-space') === true
  const flags = [
    ...(tracesPauses ? ['--trace-gc'] : []),
    ...(isChosen ? [] : ['--max-semi-space-size=8']),
  ]
  return (cell) => ({
    name: 'busbar',
    command: (data, port) => {
      const storage = cell.isDurable ? ['--data', data] : ['--memory']
      const settings = [
        `io=${io}`,
        `workers=${workers}`,
        'limits.queue.messages=1000000',
        'limits.subscriptionsPerClient=2000000',
        // As much as Mosquitto is given below.
        `mqtt.inFlightMaximumMqtt3=${inFlight}`,
        ...(cell.isDurable ? ['durability.default=disk'] : []),
      ]
      return [
        'env',
        [
          `NODE_COMPILE_CACHE=${join(root, 'node_modules/.cache/busbar')}`,
          ...[process.execPath, ...flags, '-C', '@busbar/source'],
          ...[main, 'broker', '--log-level', 'warn', ...storage],
          ...['--port', String(port), '--ws-port', '0'],
          ...settings.flatMap((setting) => ['--set', setting]),
        ],
      ]
    },
  })
}

/** The peers of these names; those that are not installed are said, and left out. */
export function findPeers(names: readonly string[], tools: Tools): Peer[] {
  return names.flatMap((name) => {
    const found = finders(tools)[name]?.()
    if (found === undefined) throw new Error(`There is no peer ${name}`)
    if (found.length === 0) console.log(`skipped: ${name} absent`)
    return found
  })
}

function finders(tools: Tools): Readonly<Record<string, () => Peer[]>> {
  return {
    mosquitto: findMosquitto,
    aedes: findAedes,
    relay: () => [relay(tools)],
    net: () => [otherWay('net')],
    io_uring: () => [otherWay('io_uring')],
  }
}

/** Ours once more, beside the way that it would choose. */
function otherWay(io: string): Peer {
  return { ...busbarWith(io), name: io, family: io }
}

function relay(tools: Tools): Peer {
  const kind: BrokerKind = {
    name: 'relay',
    command: (_, port) => [tools.relay, [String(port)]],
  }
  return { name: 'relay', family: 'relay', version: 'epoll, C', kind: () => kind }
}

function findMosquitto(): Peer[] {
  const { stdout, error } = spawnSync('mosquitto', ['-h'], { encoding: 'utf8' })
  if (error !== undefined) return []
  const version = /version (\S+)/.exec(stdout)?.[1] ?? 'unknown'
  return [true, false].map((noDelay) => {
    const name = noDelay ? 'mosquitto-nodelay' : 'mosquitto-default'
    return { name, family: 'mosquitto', version, kind: () => mosquitto(name, noDelay) }
  })
}

/** Without logging, like ours, and without limits that would let it drop messages. */
function mosquitto(name: string, noDelay: boolean): BrokerKind {
  return {
    name,
    command: (data, port) => {
      mkdirSync(data, { recursive: true })
      const file = join(data, 'mosquitto.conf')
      const lines = [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        `set_tcp_nodelay ${noDelay}`,
        'max_queued_messages 0',
        `max_inflight_messages ${inFlight}`,
        'log_type none',
      ]
      writeFileSync(file, `${lines.join('\n')}\n`)
      return ['mosquitto', ['-c', file]]
    },
  }
}

/** From the folder in AEDES, or from ours. */
function findAedes(): Peer[] {
  const from = createRequire(join(process.env.AEDES ?? root, 'package.json'))
  let entry: string
  try {
    entry = from.resolve('aedes')
  } catch {
    return []
  }
  const description = findPackageJSON(pathToFileURL(entry)) ?? ''
  const { version } = JSON.parse(readFileSync(description, 'utf8')) as { version: string }
  const script = join(import.meta.dirname, 'aedes.mjs')
  const kind: BrokerKind = {
    name: 'aedes',
    command: (_, port) => [process.execPath, [script, entry, String(port)]],
  }
  return [{ name: 'aedes', family: 'aedes', version, isCompiledMeanwhile: true, kind: () => kind }]
}
