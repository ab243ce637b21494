/**
 * The suites that depend on how bytes are moved, for each back end that works on this machine, and
 * for sockets in workers:
 *
 *     node -C @busbar/source packages/tests/src/back-ends.ts          those that auto did not choose
 *     … --all                                                         all of them, and all suites
 *     … --io epoll                                                    this one, and all suites
 *     … --workers 2                                                   so many workers, and all suites
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { ConfigError, silentLog, startBroker } from '@busbar/broker'
import { atExit } from './at-exit.ts'

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    io: { type: 'string' },
    workers: { type: 'string' },
  },
})
const names = ['net', 'epoll', 'io_uring'] as const
type Name = (typeof names)[number]

/** One way to move bytes. */
interface Way {
  readonly name: string
  readonly io: Name | 'auto'
  readonly workers: number
}

const source = ['-C', '@busbar/source']
const main = [...source, 'packages/cli/src/main.ts']
const isNamed = values.io !== undefined || values.workers !== undefined
const isLong = values.all || isNamed

/** The rest of what `npm test` runs does not depend on it, or runs with the one of auto. */
const e2e = isLong
  ? ['slow-reader', 'hostile', 'hostile-peers', 'transports', 'command-line', 'mixed', 'crash']
  : ['slow-reader']

const autoWay: Way = { name: 'auto', io: 'auto', workers: 0 }
const failed: string[] = []
for (const way of await chosenWays()) {
  const works = await nameOf(way)
  if (works !== (way.io === 'auto' ? await nameOf({ ...way, workers: 0 }) : way.io)) {
    console.log(`skipped: ${works}`)
    continue
  }
  await soak(way)
  await check(way, 'conformance', [...main, 'conformance', '--start', startCommand(way)])
  const crashes = [...source, 'packages/tests/src/crash/crash-test.ts', '--cycles']
  await check(way, 'crashes', [...crashes, isLong ? '10' : '3'])
  const files = e2e.map((file) => `packages/tests/e2e/${file}.test.ts`)
  await check(way, 'end to end', [...source, '--test', '--test-concurrency=1', ...files])
}
if (!isLong) await soak(autoWay)
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exit(1)
}

async function chosenWays(): Promise<readonly Way[]> {
  const ways = names.map((io): Way => ({ name: io, io, workers: 0 }))
  const workers = Number(values.workers ?? 2)
  const inWorkers: Way = { name: `${workers} workers`, io: 'auto', workers }
  if (isNamed) {
    const named = ways.filter(({ io }) => io === values.io)
    return values.workers === undefined ? named : [...named, inWorkers]
  }
  const usual = await nameOf(autoWay)
  return [...ways.filter(({ io }) => isLong || io !== usual), inWorkers]
}

/** The back end that a broker uses when it is given this; why not, when it cannot. */
async function nameOf({ io, workers }: Way): Promise<string> {
  try {
    const listeners = [{ kind: 'tcp', port: 0 }] as const
    const store = { engine: 'memory' } as const
    await using broker = await startBroker({ io, workers, listeners, store }, { log: silentLog })
    return broker.io.backEnd
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
  }
}

function startCommand({ io, workers }: Way): string {
  const flags = ['--set', `io=${io}`, '--workers', String(workers), '--config', '{config}']
  return [process.execPath, ...main, 'broker', ...flags].join(' ')
}

/** Many kinds of traffic at once, with every byte looked at: what no suite of one kind brings about. */
function soak(way: Way): Promise<void> {
  const given = ['--io', way.io, '--workers', String(way.workers)]
  const options = [...given, '--minutes', isLong ? '2' : '0.4', '--seconds', '12', '--only-bytes']
  return check(way, 'soak', [...source, 'packages/tests/src/soak/soak.ts', ...options])
}

async function check(
  { name, io, workers }: Way,
  suite: string,
  parameters: readonly string[],
): Promise<void> {
  console.log(`\n== ${suite} on ${name}`)
  const env = { ...process.env, TEST_IO: io, TEST_WORKERS: String(workers) }
  const child = spawn(process.execPath, parameters, { stdio: 'inherit', env })
  const forget = atExit(() => child.kill('SIGTERM'))
  const [status] = await once(child, 'exit')
  forget()
  if (status !== 0) failed.push(`${suite} on ${name}`)
}
