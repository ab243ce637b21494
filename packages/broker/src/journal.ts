import type { Change, DurabilityLevel, Store } from './store/store.ts'

/**
 * The changes of this turn of the event loop, which become durable as one batch, and everything that
 * waits for them: acknowledgements leave from here, never before their batch is committed.
 */
export class Journal {
  readonly #store: Store
  readonly #level: DurabilityLevel
  readonly #schedule: () => void
  #changes: Change[] = []
  #waiting: ((error?: Error) => void)[] = []
  #added = 0

  /** `schedule` asks for a `commit` at the end of this turn. */
  constructor(store: Store, level: DurabilityLevel, schedule: () => void) {
    this.#store = store
    this.#level = level
    this.#schedule = schedule
  }

  /** Where the journal is: what was done since has changed something when it is another one. */
  get mark(): number {
    return this.#added
  }

  /** Adds a change to this turn's batch. */
  add(change: Change): void {
    this.#added++
    this.#changes.push(change)
    this.#schedule()
  }

  /** Calls back when this turn's batch, and with it every earlier one, is committed or has failed. */
  whenCommitted(done: (error?: Error) => void): void {
    this.#waiting.push(done)
    this.#schedule()
  }

  /** Hands this turn's batch to the store. */
  commit(): void {
    if (this.#changes.length === 0 && this.#waiting.length === 0) return
    const waiting = this.#waiting
    const changes = this.#changes
    this.#waiting = []
    this.#changes = []
    this.#store.commit(changes, this.#level, (error) => {
      for (const done of waiting) done(error)
    })
  }
}
