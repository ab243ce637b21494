import { randomInt } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { EntryIndex } from './entry-index.ts'
import { logFile, reserveFile, storeFile } from './file-names.ts'
import { FileWatch } from './file-watch.ts'
import { type Code, code, type Group, numbersOf } from './group.ts'
import { type EntryRow, type MessageRow, type Packed, packEntries, packMessages } from './packed.ts'
import { Reserve } from './reserve.ts'
import { applyGroup } from './sqlite-apply.ts'
import { type CopyOptions, copyDatabase } from './sqlite-copy.ts'
import { fullError, isFull } from './sqlite-errors.ts'
import {
  abandonDatabase,
  CHECKPOINT_PAGES,
  closeDatabase,
  emptyLog,
  type FileOptions,
  openDatabase,
  RESERVE_BYTES,
} from './sqlite-file.ts'
import { Shrinking, SPARE_PAGES } from './sqlite-shrink.ts'
import { prepare, type Statements, statement } from './sqlite-statements.ts'

/** What is to have happened when a transaction is reported. */
export type Sync = 'none' | 'written' | 'synced'

/** Everything that the start-up scan finds. Rows are arrays in the order of the columns. */
export interface Scan {
  readonly run: number
  readonly lastPosition: number
  readonly lastSession: number
  readonly lastMessage: number
  readonly sessions: readonly SessionRow[]
  readonly subscriptions: readonly (readonly [number, string, number, number])[]
  /** Session, Packet Identifier. */
  readonly received: readonly (readonly [number, number])[]
  /** Session, count, bytes. */
  readonly waiting: readonly (readonly [number, number, number])[]
  readonly inFlight: Packed
  readonly retained: Packed
}

export type SessionRow = readonly [
  id: number,
  clientIdentifier: string,
  owner: string | null,
  protocolVersion: number,
  expirySeconds: number | null,
  endsAt: number | null,
  endsRemaining: number | null,
  willAt: number | null,
  willRemaining: number | null,
  will: Uint8Array | null,
]

/** How many rows of ended Sessions are removed in one go, between two groups. */
const COLLECTED_AT_ONCE = 500

/**
 * The durable store itself, synchronous: the worker calls it, and the tests of power loss do. It
 * knows operations and rows; what a Change is, the main thread knows.
 */
export class SqliteEngine {
  readonly #folder: string
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #index = new EntryIndex()
  readonly #reserve: Reserve
  readonly #files: FileWatch
  readonly #shrinking: Shrinking
  readonly #checkpointPages: number
  #logPages = 0
  #sync: Sync = 'synced'
  #isUnsynced = false

  constructor(options: FileOptions) {
    this.#folder = options.folder
    this.#database = openDatabase(options)
    this.#statements = prepare(this.#database)
    const { folder, checkpointPages = CHECKPOINT_PAGES, reserveBytes = RESERVE_BYTES } = options
    const { sparePages = SPARE_PAGES } = options
    this.#shrinking = new Shrinking(this.#database, this.#statements, sparePages)
    this.#checkpointPages = checkpointPages
    const reserve = { file: reserveFile(folder), bytes: reserveBytes }
    this.#reserve = new Reserve(reserve, performance.now())
    this.#limitLog()
    this.#files = new FileWatch([storeFile(folder), logFile(folder)])
  }

  /** True when there is something for `collect`. */
  get hasLoose(): boolean {
    return this.#index.hasLoose
  }

