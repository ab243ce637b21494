import { ClientError } from '../errors.ts'
import type { StoreChange } from './session-store.ts'

interface Waiting {
  readonly changes: readonly StoreChange[]
  resolve(): void
  reject(error: unknown): void
}

/**
 * Makes one write of all that was committed while the write before it was under way. After a write
 * that failed nobody knows what lasts: nothing more is taken.
 */
export class CommitQueue {
  readonly #write: (changes: readonly StoreChange[]) => Promise<void>
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #failure: ClientError | undefined

  constructor(write: (changes: readonly StoreChange[]) => Promise<void>) {
    this.#write = write
  }

  commit(changes: readonly StoreChange[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const committed = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject })
    })
    this.#running ??= this.#run()
    return committed
  }

  /** Takes nothing more; resolves when the last write has ended, well or not. */
  async close(): Promise<void> {
    await this.#running
    this.#failure ??= new ClientError('store-failed', 'the store is closed')
  }

  async #run(): Promise<void> {
    // Those who commit in this turn share a write.
    await undefined
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting
      this.#waiting = []
      try {
        if (this.#failure !== undefined) throw this.#failure
        await this.#write(waiting.flatMap(({ changes }) => changes))
        for (const { resolve } of waiting) resolve()
      } catch (error) {
        this.#failure ??= storeFailed(error)
        for (const { reject } of waiting) reject(this.#failure)
      }
    }
    this.#running = undefined
  }
}

/** The error that a user of a store can catch. */
export function storeFailed(cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ClientError('store-failed', `the store has failed: ${reason}`, { cause })
}
