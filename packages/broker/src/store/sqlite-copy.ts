import { randomBytes } from 'node:crypto'
import { linkSync, lstatSync, realpathSync, renameSync, rmSync, statfsSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { BackupError } from './errors.ts'
import { remedyFor, systemCode } from './place-errors.ts'
import { isFull } from './sqlite-errors.ts'
import { syncFolder } from './sqlite-file.ts'

export interface CopyOptions {
  /** Put the copy in the place of a file that is there. */
  readonly overwrite?: boolean
  /** Asked now and then: whether the copy is no longer wanted. */
  readonly isStopped?: () => boolean
}

/** Pages that are copied in one go. Whoever uses the same connection waits that long. */
const STEP_PAGES = 128

/** Pages after which the copy is synced, lest one long sync at its end hold up everybody else. */
const SYNC_PAGES = 4_096

/**
 * Writes a complete copy of a database that is in use: SQLite's online backup, which takes what is
 * committed meanwhile into the copy. The file appears when it is complete and synced, with mode
 * 0600, without a log beside it. Rejects with a BackupError.
 */
export async function copyDatabase(
  database: DatabaseSync,
  file: string,
  { overwrite = false, isStopped = () => false }: CopyOptions = {},
): Promise<void> {
  try {
    refuseStoreFile(database, file)
    if (isThere(file) && !overwrite) throw alreadyThere(file)
    refuseWithoutRoom(database, file)
    const part = `${file}.${randomBytes(4).toString('hex')}.part`
    // Made here and not by SQLite, so that nobody else can ever read it.
    const handle = await open(part, 'wx', 0o600)
    try {
      await writeCopy(database, { part, handle, isStopped })
      publish(part, file, overwrite)
    } finally {
      await handle.close()
      for (const left of [part, `${part}-journal`]) rmSync(left, { force: true })
    }
    syncFolder(dirname(file))
  } catch (error) {
    throw explainWriting(error, file)
  }
}

interface Copying {
  readonly part: string
  readonly handle: FileHandle
  readonly isStopped: () => boolean
}

async function writeCopy(
  database: DatabaseSync,
  { part, handle, isStopped }: Copying,
): Promise<void> {
  const syncing = new Syncing(handle)
  const progress = () => {
    if (isStopped()) throw new BackupError('The backup was given up, because the broker stops')
    syncing.wrote(STEP_PAGES)
  }
  for (let attempt = 1; ; attempt++) {
    try {
      await backup(database, part, { rate: STEP_PAGES, progress })
      break
    } catch (error) {
      if (attempt === mostAttempts || !isSpurious(error)) throw error
    }
  }
  await syncing.settled()
  {
    // Else whoever opens the copy needs the right to write a log beside it.
    using copy = new DatabaseSync(part)
    copy.exec('PRAGMA journal_mode = DELETE')
  }
  await handle.sync()
}

const mostAttempts = 100

/**
 * A step that finds the database in the middle of a transaction is put off, but Node (26.10) takes the
 * first one for the last then, and rejects with SQLite's text for success. Nothing has been copied by
 * that: the backup is begun again.
 */
function isSpurious(error: unknown): boolean {
  return error instanceof Error && error.message === 'not an error'
}

/** Syncs a file while it is written, on another thread. */
class Syncing {
  readonly #handle: FileHandle
  #pages = 0
  #current: Promise<void> | undefined
  #error: unknown

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  wrote(pages: number): void {
    this.#pages += pages
    if (this.#pages < SYNC_PAGES || this.#current !== undefined) return
    this.#pages = 0
    this.#current = this.#handle.datasync().then(
      () => {
        this.#current = undefined
      },
      // Kept, because the system reports it only once.
      (error) => {
        this.#error = error
      },
    )
  }

  async settled(): Promise<void> {
    await this.#current
    if (this.#error !== undefined) throw this.#error
  }
}

/** Gives the finished copy its name. */
function publish(part: string, file: string, overwrite: boolean): void {
  if (overwrite) {
    renameSync(part, file)
    return
  }
  try {
    // Unlike a rename it fails when the name has been taken meanwhile.
    linkSync(part, file)
  } catch (error) {
    // A file system without hard links.
    if (isThere(file)) throw error
    renameSync(part, file)
  }
}

/** Also of a link that leads nowhere. */
export const isThere = (file: string) => lstatSync(file, { throwIfNoEntry: false }) !== undefined

/** Lest `overwrite` replace what the broker has open. */
function refuseStoreFile(database: DatabaseSync, file: string): void {
  const folder = dirname(realpathSync(database.location() ?? ''))
  const isBeside = realpathSync(dirname(file)) === folder
  if (!isBeside || !/^(busbar|control)\./.test(basename(file))) return
  throw new BackupError(
    `${file} is named as the store's own files are: give the backup another name or folder, such as ${join(dirname(folder), 'busbar-backup.db')}`,
  )
}

function refuseWithoutRoom(database: DatabaseSync, file: string): void {
  const pragma = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
  const needed = pragma('page_count') * pragma('page_size')
  const { bavail, bsize } = statfsSync(dirname(file))
  const free = bavail * bsize
  if (free >= needed) return
  throw new BackupError(
    `There is no room for ${file}: the backup takes ${mebibytes(needed)}, and ${mebibytes(free)} are free there. Give another folder, or make room`,
  )
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

function alreadyThere(file: string): BackupError {
  return new BackupError(`${file} is there already: give another name, or replace it with --force`)
}

/** Throws nothing: says what is wrong with a place to write to, and the way out. */
export function explainWriting(error: unknown, file: string): Error {
  if (error instanceof BackupError) return error
  const code = isFull(error) ? 'ENOSPC' : systemCode(error)
  if (code === 'EEXIST') return alreadyThere(file)
  const known = remedyFor(code)
  const reason = known ?? (error instanceof Error ? error.message : String(error))
  return new BackupError(`${file} cannot be written: ${reason}`, { cause: error })
}
