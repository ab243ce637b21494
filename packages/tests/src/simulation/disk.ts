import {
  type Change,
  createMemoryStore,
  type Recovered,
  type Store,
  StoreFullError,
} from '@busbar/broker/testing'
import { cloneBatch, cloneEntry, cloneRecovered } from './clone.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** What survives the broker's process: the batches that were synced, and some that were not. */
export class Disk {
  /** The memory engine, in which nothing but synced batches is applied. */
  readonly kept: Store = createMemoryStore()
  /** While true, most groups of batches find no room. */
  isFull = false
  /** Some group has found no room. */
  hadNoRoom = false
  /** Of one sync, on average. */
  syncMs: number
  readonly scheduler: Scheduler
  readonly random: Random

  constructor(scheduler: Scheduler, random: Random, syncMs: number) {
    this.scheduler = scheduler
    this.random = random
    this.syncMs = syncMs
  }

  apply(changes: readonly Change[]): void {
    this.kept.commit(changes, 'memory', () => {})
  }
}

type Committed = (error?: Error) => void
type Level = Store['level']
type Page = Parameters<Store['readQueue']>[3]

/** One step of the store, in the order of the calls. */
type Step =
  | {
      readonly kind: 'commit'
      readonly changes: readonly Change[]
      readonly level: Level
      readonly committed: Committed
    }
  | {
      readonly kind: 'read'
      readonly clientIdentifier: string
      readonly afterPosition: number
      readonly limit: number
      readonly page: Page
    }

/**
 * A durable store as one process of the broker sees it: whatever waits becomes one group, which is
 * synced later, succeeds or fails as a whole, and is then reported.
 */
export class DiskStore implements Store {
  readonly level = 'disk'
  readonly #disk: Disk
  #waiting: Step[] = []
  /** Reported, because nobody asked for more than `memory`. */
  #unsynced: (readonly Change[])[] = []
  #group: Step[] = []
  #isDead = false

  constructor(disk: Disk) {
    this.#disk = disk
  }

  get isIdle(): boolean {
    return this.#waiting.length + this.#group.length === 0
  }

  async open(): Promise<Recovered> {
    return cloneRecovered(await this.#disk.kept.open())
  }

  commit(changes: readonly Change[], level: Level, committed: Committed): void {
    this.#add({ kind: 'commit', changes: cloneBatch(changes), level, committed })
  }

  readQueue(clientIdentifier: string, afterPosition: number, limit: number, page: Page): void {
    this.#add({ kind: 'read', clientIdentifier, afterPosition, limit, page })
  }

  /** The process has died: of what was not synced, any first part may have come to the disk. */
  crash(): void {
    this.#isDead = true
    const { random, isFull } = this.#disk
    const begun = [...this.#group, ...this.#waiting].flatMap((step) =>
      step.kind === 'commit' && !isFull ? [step.changes] : [],
    )
    const unsynced = [...this.#unsynced, ...begun]
    for (const changes of unsynced.slice(0, random.below(unsynced.length + 1))) {
      this.#disk.apply(changes)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDead = true
  }

  #add(step: Step): void {
    if (this.#isDead) return
    this.#waiting.push(step)
    if (this.#group.length === 0) this.#sync()
  }

  #sync(): void {
    this.#group = this.#waiting
    this.#waiting = []
    if (this.#group.length === 0) return
    const { scheduler, random, syncMs } = this.#disk
    scheduler.after(random.around(syncMs), () => this.#synced())
  }

  #synced(): void {
    if (this.#isDead) return
    const { isFull, random } = this.#disk
    const group = this.#group
    const error =
      isFull && random.chance(0.8) ? new StoreFullError('no room on the disk') : undefined
    if (error !== undefined) this.#disk.hadNoRoom = true
    const isSynced = group.some((step) => step.kind === 'read' || step.level !== 'memory')
    if (isSynced) for (const changes of this.#unsynced.splice(0)) this.#disk.apply(changes)
    const reports = group.map((step) => this.#apply(step, isSynced, error))
    for (const report of reports) if (!this.#isDead) report()
    this.#group = []
    this.#sync()
  }

  /** Everything that was reported is on the disk. */
  sync(): void {
    for (const changes of this.#unsynced.splice(0)) this.#disk.apply(changes)
  }

  /** Returns what is to be reported of it. */
  #apply(step: Step, isSynced: boolean, error: Error | undefined): () => void {
    if (step.kind === 'commit') {
      if (error === undefined && isSynced) this.#disk.apply(step.changes)
      else if (error === undefined) this.#unsynced.push(step.changes)
      return () => step.committed(error)
    }
    let report = () => {}
    const { clientIdentifier, afterPosition, limit, page } = step
    this.#disk.kept.readQueue(clientIdentifier, afterPosition, limit, (entries) => {
      const copies = entries.map((entry) => cloneEntry(entry))
      report = () => page(copies)
    })
    return report
  }
}
