import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreOpenError } from './errors.ts'
import {
  BUSY,
  CANNOT_OPEN,
  CORRUPT,
  holder,
  NOT_A_DATABASE,
  READ_ONLY,
  resultCode,
} from './sqlite-errors.ts'
import { schemaVersion } from './sqlite-schema.ts'

/** One page of the smallest size. SQLite takes what is shorter for a database that is yet to be made. */
export const smallestDatabase = 512

/** A file of the store that is read and not changed, while no broker runs on it. */
export interface StoreFile extends Disposable {
  readonly database: DatabaseSync
  readonly schemaVersion: number
}

/**
 * Opens a store, or a backup of one, for reading. No broker can open the file before it is disposed
 * of. Throws a StoreOpenError.
 */
export function openForReading(file: string): StoreFile {
  const content = statSync(file, { throwIfNoEntry: false })
  if (content === undefined)
    throw new StoreOpenError(`There is no ${file}: give the right name, or the folder with --data`)
  if (!content.isFile()) throw new StoreOpenError(`${file} is no file: give the name of one`)
  if (content.size < smallestDatabase)
    throw new StoreOpenError(`${file} is no database: give a backup of a store`)
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { readOnly: true })
    // From the first access to the end of the transaction the file is locked.
    database.exec('BEGIN')
    const opened = { database, schemaVersion: schemaVersion(database, file) }
    if (opened.schemaVersion === 0)
      throw new StoreOpenError(`${file} has nothing in it: give a backup of a store`)
    return { ...opened, [Symbol.dispose]: () => opened.database.close() }
  } catch (error) {
    database?.close()
    throw explainReading(error, file)
  }
}

export function explainReading(error: unknown, file: string): Error {
  if (error instanceof StoreOpenError) return error
  const text = error instanceof Error ? error.message : String(error)
  const say = (sentence: string) => new StoreOpenError(sentence, { cause: error })
  switch (resultCode(error)) {
    case BUSY:
      return say(`${file} is in use by ${holder(dirname(file))}. Stop it first`)
    case NOT_A_DATABASE:
      return say(
        `${file} is no database, or its beginning is damaged. docs/store.md says what can be done`,
      )
    case CORRUPT:
      return say(`${file} is damaged (${text}). docs/store.md says what can be done`)
    case READ_ONLY:
    case CANNOT_OPEN:
      return say(
        `${file} cannot be opened: the user of the broker may read it, and who may write in its folder`,
      )
    default:
      return error instanceof Error ? error : new Error(text)
  }
}
