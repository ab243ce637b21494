import type { QueueEntry, Store } from './store.ts'

const pageLength = 256

/** Which part of a queue in the store is visited, and what is done with it. */
export interface StoredEntriesVisit {
  readonly clientIdentifier: string
  readonly afterPosition: number
  visit(entry: QueueEntry): void
  done(error: Error | undefined): void
}

/** Visits the entries that wait in the store behind a position, page by page. */
export function visitStoredEntries(store: Store, work: StoredEntriesVisit): void {
  const { clientIdentifier } = work
  let after = work.afterPosition
  let isInLoop = false
  let mayGoOn = false
  const page = (entries: readonly QueueEntry[], error?: Error) => {
    for (const entry of entries) work.visit(entry)
    const last = entries.length < pageLength ? undefined : entries.at(-1)
    if (error !== undefined || last === undefined) return work.done(error)
    after = last.position
    mayGoOn = true
    // Whoever calls back at once is asked again from here below, lest a long queue cost stack.
    if (!isInLoop) loop()
  }
  const loop = () => {
    isInLoop = true
    do {
      mayGoOn = false
      store.readQueue(clientIdentifier, after, pageLength, page)
    } while (mayGoOn)
    isInLoop = false
  }
  loop()
}
