import {
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { BackupError, StoreOpenError } from './errors.ts'
import { storeFile } from './file-names.ts'
import { integrity } from './sqlite-check.ts'
import { type CopyOptions, copyDatabase, explainWriting, isThere } from './sqlite-copy.ts'
import { CORRUPT, NOT_A_DATABASE, resultCode } from './sqlite-errors.ts'
import { syncFolder } from './sqlite-file.ts'
import { explainReading, openForReading, smallestDatabase } from './sqlite-read.ts'

/**
 * Writes a backup of a store that no broker uses. Rejects with a StoreOpenError when one does, or
 * with a BackupError when the backup cannot be written.
 */
export async function backupStore(
  folder: string,
  file: string,
  options: CopyOptions = {},
): Promise<void> {
  using source = openForReading(storeFile(folder))
  await copyDatabase(source.database, file, options)
}

/**
 * Puts a backup in the place of a store that no broker uses. Resolves with the name that was given
 * to what was there, if anything was. Rejects with a StoreOpenError when a broker runs there or the
 * backup is not sound, or with a BackupError; nothing has changed then.
 */
export async function restoreStore(file: string, folder: string): Promise<string | undefined> {
  const target = storeFile(folder)
  using source = openForReading(file)
  refuseDamages(source.database, file)
  if (isThere(target) && realpathSync(target) === realpathSync(file)) {
    throw new BackupError(`${file} is the store itself: give a backup of it`)
  }
  const restored = join(folder, 'restoring.db')
  try {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (made !== undefined) syncFolder(dirname(made))
    await copyDatabase(source.database, restored, { overwrite: true })
    giveToOwner(restored, folder)
    return replace(target, restored)
  } catch (error) {
    rmSync(restored, { force: true })
    throw error instanceof StoreOpenError ? error : explainWriting(error, target)
  }
}

function refuseDamages(database: DatabaseSync, file: string): void {
  let damages: string[]
  try {
    damages = integrity(database)
  } catch (error) {
    throw explainReading(error, file)
  }
  if (damages.length === 0) return
  throw new StoreOpenError(`${file} cannot be restored: ${damages[0]}. Take another backup`)
}

/** Whoever restores as root does not lock out the user of the broker. */
function giveToOwner(file: string, folder: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(folder)
  chownSync(file, uid, gid)
}

/** Gives the restored file its place. No broker can start between the first step and the last. */
function replace(target: string, restored: string): string | undefined {
  const isNew = !isThere(target)
  if (isNew) closeSync(openSync(target, 'wx', 0o600))
  const kept = freeName(`${target}.before-restore`)
  const lock = lockAndSettle(target, isNew)
  try {
    // Only left by a file that is damaged; a log that stays would be taken for the restored file's.
    if (isThere(`${target}-wal`)) renameSync(`${target}-wal`, `${kept}-wal`)
    // Windows renames no open file.
    if (process.platform === 'win32') lock?.close()
    if (!isNew) keep(target, kept)
    renameSync(restored, target)
    syncFolder(dirname(target))
  } finally {
    if (lock?.isOpen) lock.close()
  }
  return isNew ? undefined : kept
}

/**
 * Copies what is in the log into the database, so that it is one file, and locks it. Undefined when
 * it is damaged: then no broker can start on it either.
 */
function lockAndSettle(target: string, isNew: boolean): DatabaseSync | undefined {
  // SQLite would throw away the log of an emptied file, which may be all that is left.
  if (!isNew && statSync(target).size < smallestDatabase) return undefined
  const database = new DatabaseSync(target)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE')
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    const result = resultCode(error)
    if (result === CORRUPT || result === NOT_A_DATABASE) return undefined
    throw explainReading(error, target)
  }
}

/** A second name first, so that there is a store under the first one at any time. */
function keep(target: string, kept: string): void {
  try {
    linkSync(target, kept)
  } catch {
    // A file system without hard links.
    renameSync(target, kept)
  }
}

function freeName(name: string): string {
  for (let number = 1; ; number++) {
    const numbered = `${name}-${number}`
    if (!isThere(numbered) && !isThere(`${numbered}-wal`)) return numbered
  }
}
