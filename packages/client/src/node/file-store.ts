import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ClientError } from '../errors.ts'
import { CommitQueue, storeFailed } from '../store/commit-queue.ts'
import type { SessionStore, StoreChange, StoredSession } from '../store/session-store.ts'
import { StoredState } from '../store/stored-state.ts'
import { type FileLock, lockFile } from './file-lock.ts'
import { encodeRecord, magic, readLog } from './log-format.ts'

/** A log shorter than this is not worth writing anew. */
const smallestCompaction = 1_048_576

/** Records of this many changes keep a compaction's memory in bounds. */
const changesPerRecord = 256

export interface FileStoreOptions {
  /** The log is written anew when it is longer than this and half of it is out of date. */
  readonly compactAtBytes?: number
}

/**
 * Keeps a session in a file: what was committed is on the disk, and survives the process and the
 * machine. The file is made when it is missing; its folder has to be there.
 */
export function fileStore(path: string, options: FileStoreOptions = {}): SessionStore {
  return new FileStore(path, options.compactAtBytes ?? smallestCompaction)
}

class FileStore implements SessionStore {
  readonly #path: string
  readonly #compactAtBytes: number
  readonly #state = new StoredState()
  readonly #queue = new CommitQueue((changes) => this.#write(changes))
  #lock: FileLock | undefined
  #file: FileHandle | undefined
  #length = 0
  /** How long the log was when it held nothing out of date. */
  #compactLength = 0

  constructor(path: string, compactAtBytes: number) {
    this.#path = path
    this.#compactAtBytes = compactAtBytes
  }

  async load(): Promise<StoredSession> {
    try {
      this.#lock = await lockFile(`${this.#path}.lock`)
      await this.#read()
      await this.#compact()
      return this.#state.session()
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw storeFailed(error)
    }
  }

  async #read(): Promise<void> {
    const log = await readLogFile(this.#path)
    // A crash may have cut the very first write.
    const isCut = log.length < magic.length
    if (!magic.subarray(0, log.length).every((byte, at) => byte === log[at])) {
      throw new ClientError('store-failed', `${this.#path} is not a session of this library`)
    }
    if (isCut) return
    const { records, damagedAt } = readLog(log)
    if (damagedAt !== undefined) {
      const message = `${this.#path} is damaged at byte ${damagedAt}, and whole behind it`
      throw new ClientError('store-failed', message)
    }
    for (const changes of records) this.#state.apply(changes)
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    await this.#queue.commit(changes)
  }

  async #write(changes: readonly StoreChange[]): Promise<void> {
    if (this.#file === undefined) throw new ClientError('store-failed', 'the store is not open')
    this.#state.apply(changes)
    const isDue = this.#length > Math.max(this.#compactAtBytes, 2 * this.#compactLength)
    if (isDue) return await this.#compact()
    this.#length += await append(this.#file, encodeRecord(changes))
    await this.#file.datasync()
  }

  /** Writes what is true now into a new log, which then takes the place of the old one. */
  async #compact(): Promise<void> {
    const path = `${this.#path}.new`
    const file = await open(path, 'w', 0o600)
    try {
      let length = await append(file, magic)
      for (const changes of groups(this.#state.changes(), changesPerRecord)) {
        length += await append(file, encodeRecord(changes))
      }
      await file.datasync()
      await rename(path, this.#path)
      await syncFolder(dirname(this.#path))
      await this.#file?.close()
      this.#file = file
      this.#length = length
      this.#compactLength = length
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close()
    await this.#file?.close()
    this.#file = undefined
    await this.#lock?.release()
    this.#lock = undefined
  }
}

async function readLogFile(path: string): Promise<Uint8Array> {
  try {
    const { buffer, byteOffset, byteLength } = await readFile(path)
    // What is read from it is handed out, and that is not to be a Buffer.
    return new Uint8Array(buffer, byteOffset, byteLength)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0)
    throw error
  }
}

/** `write` may take less than all of it. */
async function append(file: FileHandle, bytes: Uint8Array): Promise<number> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
  }
  return bytes.length
}

/** A new name is on the disk when its folder is. Windows has no such call, and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function* groups<Each>(all: Iterable<Each>, size: number): Generator<Each[]> {
  let group: Each[] = []
  for (const each of all) {
    group.push(each)
    if (group.length < size) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