  scan(): Scan {
    const database = this.#database
    const rows = <Row>(sql: string): Row[] => statement(database, sql).all() as unknown as Row[]
    const sessions = rows<SessionRow>('SELECT * FROM session')
    const known = new Set(sessions.map(([id]) => id))
    const inFlight: number[] = []
    const waiting = new Map<number, [number, number, number]>()
    /** By Session, the last position that was sent, where something waits in front of it. */
    const overtaking = new Map<number, number>()
    let lastPosition = 0
    let lastSession = sessions.at(-1)?.[0] ?? 0
    const entries = 'SELECT position, session, state, size, message FROM entry ORDER BY position'
    for (const row of statement(database, entries).iterate()) {
      const [position, session, state, size, message] = row as unknown as FiveNumbers
      lastPosition = position
      // The number of a Session is not given again while something of an earlier one is there.
      lastSession = Math.max(lastSession, session)
      if (!known.has(session)) {
        this.#index.addLoose(session, position, message)
        continue
      }
      this.#index.add(session, position, message)
      const sum = waiting.get(session)
      if (state !== 0) {
        inFlight.push(position)
        if (waiting.delete(session)) overtaking.set(session, position)
      } else if (sum === undefined) waiting.set(session, [session, 1, size])
      else {
        sum[1]++
        sum[2] += size
      }
    }
    for (const [session, until] of overtaking) {
      for (const position of this.#overtaken(session, until)) inFlight.push(position)
    }
    inFlight.sort((one, other) => one - other)
    return {
      // By chance, and not a counter: a start changes nothing, also when the disk is full.
      run: randomInt(2 ** 32),
      lastPosition,
      lastSession,
      lastMessage: this.#scanMessages(),
      sessions,
      subscriptions: rows('SELECT * FROM subscription'),
      received: rows('SELECT * FROM received'),
      waiting: [...waiting.values()],
      inFlight: packEntries(
        inFlight.map((position) => this.#entryRow(position)),
        this.#messageRow,
      ),
      retained: packMessages(rows('SELECT topic_bytes, payload_at, data FROM retained')),
    }
  }

  /** What waits in front of `until`. */
  #overtaken(session: number, until: number): number[] {
    const positions: number[] = []
    this.#index.visit(session, 0, (position) => {
      if (position >= until) return 'enough'
      if (this.#entryRow(position)[2] === 0) positions.push(position)
      return 'more'
    })
    return positions
  }

  /** One transaction. When it throws, nothing of the group has been applied. */
  apply(group: Group, sync: Sync): void {
    if (!this.#reserve.isWhole && grows(group) && !this.#hasRoom(group)) throw fullError()
    this.#setSync(sync)
    const ended = this.#transaction(() => applyGroup(this.#statements, group))
    this.#isUnsynced = sync !== 'synced'
    this.#index.follow(group, ended)
  }

  /** After an error for want of room: with it the log can be copied, and then used again. */
  makeRoom(): void {
    this.#reserve.release(performance.now())
    this.#emptyLog()
    this.#reserve.measure()
    this.#limitLog()
  }

  /** Syncs what was only written. */
  sync(): void {
    if (!this.#isUnsynced) return this.#files.expectUntouched()
    this.#setSync('synced')
    // A commit that is synced takes with it all that was written to the log before.
    this.#transaction(() => this.#statements.synced.run())
    this.#isUnsynced = false
  }

  /** Entries that wait, behind `after` and not beyond `until`. */
  page(session: number, after: number, until: number, limit: number): Packed {
    const rows: EntryRow[] = []
    for (let behind = after; rows.length < limit; ) {
      const positions: number[] = []
      this.#index.visit(session, behind, (position) => {
        if (position > until) return 'enough'
        return positions.push(position) < limit - rows.length ? 'more' : 'enough'
      })
      for (const row of this.#entryRows(positions)) if (row[2] === 0) rows.push(row)
      const last = positions.at(-1)
      if (last === undefined) break
      behind = last
    }
    return packEntries(rows, this.#messageRow)
  }

  /** Those of neighbouring positions are read at once. */
  #entryRows(positions: readonly number[]): readonly EntryRow[] {
    const [first = 0, last = 0] = [positions[0], positions.at(-1)]
    if (last - first + 1 === positions.length) {
      const rows = this.#statements.entries.all(first, last) as unknown as EntryRow[]
      if (rows.length === positions.length) return rows
    }
    return positions.map((position) => this.#entryRow(position))
  }

  /** Removes some of what ended Sessions have left. */
  collect(): void {
    const { entries, messages } = this.#index.takeLoose(COLLECTED_AT_ONCE)
    this.#setSync('none')
    const unused: number[] = []
    try {
      this.#transaction(() => {
        for (const { session, position } of entries) {
          const row = this.#statements.messageOf.get(position, session) as [number] | undefined
          if (row === undefined) continue
          this.#statements.done.run(position, session)
          if (row[0] !== 0) unused.push(row[0])
        }
        for (const id of messages) this.#statements.messageEnd.run(id)
      })
    } catch (error) {
      this.#index.putBack({ entries, messages })
      throw error
    }
    this.#isUnsynced = true
    for (const id of unused) this.#index.release(id)
  }

