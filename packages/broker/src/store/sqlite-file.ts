import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreOpenError } from './errors.ts'
import { asideFile, lockFile, logFile, storeFile } from './file-names.ts'
import { damaged, explain, isFull } from './sqlite-errors.ts'
import { type Migration, migrate } from './sqlite-schema.ts'

export interface FileOptions {
  readonly folder: string
  /** For tests of a full disk; as many as the disk holds without it. */
  readonly maxPages?: number | undefined
  /** Pages in the write-ahead log after which it is copied into the database. */
  readonly checkpointPages?: number | undefined
  /** Room on the disk that is kept for the time when it is full: see `Reserve`. */
  readonly reserveBytes?: number | undefined
  /** Free pages within the database that it keeps when it is made smaller. */
  readonly sparePages?: number | undefined
  readonly migrations?: readonly Migration[]
}

/** The first four bytes of a write-ahead log. */
const LOG_MAGIC = 0x377f0682

/** 8 MiB of log: enough that busy pages are copied once, little enough for a slow card. */
export const CHECKPOINT_PAGES = 2048

/** By so much the database may grow when the log is copied into it; a group may exceed the log. */
export const RESERVE_BYTES = 16 * 1024 * 1024

/**
 * Opens and migrates the database and takes it for this process alone. The lock that counts is
 * SQLite's own, which ends with the process however that ends; the lock file says who has it.
 */
export function openDatabase(options: FileOptions): DatabaseSync {
  const { folder, maxPages } = options
  const file = storeFile(folder)
  try {
    prepareFolder(folder)
  } catch (error) {
    throw explain(error, folder)
  }
  const database = new DatabaseSync(file)
  try {
    // Before the first access: the index of the log is then in memory, not in a third file.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    // Only a new file can be made so that it can become smaller: see `Shrinking`.
    if (sizeOf(file) === 0) database.exec('PRAGMA auto_vacuum = INCREMENTAL')
    database.exec('PRAGMA journal_mode = WAL')
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
  bringBack(folder)
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
    if (sizeOf(logFile(dirname(file))) === 0) return
    throw new StoreOpenError(damaged(file, 'it is empty, but its log is not'))
  }
  // A file that was just being made when the power went: the journal puts that right.
  if (sizeOf(`${file}-journal`) > 0) return
  if (content < 512) throw new StoreOpenError(damaged(file, 'file is not a database'))
  if (!beginsLikeLog(logFile(dirname(file)))) {
    throw new StoreOpenError(damaged(file, 'its log is not one, and may have held what came last'))
  }
}

/**
 * SQLite would take another log for none, and what was committed last would be gone without a word.
 * Its beginning is synced before anything is written behind it; zeros are from before that.
 */
function beginsLikeLog(file: string): boolean {
  if (sizeOf(file) < 4) return true
  const descriptor = openSync(file, 'r')
  try {
    const magic = new Uint8Array(4)
    readSync(descriptor, magic)
    const value = new DataView(magic.buffer).getUint32(0)
    return value === 0 || value >>> 1 === LOG_MAGIC >>> 1 // the last bit is the order of bytes
  } finally {
    closeSync(descriptor)
  }
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

/**
 * Closes without copying the log into the database: after an error what the log holds is not known,
 * and the next start takes of it only what is sound. SQLite spares a file that has lost its name.
 */
export function abandonDatabase(database: DatabaseSync, folder: string): void {
  const file = storeFile(folder)
  const aside = asideFile(folder)
  try {
    renameSync(file, aside)
  } catch {
    // The file system takes no change, or the file is gone: nothing can be copied into it either.
  }
  try {
    database.close()
  } finally {
    bringBack(folder)
  }
}

/** Also of a process that has ended in the middle of that. */
function bringBack(folder: string): void {
  if (!existsSync(asideFile(folder))) return
  renameSync(asideFile(folder), storeFile(folder))
}

/** Copies the log into the database, if there is room; else it is read at the next start. */
export function emptyLog(database: DatabaseSync, mode: 'RESTART' | 'TRUNCATE' = 'TRUNCATE'): void {
  try {
    database.exec(`PRAGMA wal_checkpoint(${mode})`)
  } catch (error) {
    if (!isFull(error)) throw error
  }
}
