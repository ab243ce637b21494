/**
 * Measures the durable store:
 *
 *     taskset -c 0 node -C @busbar/source packages/broker/bench/store.ts [--level disk] [--cell NAME]
 *
 * Cells: `waiting` (queued entries, closed loop), `acknowledged` (queued, and done after the commit),
 * `startup` (100,000 Sessions, 1,000,000 entries). CPU is of the main thread and of all the others.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/clock.ts'
import type { Message } from '../src/message.ts'
import { createSqliteStore, type SqliteStore } from '../src/store/sqlite.ts'
import type { Change, DurabilityLevel } from '../src/store/store.ts'

const { values } = parseArgs({
  options: {
    level: { type: 'string', default: 'disk' },
    cell: { type: 'string' },
    seconds: { type: 'string', default: '3' },
    folder: { type: 'string', default: tmpdir() },
  },
})
const level = values.level as DurabilityLevel
const seconds = Number(values.seconds)
const SESSIONS = 1_000
const payload = new Uint8Array(100).fill(7)

console.log(`Node ${process.version}, level ${level}`)
for (const cell of ['waiting', 'acknowledged', 'startup']) {
  if (values.cell !== undefined && values.cell !== cell) continue
  if (cell === 'startup') await startup()
  else {
    for (const [waiting, perCommit] of [
      [32, 1],
      [1000, 1],
      [1000, 100],
    ] as const) {
      await loop(cell, waiting, perCommit)
    }
  }
}

/** `waiting` records are under way at any time, in batches of `perCommit`. */
async function loop(cell: string, waiting: number, perCommit: number): Promise<void> {
  await using bench = await openBench()
  const { store } = bench
  await commit(store, sessions(SESSIONS))
  const latencies: number[] = []
  let position = 0
  let records = 0
  let measuring = false
  await new Promise<void>((resolve) => {
    let stopped = 0
    let stopping = false
    const round = () => {
      if (stopping) {
        if (++stopped === waiting / perCommit) resolve()
        return
      }
      const first = position + 1
      const batch: Change[] = []
      for (let n = 0; n < perCommit; n++) batch.push(queued(++position, client(position)))
      const startedAt = performance.now()
      store.commit(batch, level, (error) => {
        if (error !== undefined) throw error
        if (measuring) {
          records += perCommit
          latencies.push(performance.now() - startedAt)
        }
        if (cell === 'acknowledged') {
          const acks: Change[] = []
          for (let n = first; n < first + perCommit; n++) {
            acks.push({ kind: 'done', clientIdentifier: client(n), position: n })
          }
          store.commit(acks, 'memory', () => {})
        }
        round()
      })
    }
    for (let n = 0; n < waiting / perCommit; n++) round()
    setTimeout(() => {
      measuring = true
      const main = process.threadCpuUsage()
      const all = process.cpuUsage()
      const startedAt = performance.now()
      setTimeout(() => {
        measuring = false
        stopping = true
        const elapsed = performance.now() - startedAt
        report(cell, waiting, perCommit, {
          records,
          elapsed,
          main: sum(process.threadCpuUsage(main)),
          all: sum(process.cpuUsage(all)),
          latencies,
        })
      }, seconds * 1_000)
    }, 500)
  })
}

interface Measured {
  readonly records: number
  readonly elapsed: number
  readonly main: number
  readonly all: number
  readonly latencies: number[]
}

function report(cell: string, waiting: number, perCommit: number, measured: Measured): void {
  const { records, elapsed, main, all, latencies } = measured
  latencies.sort((a, b) => a - b)
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2)
  console.log(
    [
      cell.padEnd(12),
      `${waiting} waiting, ${perCommit} a commit:`.padEnd(30),
      `${Math.round((records / elapsed) * 1_000).toLocaleString('en')} records/s`,
      `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
      `main ${(main / records).toFixed(2)} µs, others ${((all - main) / records).toFixed(2)} µs a record`,
    ].join('  '),
  )
}

async function startup(): Promise<void> {
  await using bench = await openBench()
  const before = performance.now()
  await commit(bench.store, sessions(100_000))
  for (let position = 1; position <= 1_000_000; ) {
    const batch: Change[] = []
    for (let n = 0; n < 5_000; n++, position++)
      batch.push(queued(position, client(position, 100_000)))
    await commit(bench.store, batch)
  }
  console.log(`startup      written in ${((performance.now() - before) / 1_000).toFixed(1)} s`)
  await bench.store[Symbol.asyncDispose]()
  console.log(
    `             file ${(statSync(join(bench.folder, 'busbar.db')).size / 1e6).toFixed(0)} MB`,
  )
  const startedAt = performance.now()
  await using store = await createSqliteStore({ folder: bench.folder })
  const opened = performance.now()
  const { sessions: found } = await store.open()
  const scanned = performance.now()
  const count = found.reduce((total, each) => total + each.queuedCount, 0)
  console.log(
    `             ${found.length} Sessions, ${count} entries: opened in ${Math.round(opened - startedAt)} ms, scanned in ${Math.round(scanned - opened)} ms, RSS ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`,
  )
  const readAt = performance.now()
  for (let n = 0; n < 1_000; n++) {
    await new Promise<void>((resolve, reject) =>
      store.readQueue(client(n, 100_000), 0, 100, (_, error) =>
        error ? reject(error) : resolve(),
      ),
    )
  }
  const each = performance.now() - readAt
  console.log(`             a page of 10 entries: ${each.toFixed(0)} µs`)
}

async function openBench() {
  const folder = mkdtempSync(join(values.folder, 'busbar-bench-'))
  const store = await createSqliteStore({ folder, level })
  await store.open()
  return {
    folder,
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

function commit(store: SqliteStore, changes: Change[]): Promise<void> {
  return new Promise((resolve, reject) =>
    store.commit(changes, level, (error) => (error === undefined ? resolve() : reject(error))),
  )
}

function sessions(count: number): Change[] {
  return Array.from({ length: count }, (_, at) => ({
    kind: 'session',
    session: {
      clientIdentifier: client(at, count),
      owner: 'operator',
      protocolVersion: 5,
      sessionExpiryInterval: 3_600,
      ends: undefined,
      will: undefined,
    },
  }))
}

function client(position: number, of = SESSIONS): string {
  return `client-${(position * 7_919) % of}`
}

function queued(position: number, clientIdentifier: string): Change {
  const message: Message = {
    topicName: 'plant/line-4/oven/temperature',
    payload,
    qos: 1,
    retain: false,
    properties: {},
    publisher: 'sensor-12',
    arrivedAt: systemClock.now(),
    expiresAt: Number.POSITIVE_INFINITY,
  }
  return {
    kind: 'queued',
    clientIdentifier,
    entry: {
      position,
      message,
      qos: 1,
      retain: false,
      subscriptionIdentifiers: [],
      sharedFilter: undefined,
      packetIdentifier: 0,
      state: 'queued',
    },
  }
}

function sum({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}