  /** Gives some of the room within the file back to the disk; false when there is no more to give. */
  shrink(): boolean {
    if (!this.#reserve.isWhole || !this.#shrinking.isDue) return false
    this.#setSync('none')
    this.#transaction(() => this.#shrinking.step())
    this.#isUnsynced = true
    if (this.#shrinking.isDue) return true
    // The end of the file goes when the log is copied.
    this.#emptyLog()
    return false
  }

  /** A copy of everything that is committed, on another thread; must end before `close`. */
  backup(file: string, options: CopyOptions): Promise<void> {
    return copyDatabase(this.#database, file, options)
  }

  close(): void {
    this.#files.expectUntouched()
    try {
      this.sync()
    } catch (error) {
      // What was written stays in the log.
      if (!isFull(error)) throw error
    }
    closeDatabase(this.#database, this.#folder)
  }

  /** After an error: closes, and changes nothing any more. */
  abandon(): void {
    abandonDatabase(this.#database, this.#folder)
  }

  /** What was left when messages were no longer referred to, but the process ended. */
  #scanMessages(): number {
    let last = 0
    for (const row of statement(this.#database, 'SELECT id FROM message').iterate()) {
      const [id] = row as unknown as [number]
      last = Math.max(last, id)
      this.#index.expectReferred(id)
    }
    return last
  }

  #entryRow(position: number): EntryRow {
    const row = this.#statements.entry.get(position) as unknown as EntryRow | undefined
    if (row === undefined) throw new Error(`The store has lost entry ${position}`)
    return row
  }

  readonly #messageRow = (id: number): MessageRow => {
    const row = this.#statements.messageRow.get(id) as unknown as MessageRow | undefined
    if (row === undefined) throw new Error(`The store has lost message ${id}`)
    return row
  }

  /** Without a whole reserve: what is free within the file, or in the part that is there, is enough. */
  #hasRoom({ bytes }: Group): boolean {
    const reserve = this.#reserve
    reserve.hold(performance.now())
    this.#limitLog()
    if (reserve.isWhole) return true
    const [pages] = this.#statements.freePages.get() as unknown as [number]
    return Math.max(pages * PAGE, reserve.held) > 2 * bytes.length + FREE_AT_LEAST
  }

  /** What is in the log may have to go into the database with no more room than the reserve. */
  #limitLog(): void {
    const { held, isWhole } = this.#reserve
    const part = Math.max(LOG_PAGES_AT_LEAST, Math.floor(held / PAGE / 4))
    const pages = isWhole ? this.#checkpointPages : Math.min(part, this.#checkpointPages)
    if (pages === this.#logPages) return
    this.#logPages = pages
    this.#database.exec(`PRAGMA wal_autocheckpoint = ${pages}`)
  }

  #transaction<Result>(run: () => Result): Result {
    this.#files.expectUntouched()
    this.#statements.begin.run()
    let result: Result
    try {
      result = run()
      this.#statements.commit.run()
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      if (isFull(error)) this.#files.accept()
      throw error
    }
    // Before anything is acknowledged: it may have gone to a file that has no name any more.
    this.#files.accept()
    return result
  }

  #emptyLog(): void {
    emptyLog(this.#database, 'RESTART')
    this.#files.accept()
  }

  #setSync(sync: Sync): void {
    if (this.#sync === sync) return
    this.#database.exec(`PRAGMA synchronous = ${synchronous[sync]}`)
    this.#sync = sync
  }
}

type FiveNumbers = [number, number, number, number, number]
/** NORMAL syncs the log before it is copied into the database, so a crash never damages the file. */
const synchronous = { none: 'NORMAL', written: 'NORMAL', synced: 'FULL' } as const

const PAGE = 4096
const FREE_AT_LEAST = 1024 * 1024
const LOG_PAGES_AT_LEAST = 64

/** Steps and ends are always stored, since they lead to more room. */
function grows({ numbers }: Group): boolean {
  for (let at = 0; at < numbers.length; at += 1 + (numbersOf[numbers[at] as Code] ?? 0)) {
    const of = numbers[at]
    if (of === code.queued || of === code.retained || of === code.subscription) return true
    if (of === code.received || (of === code.session && numbers[at + 2] === 1)) return true
  }
  return false
}
