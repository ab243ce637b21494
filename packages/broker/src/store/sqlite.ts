import { Worker } from 'node:worker_threads'
import { type Clock, systemClock } from '../clock.ts'
import { workerFile, workerOptions } from '../worker-file.ts'
import {
  BackupError,
  closedError,
  StoreFailedError,
  StoreFullError,
  StoreOpenError,
} from './errors.ts'
import { code, GroupWriter, type Operation } from './group.ts'
import { Times } from './message-codec.ts'
import { Operations } from './operations.ts'
import type { Scan, Sync } from './sqlite-engine.ts'
import type { Reply, Request, WorkerOptions } from './sqlite-messages.ts'
import { recover, unpackEntries } from './sqlite-recovery.ts'
import type { Change, DurabilityLevel, QueueEntry, Recovered, Store } from './store.ts'

export interface SqliteStoreOptions extends WorkerOptions {
  /** The strictest level to keep; `disk` unless said otherwise. */
  readonly level?: DurabilityLevel
  readonly clock?: Clock
}

/**
 * Opens the durable store in a folder, which is made if it is not there. Rejects with a
 * StoreOpenError when the store is in use, damaged or of a later version.
 */
export async function createSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { folder, maxPages, checkpointPages, reserveBytes } = options
  const workerData: WorkerOptions = { folder, maxPages, checkpointPages, reserveBytes }
  const worker = new Worker(workerFile('sqlite-worker', import.meta.url), {
    workerData,
    name: 'store',
    execArgv: workerOptions(process.execArgv),
  })
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (reply: Reply) => {
      worker.off('error', reject)
      if (reply.kind === 'failed') reject(new StoreOpenError(reply.reason))
      else resolve()
    })
  })
  return new SqliteStore(worker, options)
}

/** Batches that nobody waits for are written at the latest after this. */
const LAZY_MS = 50

/** A group is cut at this weight, so that its encoding does not hold up a turn. */
const GROUP_LIMIT = 8_192

/** An operation weighs 1, and each kibibyte of payload as much again. */
function weigh({ body }: Operation): number {
  if (typeof body !== 'object') return 1
  const message = 'message' in body ? body.message : body
  return 'payload' in message ? 1 + message.payload.length / 1024 : 1
}

const ranks = { memory: 0, os: 1, disk: 2 } as const
const syncs: readonly Sync[] = ['none', 'written', 'synced']

interface Batch {
  readonly operations: readonly Operation[]
  readonly rank: number
  readonly committed: (error?: Error) => void
  /** To be called, when its turn comes. */
  isSettled: boolean
  error: Error | undefined
}

type Page = (entries: readonly QueueEntry[], error?: Error) => void

interface Read {
  readonly request: Request
  readonly page: Page
  /** How many batches must have been answered before. */
  readonly behind: number
}

/**
 * The main thread's side of the durable store. Batches wait here while the worker commits a group,
 * and all that wait are the next group: so the number of syncs adapts to how long one takes, and an
 * entry that is done before it was written costs nothing.
 */
export class SqliteStore implements Store {
  readonly level: DurabilityLevel
  readonly #worker: Worker
  readonly #clock: Clock
  #times: Times | undefined
  #writer: GroupWriter | undefined
  #operations = new Operations([], { lastSession: 0, lastPosition: 0 })
  /** Not posted yet. */
  #pending: Batch[] = []
  /** Posted and not answered yet. Undefined: the worker is idle. */
  #inFlight: Batch[] | undefined
  /** Of a group for which there was no room: each is tried by itself. */
  #retries: Batch[] = []
  /** Not called back yet, in the order of the calls. */
  #waiting: Batch[] = []
  #accepted = 0
  /** Of those accepted, how many must have been answered before a queue can be read. */
  #toBeRead = 0
  #answered = 0
  #reads: Read[] = []
  readonly #pages: Page[] = []
  #backup: ((error?: Error) => void) | undefined
  #isCallingBack = false
  /** How many of the pending batches somebody waits for. */
  #urgent = 0
  #lazy: NodeJS.Timeout | undefined
  #isLate = false
  #scanned: { resolve(scan: Scan): void; reject(error: Error): void } | undefined
  #ended: Error | undefined
  #failed: ((error: Error) => void) | undefined
  #closing: Promise<void> | undefined
  #idle: (() => void) | undefined
  readonly #exited: Promise<void>

