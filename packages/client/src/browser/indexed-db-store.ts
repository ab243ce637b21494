import { ClientError } from '../errors.ts'
import { CommitQueue, storeFailed } from '../store/commit-queue.ts'
import type {
  SessionStore,
  StoreChange,
  StoredMessage,
  StoredSession,
} from '../store/session-store.ts'

/** What changes of a message; apart from it, lest its payload be written again. */
type Progress = Pick<StoredMessage, 'state' | 'packetIdentifier'>

const tables = ['messages', 'progress', 'held'] as const

/**
 * Keeps a session in the database of this name in the IndexedDB of the page's origin. One tab or
 * worker at a time can have it.
 */
export function indexedDbStore(name: string): SessionStore {
  return new IndexedDbStore(`busbar:${name}`)
}

class IndexedDbStore implements SessionStore {
  readonly #name: string
  readonly #queue = new CommitQueue((changes) => this.#write(changes))
  #database: IDBDatabase | undefined
  #unlock: (() => void) | undefined

  constructor(name: string) {
    this.#name = name
  }

  async load(): Promise<StoredSession> {
    try {
      this.#unlock = await lock(this.#name)
      this.#database = await openDatabase(this.#name)
      return await this.#read(this.#database)
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw storeFailed(error)
    }
  }

  async #read(database: IDBDatabase): Promise<StoredSession> {
    const transaction = database.transaction(tables, 'readonly')
    const table = (name: (typeof tables)[number]) => transaction.objectStore(name)
    const [messages, sequences, progress, held] = await Promise.all([
      settled<StoredMessage[]>(table('messages').getAll()),
      settled(table('progress').getAllKeys()),
      settled<Progress[]>(table('progress').getAll()),
      settled(table('held').getAllKeys()),
    ])
    const progressOf = new Map(sequences.map((sequence, at) => [sequence, progress[at]]))
    return {
      messages: messages.map((message) => ({ ...message, ...progressOf.get(message.sequence) })),
      held: held as number[],
    }
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    await this.#queue.commit(changes)
  }

  async #write(changes: readonly StoreChange[]): Promise<void> {
    if (this.#database === undefined) throw new ClientError('store-failed', 'the store is not open')
    // Strict: on the disk when it is complete, not merely with the system.
    const transaction = this.#database.transaction(tables, 'readwrite', { durability: 'strict' })
    const completed = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    })
    for (const change of changes) applyChange(transaction, change)
    await completed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close()
    this.#database?.close()
    this.#database = undefined
    this.#unlock?.()
    this.#unlock = undefined
  }
}

function applyChange(transaction: IDBTransaction, change: StoreChange): void {
  const [messages, progress, held] = tables.map((name) => transaction.objectStore(name)) as [
    IDBObjectStore,
    IDBObjectStore,
    IDBObjectStore,
  ]
  switch (change.type) {
    case 'append':
      messages.put(compact(change.message))
      break
    case 'update': {
      const { sequence, state, packetIdentifier } = change
      progress.put({ state, packetIdentifier } satisfies Progress, sequence)
      break
    }
    case 'remove':
      messages.delete(change.sequence)
      progress.delete(change.sequence)
      break
    case 'hold':
      held.put(true, change.packetIdentifier)
      break
    case 'free':
      held.delete(change.packetIdentifier)
      break
    case 'free-all':
      held.clear()
      break
  }
}

/** A view is written with all of the memory that it looks at, so the bytes get their own. */
function compact(message: StoredMessage): StoredMessage {
  const { payload, properties } = message
  const { correlationData } = properties
  return {
    ...message,
    payload: payload.slice(),
    properties: {
      ...properties,
      ...(correlationData !== undefined && { correlationData: correlationData.slice() }),
    },
  }
}

async function openDatabase(name: string): Promise<IDBDatabase> {
  if (typeof indexedDB === 'undefined') throw new Error('there is no IndexedDB here')
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('messages', { keyPath: 'sequence' })
    request.result.createObjectStore('progress')
    request.result.createObjectStore('held')
  }
  return await settled(request)
}

function settled<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Keeps a second tab out; the browser gives the lock back when the page goes. */
async function lock(name: string): Promise<() => void> {
  // Pages that did not come over TLS have none.
  if (typeof navigator === 'undefined' || navigator.locks === undefined) return () => {}
  return await new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { ifAvailable: true }, (granted) => {
        if (granted === null) throw new Error('another tab or worker has this session open')
        return new Promise<void>((release) => resolve(release))
      })
      .catch(reject)
  })
}
