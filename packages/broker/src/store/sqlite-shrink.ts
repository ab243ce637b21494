import type { DatabaseSync } from 'node:sqlite'
import { type Statements, statement } from './sqlite-statements.ts'

/** 16 MiB are left free within the file, for what comes next. */
export const SPARE_PAGES = 4096

/** Half a mebibyte: whoever comes meanwhile waits for no more. */
const STEP_PAGES = 128

/** Moves what is at the end of the file to where there is room in front of it, and cuts the end off. */
export class Shrinking {
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #sparePages: number
  readonly #isAble: boolean
  #hasBegun = false

  constructor(database: DatabaseSync, statements: Statements, sparePages: number) {
    this.#database = database
    this.#statements = statements
    this.#sparePages = sparePages
    const [mode] = statement(database, 'PRAGMA auto_vacuum').get() as unknown as [number]
    // A file that was begun without it knows no way from a page to the one that refers to it.
    this.#isAble = mode === INCREMENTAL
  }

  /** It begins late, so that a file which breathes is not moved about. */
  get isDue(): boolean {
    if (!this.#isAble) return false
    const [pages] = this.#statements.freePages.get() as unknown as [number]
    this.#hasBegun = pages > (this.#hasBegun ? 1 : 2) * this.#sparePages
    return this.#hasBegun
  }

  /** Within a transaction. */
  step(): void {
    const [pages] = this.#statements.freePages.get() as unknown as [number]
    const most = Math.min(STEP_PAGES, pages - this.#sparePages)
    this.#database.exec(`PRAGMA incremental_vacuum(${most})`)
  }
}

const INCREMENTAL = 2
