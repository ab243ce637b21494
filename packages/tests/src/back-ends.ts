/**
 * The suites that depend on how bytes are moved, for each back end that works on this machine:
 *
 *     node -C @busbar/source packages/tests/src/back-ends.ts          those that auto did not choose
 *     … --all                                                         all of them, and all suites
 *     … --io epoll                                                    this one, and all suites
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { ConfigError, silentLog, startBroker } from '@busbar/broker'
import { atExit } from './at-exit.ts'

const { values } = parseArgs({
  options: { all: { type: 'boolean', default: false }, io: { type: 'string' } },
})
const names = ['net', 'epoll', 'io_uring'] as const
type Name = (typeof names)[number]

const source = ['-C', '@busbar/source']
const main = [...source, 'packages/cli/src/main.ts']
const isLong = values.all || values.io !== undefined

/** The rest of what `npm test` runs does not depend on it, or runs with the one of auto. */
const e2e = isLong
  ? ['slow-reader', 'hostile', 'hostile-peers', 'command-line', 'mixed', 'crash']
  : ['slow-reader']

const failed: string[] = []
const chosen = await nameOf('auto')
for (const name of names) {
  if (values.io !== undefined ? name !== values.io : !isLong && name === chosen) continue
  const works = await nameOf(name)
  if (works !== name) {
    console.log(`skipped: ${works}`)
    continue
  }
  await soak(name)
  await check(name, 'conformance', [...main, 'conformance', '--start', startCommand(name)])
  const crashes = [...source, 'packages/tests/src/crash/crash-test.ts', '--cycles']
  await check(name, 'crashes', [...crashes, isLong ? '10' : '3'])
  const files = e2e.map((file) => `packages/tests/e2e/${file}.test.ts`)
  await check(name, 'end to end', [...source, '--test', '--test-concurrency=1', ...files])
}
if (!isLong) await soak(chosen)
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exit(1)
}

/** The back end that a broker uses when it is given this; why not, when it cannot. */
async function nameOf(io: Name | 'auto'): Promise<string> {
  try {
    const listeners = [{ kind: 'tcp', port: 0 }] as const
    const store = { engine: 'memory' } as const
    await using broker = await startBroker({ io, listeners, store }, { log: silentLog })
    return broker.io.backEnd
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
  }
}

function startCommand(name: Name): string {
  const flags = ['broker', '--set', `io=${name}`, '--config', '{config}']
  return [process.execPath, ...main, ...flags].join(' ')
}

/** Many kinds of traffic at once, with every byte looked at: what no suite of one kind brings about. */
function soak(name: string): Promise<void> {
  const options = [
    '--io',
    name,
    '--minutes',
    isLong ? '2' : '0.4',
    '--seconds',
    '12',
    '--only-bytes',
  ]
  return check(name, 'soak', [...source, 'packages/tests/src/soak/soak.ts', ...options])
}

async function check(name: string, suite: string, parameters: readonly string[]): Promise<void> {
  console.log(`\n== ${suite} on ${name}`)
  const env = { ...process.env, TEST_IO: name }
  const child = spawn(process.execPath, parameters, { stdio: 'inherit', env })
  const forget = atExit(() => child.kill('SIGTERM'))
  const [status] = await once(child, 'exit')
  forget()
  if (status !== 0) failed.push(`${suite} on ${name}`)
}
