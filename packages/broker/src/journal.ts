import { StoreFullError } from './store/errors.ts'
import type { Change, DurabilityLevel, Store } from './store/store.ts'

const levels: readonly DurabilityLevel[] = ['memory', 'os', 'disk']

/** The stricter of two levels. */
export function stricter(one: DurabilityLevel, other: DurabilityLevel): DurabilityLevel {
  return levels.indexOf(one) > levels.indexOf(other) ? one : other
}

export function weaker(one: DurabilityLevel, other: DurabilityLevel): DurabilityLevel {
  return stricter(one, other) === one ? other : one
}

/** Told of each batch that had changes, in order. */
export type Outcome = (changes: readonly Change[], error: Error | undefined) => void

/**
 * The changes of this turn of the event loop, which become durable as one batch, and everything that
 * waits for them: acknowledgements leave from here, never before their batch is committed.
 */
export class Journal {
  readonly #store: Store
  readonly #outcome: Outcome
  readonly #schedule: () => void
  #changes: Change[] = []
  #waiting: ((error?: Error) => void)[] = []
  #added = 0
  #batch = 0
  /** The strictest of this batch. */
  #level: DurabilityLevel = 'memory'

  /** `outcome` is told of each batch; `schedule` asks for a `commit` at the end of this turn. */
  constructor(store: Store, outcome: Outcome, schedule: () => void) {
    this.#store = store
    this.#outcome = outcome
    this.#schedule = schedule
  }

  /** Where the journal is: what was done since depends on this turn's batch when it is another one. */
  get mark(): number {
    return this.#added
  }

  /** The number of this turn's batch. */
  get batch(): number {
    return this.#batch
  }

  /** Adds a change to this turn's batch; the strictest level among its changes is the batch's. */
  add(change: Change, level: DurabilityLevel): void {
    this.#added++
    if (level !== this.#level) this.#level = stricter(this.#level, level)
    this.#changes.push(change)
    this.#schedule()
  }

  /**
   * A delivery waits for this turn's batch without being in it, and is dropped when the batch fails:
   * whoever answers for it has to wait, too.
   */
  depend(): void {
    this.#added++
  }

  /** Calls back when this turn's batch, and with it every earlier one, is committed or has failed. */
  whenCommitted(done: (error?: Error) => void): void {
    this.#waiting.push(done)
    this.#schedule()
  }

  /**
   * What is over stays over, also when there was no room to write it down: else it would be sent
   * again after a restart. Positions are never used twice, so this may be said later.
   */
  #keep(changes: readonly Change[]): void {
    for (const change of changes) if (change.kind === 'done') this.add(change, 'memory')
  }

  /** Hands this turn's batch to the store. */
  commit(): void {
    if (this.#changes.length > 0 || this.#waiting.length > 0) this.#commit()
  }

  /** By itself: V8 makes memory for what a closure needs when the function is called, not where it is made. */
  #commit(): void {
    const waiting = this.#waiting
    const changes = this.#changes
    this.#waiting = []
    const level = this.#level
    this.#changes = []
    this.#batch++
    this.#level = 'memory'
    this.#store.commit(changes, level, (error) => {
      if (changes.length > 0) this.#outcome(changes, error)
      if (error instanceof StoreFullError) this.#keep(changes)
      for (const done of waiting) done(error)
    })
  }
}
