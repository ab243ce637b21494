import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreOpenError } from './errors.ts'
import { type Migration, migrate } from './sqlite-schema.ts'

export interface FileOptions {
  readonly folder: string
  /** For tests of a full disk; as many as the disk holds without it. */
  readonly maxPages?: number | undefined
  /** Pages in the write-ahead log after which it is copied into the database. */
  readonly checkpointPages?: number | undefined
  /** Room on the disk that is kept for the time when it is full: see `Reserve`. */
  readonly reserveBytes?: number | undefined
  readonly migrations?: readonly Migration[]
}

/** 8 MiB of log: enough that busy pages are copied once, little enough for a slow card. */
export const CHECKPOINT_PAGES = 2048

/** By so much the database may grow when the log is copied into it; a group may exceed the log. */
export const RESERVE_BYTES = 16 * 1024 * 1024

export const storeFile = (folder: string) => join(folder, 'busbar.db')
export const reserveFile = (folder: string) => join(folder, 'busbar.reserve')
const lockFile = (folder: string) => join(folder, 'busbar.lock')

/**
 * Opens and migrates the database and takes it for this process alone. The lock that counts is
 * SQLite's own, which ends with the process however that ends; the lock file says who has it.
 */
export function openDatabase(options: FileOptions): DatabaseSync {
  const { folder, maxPages } = options
  const file = storeFile(folder)
  prepareFolder(folder)
  const database = new DatabaseSync(file)
  try {
    // Before the first access: the index of the log is then in memory, not in a third file.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    database.exec('BEGIN IMMEDIATE; COMMIT')
    nameHolder(folder)
    database.exec(`
      PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
      PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY`)
    if (maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${maxPages}`)
    migrate(database, file, options.migrations)
    return database
  } catch (error) {
    database.close()
    throw explain(error, folder)
  }
}

function prepareFolder(folder: string): void {
  const file = storeFile(folder)
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (made !== undefined) syncFolder(dirname(made))
  refuseNonsense(file)
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    closeSync(openSync(file, 'a', 0o600))
  }
  chmodSync(file, 0o600)
}

/** Not worth a failure: on a full disk the broker is to start, and to deliver what it has. */
function nameHolder(folder: string): void {
  try {
    writeFileSync(lockFile(folder), `${process.pid}\n`, { mode: 0o600 })
  } catch {}
}

/**
 * What SQLite would take for a new file and write over. Tells by size alone: whoever opens and closes
 * a file takes away the locks that the process has on it, here those of another broker within it.
 */
function refuseNonsense(file: string): void {
  const content = sizeOf(file)
  if (content === 0) {
    if (sizeOf(`${file}-wal`) === 0) return
    throw new StoreOpenError(damaged(file, 'it is empty, but its log is not'))
  }
  // A file that was just being made when the power went: the journal puts that right.
  if (sizeOf(`${file}-journal`) > 0) return
  if (content < 512) throw new StoreOpenError(damaged(file, 'file is not a database'))
}

/** A new folder is not lost with the power. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0

export function closeDatabase(database: DatabaseSync, folder: string): void {
  database.exec('PRAGMA synchronous = FULL')
  emptyLog(database)
  rmSync(lockFile(folder), { force: true })
  database.close()
}

/** Copies the log into the database, if there is room; else it is read at the next start. */
export function emptyLog(database: DatabaseSync, mode: 'RESTART' | 'TRUNCATE' = 'TRUNCATE'): void {
  try {
    database.exec(`PRAGMA wal_checkpoint(${mode})`)
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

function damaged(file: string, why: string): string {
  return `${file} is damaged (${why}). Either restore a backup with \`busbar restore FILE\`, or save what can be read as docs/store.md says, or move the folder away to start with an empty store`
}

/** SQLite's primary result codes. */
export const BUSY = 5
export const CORRUPT = 11
const FULL = 13
export const NOT_A_DATABASE = 26

export function explain(error: unknown, folder: string): Error {
  const file = storeFile(folder)
  switch (resultCode(error)) {
    case BUSY:
      return new StoreOpenError(
        `${file} is in use by ${holder(folder)}. Stop it, or give this broker a folder of its own`,
        { cause: error },
      )
    case CORRUPT:
    case NOT_A_DATABASE:
      return new StoreOpenError(damaged(file, text(error)), { cause: error })
    default:
      return error instanceof Error ? error : new Error(text(error))
  }
}

export const isFull = (error: unknown) => resultCode(error) === FULL

export function fullError(): Error {
  return Object.assign(new Error('the disk is full but for a reserve'), { errcode: FULL })
}

export function resultCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  // The lowest byte of an extended code.
  return typeof code === 'number' ? code & 0xff : undefined
}

const text = (error: unknown) => (error instanceof Error ? error.message : String(error))

export function holder(folder: string): string {
  try {
    return `process ${readFileSync(lockFile(folder), 'utf8').trim()}`
  } catch {
    return 'another process'
  }
}
