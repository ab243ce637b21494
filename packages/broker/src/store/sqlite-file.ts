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
  readonly migrations?: readonly Migration[]
}

/** 16 MiB of log: enough that busy pages are copied once, little enough for a slow card. */
const CHECKPOINT_PAGES = 4096

export const storeFile = (folder: string) => join(folder, 'busbar.db')
const lockFile = (folder: string) => join(folder, 'busbar.lock')

/**
 * Opens and migrates the database and takes it for this process alone. The lock that counts is
 * SQLite's own, which ends with the process however that ends; the lock file says who has it.
 */
export function openDatabase(options: FileOptions): DatabaseSync {
  const { folder, checkpointPages = CHECKPOINT_PAGES, maxPages } = options
  const file = storeFile(folder)
  prepareFolder(folder)
  const database = new DatabaseSync(file)
  try {
    // Before the first access: the index of the log is then in memory, not in a third file.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    database.exec('BEGIN IMMEDIATE; COMMIT')
    writeFileSync(lockFile(folder), `${process.pid}\n`, { mode: 0o600 })
    database.exec(`
      PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
      PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;
      PRAGMA wal_autocheckpoint = ${checkpointPages}`)
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
  // SQLite would take an empty file for a new one, and throw the log away.
  if (sizeOf(file) === 0 && sizeOf(`${file}-wal`) > 0) {
    throw new StoreOpenError(damaged(file, 'it is empty, but its log is not'))
  }
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
}

/** A new folder is not lost with the power. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0

export function closeDatabase(database: DatabaseSync, folder: string): void {
  try {
    database.exec('PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    // No room to copy the log into the database: it is read at the next start.
    if (!isFull(error)) throw error
  }
  rmSync(lockFile(folder), { force: true })
  database.close()
}

function damaged(file: string, why: string): string {
  return `${file} is damaged (${why}). Nothing was changed. Either restore a backup, or save what can be read with: sqlite3 ${file} .recover | sqlite3 recovered.db, or move the folder away to start with an empty store`
}

/** SQLite's primary result codes. */
const BUSY = 5
const CORRUPT = 11
const FULL = 13
const NOT_A_DATABASE = 26

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

function resultCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  // The lowest byte of an extended code.
  return typeof code === 'number' ? code & 0xff : undefined
}

const text = (error: unknown) => (error instanceof Error ? error.message : String(error))

function holder(folder: string): string {
  try {
    return `process ${readFileSync(lockFile(folder), 'utf8').trim()}`
  } catch {
    return 'another process'
  }
}
