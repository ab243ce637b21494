/**
 * Hours of mixed load on one back end, with every byte looked at:
 *
 *     npm run soak -- --minutes 60 --io io_uring
 *     npm run soak -- --minutes 20 --load churn
 *
 * With `--only-bytes` memory and timers are not judged, for runs that are too short for that.
 * `--load churn` is clients that come and go, each under a new name, and nothing else: what they leave
 * behind is not hidden by what the others need.
 *
 * The broker is in this process, so that its timers and memory can be watched; the clients are in
 * another one. Exit code 1: bytes were wrong or missing, memory grew, or timers were late.
 */
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { type Broker, startBroker } from '@busbar/broker'
import { pause } from '../deadline.ts'
import { heldBytes } from '../memory.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { ask } from './ask.ts'
import { Lateness } from './lateness.ts'
import type { LoadReport } from './load.ts'
import { longestExpiry } from './passer-by.ts'
import { growth, type Sample } from './samples.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    io: { type: 'string', default: 'auto' },
    /** Threads that hold the sockets. */
    workers: { type: 'string', default: '0' },
    load: { type: 'string', default: 'mixed' },
    'only-bytes': { type: 'boolean', default: false },
    /** How often a line is printed. */
    seconds: { type: 'string', default: '60' },
  },
})

/** What is held may grow by so much between the second quarter and the last. */
const allowedGrowth = 8 * 1_048_576
/** The same for resident memory, a part of which is garbage that is not collected yet. */
const allowedResidentGrowth = 24 * 1_048_576
/** How late timers may be because of the broker, at the 99th percentile of each line. */
const allowedLateMs = 10

const ended: string[] = []
await using folder = await temporaryFolder()
await using broker = await startBroker(
  {
    io: ioOf(values.io),
    workers: Number(values.workers),
    listeners: [{ kind: 'tcp', port: 0 }],
    store: { dir: folder.path },
    durability: { default: 'os' },
    // What else the machine is busy with is no reason to refuse anybody here.
    limits: { queue: { messages: 100_000 }, overloadLagMs: 0 },
    log: { level: 'warn' },
  },
  // As in the process of `busbar broker`.
  { ownsProcess: true },
)
const { backEnd, because, workers } = broker.io
console.log(`${backEnd} ${because.join('; ')}, ${workers} workers, Node ${process.versions.node}`)
const lateness = new Lateness()
const load = fork(new URL('load.ts', import.meta.url), [broker.url, values.load], {
  execArgv: process.execArgv,
})
const samples: Sample[] = []
const endsAt = performance.now() + Number(values.minutes) * 60_000
while (performance.now() < endsAt && load.exitCode === null) {
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1_000))
  await look(broker)
}
const last = await ask<LoadReport>(load, 'stop', 120_000)
const late = Math.max(...samples.map(({ lateMs }) => lateMs))
load.kill()
for (const [name, { received, wrong, missing }] of Object.entries(last)) {
  console.log(`${name}: ${received} received, ${wrong} wrong, ${missing} missing`)
  if (wrong > 0 || missing > 0) ended.push(`${name}: ${wrong} wrong, ${missing} missing`)
  if (received === 0) ended.push(`${name}: nothing was received`)
}
if (values.load === 'churn') await lookForLeftovers(broker)
const heldGrowth = growth(samples.map(({ held }) => held))
const residentGrowth = growth(samples.map(({ rss }) => rss))
console.log(`${mega(heldGrowth)} MB more are held, ${mega(residentGrowth)} MB more are resident`)
if (!values['only-bytes']) {
  if (heldGrowth > allowedGrowth) ended.push('what is held grew by too much')
  if (residentGrowth > allowedResidentGrowth) ended.push('resident memory grew by too much')
  if (late > allowedLateMs) ended.push(`timers were ${late.toFixed(1)} ms late`)
}
console.log(ended.length === 0 ? 'all is well' : ended.join('\n'))
process.exitCode = ended.length === 0 ? 0 : 1

async function look({ statistics, losses }: Broker): Promise<void> {
  const report = await ask<LoadReport>(load, 'report', 60_000)
  const { p99, most } = lateness.take()
  const { rss, heapUsed, external } = process.memoryUsage()
  // Not before the timers were asked, since it takes its time.
  const held = await heldBytes()
  samples.push({ rss, held, lateMs: p99 })
  const sum = (key: 'received' | 'wrong' | 'missing') =>
    Object.values(report).reduce((total, each) => total + each[key], 0)
  console.log(
    `${sum('received')} received, ${sum('wrong')} wrong; ${mega(rss)} MB, heap ${mega(heapUsed)}, ` +
      `outside ${mega(external)}, held ${mega(held)}; timers ${p99.toFixed(1)} ms late at p99, ${most.toFixed(1)} at most; ` +
      `${statistics.clientsConnected} clients, ${losses.total().messages} lost`,
  )
}

/** Of clients that have gone there is nothing left once their Sessions have expired. */
async function lookForLeftovers({ statistics }: Broker): Promise<void> {
  await pause((longestExpiry + 1) * 1_000)
  const { sessions, subscriptions, queuedMessages, inFlight } = statistics
  console.log(`left: ${sessions} sessions, ${subscriptions} subscriptions`)
  const left = sessions + subscriptions + queuedMessages + inFlight
  if (left > 0) ended.push(`${left} sessions, subscriptions and messages are left`)
}

function mega(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}

function ioOf(text: string): 'auto' | 'net' | 'epoll' | 'io_uring' {
  if (text === 'auto' || text === 'net' || text === 'epoll' || text === 'io_uring') return text
  console.error(`--io is ${text}; allowed is auto, net, epoll or io_uring`)
  process.exit(2)
}
