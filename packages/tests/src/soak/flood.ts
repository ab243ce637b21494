/**
 * Clients that would be a burden, and a pair that has nothing to do with it and measures how long its
 * messages take (Linux):
 *
 *     npm run flood -- --publishers 1000 --minutes 5
 *     npm run flood -- --mode crowd --slow 1000 --idle 10000 --minutes 1
 *
 * `flood`: many publishers and subscribers that hardly read. `crowd`: connections on which CONNECT
 * comes a byte at a time, and others on which nothing comes. Broker, load and pair are processes of
 * their own. Exit code 1: the broker took more memory than its settings allow, lost a message of the
 * pair or a connection, or was not burdened at all.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { parseConfig } from '@busbar/broker'
import { startBusbar } from '../busbar.ts'
import { pause } from '../deadline.ts'
import { childOf, residentBytes } from '../memory.ts'
import { RawClient } from '../raw-client.ts'
import { ask } from './ask.ts'
import { type Latency, toldLatency } from './latency.ts'
import { readerCap } from './memory-cap.ts'

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'flood' },
    publishers: { type: 'string', default: '1000' },
    readers: { type: 'string', default: '20' },
    bytes: { type: 'string', default: '1000' },
    slow: { type: 'string', default: '1000' },
    idle: { type: 'string', default: '10000' },
    minutes: { type: 'string', default: '5' },
  },
})

/** What a message takes beside its payload, in a queue and on the wire. */
const besidePayload = 512
/** A read buffer for each publisher. */
const publisherBytes = 65_536
/** What the runtime needs under load: code, and garbage that is not collected yet. */
const runtimeBytes = 128 * 1_048_576
const lineEveryMs = 15_000

interface LoadState {
  readonly published: number
  readonly closed: number
}

interface CrowdState {
  readonly closed: number
  readonly lost: number
  readonly idlers: number
}

const isCrowd = values.mode === 'crowd'
await using broker = await startBusbar()
const pid = await childOf(broker.program.pid)
const load = isCrowd
  ? start('crowd-load.ts', values.slow, values.idle)
  : start('flood-load.ts', values.publishers, values.readers, values.bytes)
let pair: ChildProcess | undefined
try {
  const problems = isCrowd ? await crowd() : await flood()
  console.log(problems.length === 0 ? 'all is well' : problems.join('\n'))
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  load.kill()
  pair?.kill()
}

function start(file: string, ...given: readonly string[]): ChildProcess {
  const { execArgv } = process
  return fork(new URL(file, import.meta.url), [broker.tcp, ...given], { execArgv })
}

async function startPair(): Promise<ChildProcess> {
  const started = start('pair.ts', String(pid))
  pair = started
  await once(started, 'message')
  await pause(3_000)
  console.log(`before: pair ${toldLatency(await latencyOf(started))}`)
  return started
}

function latencyOf(measuring: ChildProcess): Promise<Latency> {
  return ask<Latency>(measuring, 'take', 60_000)
}

async function flood(): Promise<string[]> {
  await using watcher = await watchLosses()
  await ask<LoadState>(load, 'connect', 120_000)
  const measuring = await startPair()
  const idle = await residentBytes(pid)
  const cap = idle + allowed()
  console.log(`cap: ${mega(cap)} MB, of which ${mega(idle)} when connected`)
  await ask<LoadState>(load, 'flood', 60_000)
  const most = await watchMemory(Number(values.minutes) * 60_000)
  const latency = await latencyOf(measuring)
  const { published, closed } = await ask<LoadState>(load, 'report', 60_000)
  const missing = await ask<number>(measuring, 'stop', 60_000)
  await ask<LoadState>(load, 'stop', 120_000)
  console.log(`${published} published, ${watcher.lost()} not delivered because a queue was full`)
  console.log(`memory: ${mega(most)} MB at most, cap ${mega(cap)} MB`)
  console.log(`flooded: pair ${toldLatency(latency)}`)
  const problems: string[] = []
  if (most > cap) problems.push(`${mega(most - cap)} MB more than the settings allow`)
  if (closed > 0) problems.push(`${closed} connections were closed`)
  if (missing > 0) problems.push(`the pair misses ${missing} messages`)
  if (watcher.lost() === 0) problems.push('no queue was ever full: flood for longer, or with more')
  return problems
}

async function crowd(): Promise<string[]> {
  const measuring = await startPair()
  const joined = ask<CrowdState>(load, 'begin', 300_000)
  const { idlers } = await joined
  console.log(`while they come: pair ${toldLatency(await latencyOf(measuring))}`)
  const most = await watchMemory(Number(values.minutes) * 60_000)
  const latency = await latencyOf(measuring)
  const { closed, lost } = await ask<CrowdState>(load, 'report', 60_000)
  const missing = await ask<number>(measuring, 'stop', 60_000)
  await ask<CrowdState>(load, 'stop', 60_000)
  console.log(`${idlers} logged in and idle; ${closed} closed that had not logged in`)
  console.log(`memory: ${mega(most)} MB at most`)
  console.log(`crowded: pair ${toldLatency(latency)}`)
  const problems: string[] = []
  if (lost > 0) problems.push(`${lost} idle connections were closed`)
  if (missing > 0) problems.push(`the pair misses ${missing} messages`)
  if (closed === 0) problems.push('no slow connection was ever closed')
  return problems
}

/** What all of them may make the broker hold under the default settings. */
function allowed(): number {
  const config = parseConfig({})
  const message = Number(values.bytes) + besidePayload
  const both = readerCap(config, message, 0) + readerCap(config, message, 1)
  const readers = Math.ceil(Number(values.readers) / 2) * both
  return readers + Number(values.publishers) * publisherBytes + runtimeBytes
}

async function watchMemory(ms: number): Promise<number> {
  let most = 0
  let nextLineAt = lineEveryMs
  const startedAt = performance.now()
  for (let at = 0; at < ms; at = performance.now() - startedAt) {
    const resident = await residentBytes(pid)
    most = Math.max(most, resident)
    if (at >= nextLineAt) {
      console.log(`after ${Math.round(at / 1_000)} s: ${mega(resident)} MB, ${mega(most)} at most`)
      nextLineAt += lineEveryMs
    }
    await pause(100)
  }
  return most
}

/** What the broker itself counts, in `$SYS`. */
async function watchLosses(): Promise<{ lost(): number } & AsyncDisposable> {
  const client = await RawClient.open(broker.tcp)
  await client.connect({ clientIdentifier: 'watcher' })
  await client.subscribe('$SYS/broker/losses/queue-full/messages')
  let lost = 0
  client.onPacket = (packet) => {
    if (packet.type === 'publish') lost = Number(Buffer.from(packet.payload).toString())
  }
  return { lost: () => lost, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() }
}

function mega(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}
