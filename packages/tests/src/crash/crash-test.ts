import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  type BrokerKind,
  busbarKind,
  commandKind,
  type Level,
  mosquittoKind,
} from './broker-process.ts'
import type { Spoken } from './cast.ts'
import { type CrashReport, describeCounts, describeViolation, runCrashes } from './crash-run.ts'
import { runFullDisks } from './full-run.ts'
import type { Address } from './socket-client.ts'

const usage = `Usage: npm run crash-test -- [--cycles N] [--seed S] [--mode kill|term|full] ...

Ends a broker under load again and again, and checks that nothing it has acknowledged is lost, that
nothing of QoS 2 comes twice, and what else the checker in src/model knows.

  --cycles N       how often it is ended (50), or disks are filled (1)
  --seed S         decides who does what and when; the timing of processes it cannot
  --mode MODE      kill: kill -9 (default); term: SIGTERM; full: a full disk
  --level LEVEL    disk: synced before the acknowledgement (default); os: only written
  --broker NAME    busbar (default); mosquitto: Debian's, persistence true; mosquitto-autosave: the
                   same, saving after each change
  --start 'CMD {data} {port}'   any other broker: it keeps its data in the folder {data}
  --io NAME        how Busbar moves bytes: net, epoll or io_uring; as the broker chooses (auto)
  --url URL        where its clients connect, when it does not take a {port}
  --protocol 3.1.1 leaves out the clients of 5.0 (both), for a broker that does not speak it
  --json FILE      writes the report
  --logs FOLDER    writes what the clients saw when something is wrong

Exit code 1: a promise was broken.`

const flags = {
  cycles: { type: 'string' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  mode: { type: 'string', default: 'kill' },
  level: { type: 'string', default: 'disk' },
  broker: { type: 'string', default: 'busbar' },
  start: { type: 'string' },
  io: { type: 'string' },
  url: { type: 'string' },
  protocol: { type: 'string', default: 'both' },
  json: { type: 'string' },
  logs: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

const { values } = readFlags()
if (values.help) {
  console.log(usage)
  process.exit()
}

function readFlags() {
  try {
    return parseArgs({ options: flags })
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`)
  }
}

const mode = oneOf('mode', values.mode, ['kill', 'term', 'full'])
const seed = wholeNumber('seed', values.seed)
const cycles = values.cycles === undefined ? undefined : wholeNumber('cycles', values.cycles)
const level = oneOf('level', values.level, ['disk', 'os']) as Level
const spoken = oneOf('protocol', values.protocol, ['both', '3.1.1']) as Spoken
if (mode === 'full' && spoken !== 'both') fail('--mode full needs a broker that speaks 5.0')
const kind = brokerKind()

const violations = mode === 'full' ? await fillDisks() : await crash()
if (violations > 0) {
  console.error(`${violations} violations. The same again: ${replay()}`)
  process.exitCode = 1
}

async function crash(): Promise<number> {
  const running = runCrashes({
    ...{ kind, cycles: cycles ?? 50, seed, spoken, say: console.log },
    signal: mode === 'term' ? 'SIGTERM' : 'SIGKILL',
    ...(values.logs === undefined ? {} : { logs: values.logs }),
    ...(values.url === undefined ? {} : { address: addressOf(values.url) }),
  })
  const report = await running.catch((error: Error) => fail(error.message))
  console.log(summary(report))
  writeReport(report)
  return report.violations.length
}

async function fillDisks(): Promise<number> {
  const isBusbar = values.start === undefined && values.broker === 'busbar'
  const limitedKind = isBusbar
    ? busbarKind(level, ['store.maximumBytes=8388608', ...ioSettings()])
    : undefined
  const options = {
    kind,
    limitedKind,
    cycles: cycles ?? 1,
    seed,
    logs: values.logs,
    say: console.log,
  }
  const results = await runFullDisks(options)
  writeReport(results)
  const found = results.flatMap((result) => result.violations)
  for (const violation of found) console.log(describeViolation({ ...violation, cycle: 0 }))
  return found.length
}

function writeReport(report: unknown): void {
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
}

function brokerKind(): BrokerKind {
  if (values.start !== undefined) return commandKind(values.start)
  const name = oneOf('broker', values.broker, ['busbar', 'mosquitto', 'mosquitto-autosave'])
  if (name !== 'busbar') return mosquittoKind(name === 'mosquitto-autosave')
  return busbarKind(level, ioSettings())
}

/** None unless one is named, so that the environment may name it. */
function ioSettings(): readonly string[] {
  if (values.io === undefined) return []
  return [`io=${oneOf('io', values.io, ['auto', 'net', 'epoll', 'io_uring'])}`]
}

function summary(of: CrashReport): string {
  const { broker, counts, starts, ends, endsDuringStart } = of
  const early = endsDuringStart > 0 ? ` (${endsDuringStart} while it started)` : ''
  return [
    ...rulesBroken(of),
    `${broker}, seed ${of.seed}: ${describeCounts(counts)}`,
    `${of.cycles} cycles, ended ${ends} times${early}, ${of.checks} checks, ${of.seconds.toFixed(0)} s; ` +
      `a start took ${starts.meanMs.toFixed(0)} ms, at most ${starts.longestMs.toFixed(0)} ms`,
  ].join('\n')
}

/** How often each rule was broken. */
function rulesBroken({ violations }: CrashReport): readonly string[] {
  const counts = new Map<string, { times: number; messages: number }>()
  for (const { rule, messages } of violations) {
    const { times, messages: sum } = counts.get(rule) ?? { times: 0, messages: 0 }
    counts.set(rule, { times: times + 1, messages: sum + messages.length })
  }
  if (counts.size === 0) return []
  const texts = [...counts].map(([rule, { times, messages }]) =>
    messages > 0 ? `${rule} ${times} times (${messages} messages)` : `${rule} ${times} times`,
  )
  return [`broken: ${texts.join(', ')}`]
}

function replay(): string {
  const { help: _, ...given } = { ...values, seed: String(seed) }
  const args = Object.entries(given).map(([name, value]) => `--${name} ${quoted(String(value))}`)
  return `npm run crash-test -- ${args.join(' ')}`
}

function quoted(text: string): string {
  return /^[\w.,:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function oneOf(flag: string, value: string, allowed: readonly string[]): string {
  if (allowed.includes(value)) return value
  return fail(`--${flag} is ${value}; allowed is ${allowed.join(', ')}`)
}

function wholeNumber(flag: string, value: string): number {
  return /^\d{1,9}$/.test(value)
    ? Number(value)
    : fail(`--${flag} is ${value}; allowed is a number`)
}

function addressOf(url: string): Address {
  const { hostname, port } = URL.parse(url) ?? fail(`--url is ${url}; allowed is mqtt://HOST:PORT`)
  return { host: hostname.replace(/[[\]]/g, ''), port: Number(port || 1883) }
}

function fail(text: string): never {
  console.error(text)
  process.exit(2)
}
