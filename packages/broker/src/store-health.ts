import type { Log } from './log.ts'
import { StoreFullError } from './store/errors.ts'
import type { Change } from './store/store.ts'

/** So long nothing must have been refused before a full store counts as having room again. */
const calmMs = 2_000

/** Says once when storing begins to fail, and once when what is new is stored again. */
export class StoreHealth {
  readonly #log: Log
  readonly #failed: (error: Error) => void
  #refusedAt: number | undefined
  #hasFailed = false

  /** `failed`: the store has failed for good; called once. */
  constructor(log: Log, failed: (error: Error) => void) {
    this.#log = log
    this.#failed = failed
  }

  /** The outcome of a batch. */
  decided(changes: readonly Change[], error: Error | undefined, now: number): void {
    if (error === undefined) {
      const since = this.#refusedAt
      // Room for what ends something is there before there is room for anything new.
      if (since === undefined || now - since < calmMs || !changes.some(isNew)) return
      this.#refusedAt = undefined
      this.#log.info('the store has room again')
    } else if (error instanceof StoreFullError) {
      if (this.#refusedAt === undefined) this.#complain(error)
      this.#refusedAt = now
    } else this.failed(error)
  }

  /** Nothing is stored any more. */
  failed(error: Error): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#complain(error)
    this.#failed(error)
  }

  #complain(error: Error): void {
    this.#log.error('the store takes nothing, so nothing that lasts is acknowledged', { error })
  }
}

function isNew({ kind }: Change): boolean {
  return kind === 'queued' || kind === 'retained' || kind === 'received' || kind === 'subscription'
}