  constructor(worker: Worker, { level = 'disk', clock = systemClock }: SqliteStoreOptions) {
    this.level = level
    this.#worker = worker
    this.#clock = clock
    worker.on('message', (reply: Reply) => this.#receive(reply))
    worker.on('error', (error) => this.#fail(error))
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#fail(new Error('The thread of the store has ended'))
        resolve()
      })
    })
  }

  async open(): Promise<Recovered> {
    const scan = await new Promise<Scan>((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended)
        return
      }
      this.#scanned = { resolve, reject }
      this.#post({ kind: 'scan' })
    })
    const times = new Times(scan.run, this.#clock)
    this.#times = times
    this.#writer = new GroupWriter(times, scan.lastMessage)
    this.#operations = new Operations(scan.sessions, scan)
    return recover(scan, times)
  }

  commit(
    changes: readonly Change[],
    level: DurabilityLevel,
    committed: (error?: Error) => void,
  ): void {
    const refusal = this.#refusal()
    const rank = Math.min(ranks[level], ranks[this.level])
    const operations = refusal === undefined ? this.#operations.take(changes) : []
    const batch = { operations, rank, committed, isSettled: false, error: undefined }
    this.#waiting.push(batch)
    if (refusal !== undefined || rank === 0) this.#settle([batch], refusal)
    if (refusal !== undefined) return
    this.#pending.push(batch)
    this.#accepted++
    // Steps and ends are about entries that have been read, and may go on waiting to become less.
    if (operations.some((operation) => operation.code === code.queued)) {
      this.#toBeRead = this.#accepted
    }
    if (rank > 0) this.#urgent++
    this.#postNext()
  }

  readQueue(clientIdentifier: string, afterPosition: number, limit: number, page: Page): void {
    const refusal = this.#refusal()
    const session = this.#operations.numberOf(clientIdentifier)
    if (refusal !== undefined || session === undefined) {
      page([], refusal)
      return
    }
    const request: Request = {
      kind: 'page',
      session,
      after: afterPosition,
      // A group may bring entries that were committed after this call.
      until: this.#operations.lastPosition,
      limit,
    }
    this.#reads.push({ request, page, behind: this.#toBeRead })
    this.#postReads()
    this.#postNext()
  }

  whenFailed(failed: (error: Error) => void): void {
    this.#failed = failed
  }

  async backup(file: string, overwrite: boolean): Promise<void> {
    if (this.#backup !== undefined) throw new BackupError('A backup is being written already')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const settle = (error?: Error) => {
      this.#backup = undefined
      if (error === undefined) resolve()
      else reject(error)
    }
    this.#backup = settle
    // Behind all that was handed over before, whatever its level.
    this.commit([], 'os', (error) => {
      if (error === undefined) this.#post({ kind: 'backup', file, overwrite })
      else settle(new BackupError(error.message))
    })
    return await promise
  }

  /** Commits what was handed over, then closes the files. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Ends the thread at once, as a fault would; for tests. */
  async crash(): Promise<void> {
    await this.#worker.terminate()
  }

  #refusal(): Error | undefined {
    return this.#ended ?? (this.#closing === undefined ? undefined : closedError())
  }

  /** Posts what waits if the worker is idle. During the callbacks of a group the next one fills. */
  #postNext(): void {
    if (this.#inFlight !== undefined || this.#isCallingBack || this.#writer === undefined) return
    if (this.#mayWait()) {
      this.#lazy ??= setTimeout(() => {
        this.#isLate = true
        this.#postNext()
      }, LAZY_MS)
      return
    }
    this.#isLate = false
    const group = this.#retries.length > 0 ? this.#retries.splice(0, 1) : this.#nextGroup()
    if (group.length === 0) {
      this.#idle?.()
      return
    }
    this.#inFlight = group
    const written = this.#writer.write(group.map((batch) => batch.operations))
    if (written.numbers.length === 0) {
      // All that came before is committed already.
      queueMicrotask(() => this.#answer(undefined))
      return
    }
    const rank = group.reduce((highest, batch) => Math.max(highest, batch.rank), 0)
    this.#post({ kind: 'group', group: written, sync: syncs[rank] ?? 'synced' }, [
      written.numbers.buffer,
      written.bytes.buffer,
    ])
  }

  /** Nobody waits for what is pending, so that it may still become less. */
  #mayWait(): boolean {
    if (this.#isLate || this.#closing !== undefined || this.#reads.length > 0) return false
    return this.#pending.length > 0 && this.#urgent === 0 && this.#retries.length === 0
  }

  #nextGroup(): Batch[] {
    clearTimeout(this.#lazy)
    this.#lazy = undefined
    let weight = 0
    const cut = this.#pending.findIndex(({ operations }) => {
      for (const operation of operations) weight += weigh(operation)
      return weight >= GROUP_LIMIT
    })
    const group = cut < 0 ? this.#pending : this.#pending.splice(0, cut + 1)
    if (cut < 0) this.#pending = []
    for (const { rank } of group) if (rank > 0) this.#urgent--
    return group
  }

  /** Reads go when all batches before them are in, and before the next group. */
  #postReads(): void {
    while (this.#reads[0] !== undefined && this.#reads[0].behind <= this.#answered) {
      const { request, page } = this.#reads[0]
      this.#reads.shift()
      this.#pages.push(page)
      this.#post(request)
    }
  }

  #post(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer)
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case 'scanned':
        this.#scanned?.resolve(reply.scan)
        return
      case 'applied':
        this.#answer(undefined)
        return
      case 'full':
        this.#answer(new StoreFullError(`There is no room in the store: ${reply.reason}`))
        return
      case 'page':
        this.#handOver(reply)
        return
      case 'backed-up': {
        const { reason } = reply
        this.#backup?.(reason === undefined ? undefined : new BackupError(reason))
        return
      }
      case 'closed':
        this.#ended = closedError()
        return
      case 'failed':
        this.#fail(new Error(reply.reason))
        return
    }
  }

  #answer(error: StoreFullError | undefined): void {
    if (this.#ended !== undefined) return
    const group = this.#inFlight ?? []
    this.#inFlight = undefined
    if (error !== undefined && group.length > 1) {
      // One of them may be the one that makes room.
      this.#retries = group
    } else {
      this.#answered += group.length
      if (error !== undefined) for (const batch of group) this.#operations.undo(batch.operations)
      this.#postReads()
    }
    // Before the callbacks, so that the worker does not wait for them.
    this.#postNext()
    if (this.#retries !== group) this.#settle(group, error)
    this.#postNext()
  }

  /** Calls back, in the order of the commits, as far as the outcome is known. */
  #settle(batches: readonly Batch[], error: Error | undefined): void {
    for (const batch of batches) {
      batch.error ??= error
      batch.isSettled = true
    }
    if (this.#isCallingBack) return
    this.#isCallingBack = true
    let called = 0
    try {
      for (let batch = this.#waiting[0]; batch?.isSettled; batch = this.#waiting[called]) {
        called++
        batch.committed(batch.error)
      }
    } finally {
      this.#waiting.splice(0, called)
      this.#isCallingBack = false
    }
  }

  #handOver({ packed }: Extract<Reply, { kind: 'page' }>): void {
    const page = this.#pages.shift()
    if (page === undefined || this.#times === undefined) return
    let entries: QueueEntry[]
    try {
      entries = unpackEntries(packed, this.#times).map(({ entry }) => entry)
    } catch (error) {
      this.#fail(error)
      page([], this.#ended)
      return
    }
    page(entries)
    this.#postNext()
  }

  #fail(cause: unknown): void {
    if (this.#ended !== undefined) return
    const reason = cause instanceof Error ? cause.message : String(cause)
    const failed = new StoreFailedError(`The store has failed: ${reason}`, { cause })
    this.#ended = failed
    clearTimeout(this.#lazy)
    this.#scanned?.reject(new StoreOpenError(reason, { cause }))
    const pages = [...this.#pages.splice(0), ...this.#reads.splice(0).map(({ page }) => page)]
    this.#pending = []
    this.#retries = []
    this.#inFlight = undefined
    this.#settle(
      this.#waiting.filter((batch) => !batch.isSettled),
      failed,
    )
    for (const page of pages) page([], failed)
    this.#backup?.(new BackupError(failed.message))
    this.#idle?.()
    this.#failed?.(failed)
  }

  async #close(): Promise<void> {
    const before = this.#ended
    if (before === undefined && this.#writer !== undefined) {
      await new Promise<void>((resolve) => {
        this.#idle = () => {
          if (this.#reads.length === 0 && this.#pages.length === 0) resolve()
        }
        this.#postNext()
      })
    }
    if (this.#ended === undefined) this.#post({ kind: 'close' })
    else await this.#worker.terminate()
    await this.#exited
    if (before === undefined && this.#ended instanceof StoreFailedError) throw this.#ended
  }
}
