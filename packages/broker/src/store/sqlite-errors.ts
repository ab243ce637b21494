import { readFileSync } from 'node:fs'
import { StoreOpenError } from './errors.ts'
import { lockFile, storeFile } from './file-names.ts'
import { remedyFor, systemCode } from './place-errors.ts'

export function damaged(file: string, why: string): string {
  return `${file} is damaged (${why}). Either restore a backup with \`busbar restore FILE\`, or save what can be read as docs/store.md says, or move the folder away to start with an empty store`
}

/** SQLite's primary result codes. */
export const BUSY = 5
export const READ_ONLY = 8
const IO_ERROR = 10
export const CORRUPT = 11
const FULL = 13
export const CANNOT_OPEN = 14
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
    case IO_ERROR:
      return new Error(
        `${file} cannot be read or written (${text(error)} ${extendedCode(error)}). Look for the reason in the system's log, then start the broker again`,
        { cause: error },
      )
    case READ_ONLY:
    case CANNOT_OPEN:
      return unusable(file, remedyFor('EACCES') ?? '', error)
    default:
      return explainPlace(error)
  }
}

/** Errors of the file system name the place themselves. */
function explainPlace(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(text(error))
  const code = systemCode(error)
  const place = 'path' in error ? String(error.path) : ''
  if (place === '') return error
  const isFile = code === 'EEXIST' ? 'it is a file; give the name of a folder' : undefined
  const remedy = isFile ?? remedyFor(code)
  return remedy === undefined ? error : unusable(place, remedy, error)
}

function unusable(place: string, remedy: string, cause: unknown): StoreOpenError {
  return new StoreOpenError(`${place} cannot be used for the store: ${remedy}`, { cause })
}

export const isFull = (error: unknown) => resultCode(error) === FULL

export function fullError(): Error {
  return Object.assign(new Error('the disk is full but for a reserve'), { errcode: FULL })
}

export function resultCode(error: unknown): number | undefined {
  const code = extendedCode(error)
  return code === undefined ? undefined : code & 0xff
}

/** Its lowest byte is the primary result code. */
function extendedCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return typeof code === 'number' ? code : undefined
}

const text = (error: unknown) => (error instanceof Error ? error.message : String(error))

export function holder(folder: string): string {
  try {
    return `process ${readFileSync(lockFile(folder), 'utf8').trim()}`
  } catch {
    return 'another process'
  }
}
