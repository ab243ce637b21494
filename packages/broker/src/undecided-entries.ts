import type { Journal } from './journal.ts'
import type { Place } from './session-queue.ts'
import type { QueueEntry } from './store/store.ts'

/** What was queued in one batch. */
interface Batch {
  readonly number: number
  readonly entries: QueueEntry[]
  readonly places: Place[]
}

/** Who hears what has become of entries. */
interface Decided {
  /** The batch of an entry is committed, or has failed. */
  entry(entry: QueueEntry, place: Place, error: Error | undefined): void
  /** That was all of one batch. */
  batch(): void
}

/** Entries that wait for a Session, in batches that are not committed yet. */
export class UndecidedEntries {
  readonly #journal: Journal
  readonly #decided: Decided
  /** Of this turn. */
  #latest: Batch | undefined

  constructor(journal: Journal, decided: Decided) {
    this.#journal = journal
    this.#decided = decided
  }

  /** An entry of this turn's batch. */
  add(entry: QueueEntry, place: Place): void {
    const { batch: number } = this.#journal
    let batch = this.#latest
    if (batch?.number !== number) {
      const added: Batch = { number, entries: [], places: [] }
      this.#journal.whenCommitted((error) => this.#decide(added, error))
      this.#latest = batch = added
    }
    batch.entries.push(entry)
    batch.places.push(place)
  }

  #decide(batch: Batch, error: Error | undefined): void {
    if (this.#latest === batch) this.#latest = undefined
    for (const [at, entry] of batch.entries.entries()) {
      this.#decided.entry(entry, batch.places[at] as Place, error)
    }
    this.#decided.batch()
  }
}
