/** There is no room for a batch. Later ones are tried again: the store recovers by itself. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError'
}

/** The store has failed for good: nothing is acknowledged any more until it is opened anew. */
export class StoreFailedError extends Error {
  override readonly name = 'StoreFailedError'
}

/** The store cannot be opened: in use, damaged, or of another version. Says the way out. */
export class StoreOpenError extends Error {
  override readonly name = 'StoreOpenError'
}

/** A copy of the store cannot be written, or put in its place. Says the way out. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

export function closedError(): Error {
  return new Error('The store is closed')
}
