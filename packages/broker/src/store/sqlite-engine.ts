import { randomInt } from 'node:crypto'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { type Code, code, type Group, numbersOf } from './group.ts'
import { OrderedQueue } from './ordered-queue.ts'
import { type EntryRow, type MessageRow, type Packed, packEntries, packMessages } from './packed.ts'
import { Reserve } from './reserve.ts'
import { type CopyOptions, copyDatabase } from './sqlite-copy.ts'
import {
  CHECKPOINT_PAGES,
  closeDatabase,
  emptyLog,
  type FileOptions,
  fullError,
  isFull,
  openDatabase,
  RESERVE_BYTES,
  reserveFile,
} from './sqlite-file.ts'
import { prepare, statement } from './sqlite-statements.ts'

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
  readonly #statements: ReturnType<typeof prepare>
  /** Per Session the positions of its entries, each with the message it refers to, or 0. */
  readonly #queues = new Map<number, OrderedQueue>()
  /** How many entries refer to a message that is kept apart. */
  readonly #references = new Map<number, number>()
  /** Rows that nothing refers to any more; removed when there is time. */
  readonly #loose: { session: number; position: number }[] = []
  readonly #looseMessages: number[] = []
  /** Sessions that the transaction in progress has ended. */
  readonly #ended: number[] = []
  readonly #reserve: Reserve
  readonly #checkpointPages: number
  #logPages = 0
  #sync: Sync = 'synced'
  #isUnsynced = false

  constructor(options: FileOptions) {
    this.#folder = options.folder
    this.#database = openDatabase(options)
    this.#statements = prepare(this.#database)
    const { folder, checkpointPages = CHECKPOINT_PAGES, reserveBytes = RESERVE_BYTES } = options
    this.#checkpointPages = checkpointPages
    const reserve = { file: reserveFile(folder), bytes: reserveBytes }
    this.#reserve = new Reserve(reserve, performance.now())
    this.#limitLog()
  }

  /** True when there is something for `collect`. */
  get hasLoose(): boolean {
    return this.#loose.length > 0 || this.#looseMessages.length > 0
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
      if (message !== 0) this.#refer(message)
      if (!known.has(session)) {
        this.#loose.push({ session, position })
        continue
      }
      this.#queue(session).add(position, message)
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
    for (const [session, until] of overtaking) inFlight.push(...this.#overtaken(session, until))
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
    this.#queues.get(session)?.visit(0, (_, position) => {
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
    this.#ended.length = 0
    this.#transaction(() => this.#run(group))
    this.#isUnsynced = sync !== 'synced'
    this.#follow(group)
  }

  /** After an error for want of room: with it the log can be copied, and then used again. */
  makeRoom(): void {
    this.#reserve.release(performance.now())
    emptyLog(this.#database, 'RESTART')
    this.#reserve.measure()
    this.#limitLog()
  }

  /** Syncs what was only written. */
  sync(): void {
    if (!this.#isUnsynced) return
    this.#setSync('synced')
    // A commit that is synced takes with it all that was written to the log before.
    this.#transaction(() => this.#statements.synced.run())
    this.#isUnsynced = false
  }

  /** Entries that wait, behind `after` and not beyond `until`. */
  page(session: number, after: number, until: number, limit: number): Packed {
    const rows: EntryRow[] = []
    if (limit > 0) {
      this.#queues.get(session)?.visit(after, (_, position) => {
        if (position > until) return 'enough'
        const row = this.#entryRow(position)
        if (row[2] !== 0) return 'more'
        return rows.push(row) < limit ? 'more' : 'enough'
      })
    }
    return packEntries(rows, this.#messageRow)
  }

  /** Removes some of what ended Sessions have left. */
  collect(): void {
    const entries = this.#loose.splice(-COLLECTED_AT_ONCE)
    const messages = this.#looseMessages.splice(-COLLECTED_AT_ONCE)
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
      this.#loose.push(...entries)
      this.#looseMessages.push(...messages)
      throw error
    }
    this.#isUnsynced = true
    for (const id of unused) this.#release(id)
  }

  /** A copy of everything that is committed, on another thread; must end before `close`. */
  backup(file: string, options: CopyOptions): Promise<void> {
    return copyDatabase(this.#database, file, options)
  }

  close(): void {
    try {
      this.sync()
    } catch (error) {
      // What was written stays in the log.
      if (!isFull(error)) throw error
    }
    closeDatabase(this.#database, this.#folder)
  }

  #run({ numbers, bytes, strings }: Group): void {
    const to = this.#statements
    let at = 0
    let read = 0
    let text = 0
    const number = () => numbers[at++] ?? 0
    const string = () => strings[text++] ?? null
    const binary = (length: number) => {
      read += length
      return length === 0 ? null : bytes.subarray(read - length, read)
    }
    while (at < numbers.length) {
      switch (number() as Code) {
        case code.session: {
          const [id, isNew] = [number(), number() === 1]
          const columns = Array.from({ length: 6 }, () => orNull(number()))
          const will = binary(number())
          const clientIdentifier = string()
          const row = [string(), ...columns, will]
          if (isNew) this.#addSession(id, clientIdentifier, row)
          else to.sessionChange.run(...row, id)
          break
        }
        case code.sessionEnd:
          this.#endSession(number())
          break
        case code.subscription:
          to.subscription.run(number(), string(), number(), number())
          break
        case code.subscriptionEnd:
          to.subscriptionEnd.run(number(), string())
          break
        case code.retained:
          to.retained.run(string(), number(), number(), binary(number()))
          break
        case code.retainedEnd:
          to.retainedEnd.run(string())
          break
        case code.message:
          to.message.run(number(), number(), number(), binary(number()))
          break
        case code.queued: {
          const first = at
          at += numbersOf[code.queued]
          const data = binary(numbers[first + 9] ?? 0)
          const route = binary(numbers[first + 10] ?? 0)
          to.queued.run(
            numbers[first + 1] ?? 0,
            numbers[first] ?? 0,
            numbers[first + 2] ?? 0,
            numbers[first + 3] ?? 0,
            numbers[first + 4] ?? 0,
            numbers[first + 5] ?? 0,
            numbers[first + 6] ?? 0,
            numbers[first + 7] ?? 0,
            numbers[first + 8] ?? 0,
            route,
            data,
          )
          break
        }
        case code.sent: {
          const [session, position] = [number(), number()]
          to.sent.run(number(), position, session)
          break
        }
        case code.released: {
          const session = number()
          to.released.run(number(), session)
          break
        }
        case code.done: {
          const session = number()
          to.done.run(number(), session)
          break
        }
        case code.received:
          to.received.run(number(), number())
          break
        case code.forgotten:
          to.forgotten.run(number(), number())
          break
      }
    }
  }

  #addSession(id: number, clientIdentifier: string | null, row: SQLInputValue[]): void {
    const to = this.#statements
    // Left over when its end could not be stored: its successor replaces it.
    const before = to.sessionOf.get(clientIdentifier) as unknown as [number] | undefined
    if (before !== undefined) this.#endSession(before[0])
    to.session.run(id, clientIdentifier, ...row)
  }

  #endSession(id: number): void {
    const to = this.#statements
    to.sessionEnd.run(id)
    to.subscriptionsEnd.run(id)
    to.receivedEnd.run(id)
    this.#ended.push(id)
  }

  /** After the commit: the same again on what is in memory. */
  #follow({ numbers }: Group): void {
    for (let at = 0; at < numbers.length; at += 1 + (numbersOf[numbers[at] as Code] ?? 0)) {
      const of = numbers[at]
      const session = numbers[at + 1] ?? 0
      const position = numbers[at + 2] ?? 0
      if (of === code.queued) {
        const message = numbers[at + 7] ?? 0
        if (message !== 0) this.#refer(message)
        this.#queue(session).add(position, message)
      } else if (of === code.done) {
        const message = this.#queues.get(session)?.remove(position)
        if (message !== undefined && message !== 0) this.#release(message)
      }
    }
    for (const session of this.#ended) {
      this.#queues.get(session)?.visit(0, (_, position) => {
        this.#loose.push({ session, position })
        return 'more'
      })
      this.#queues.delete(session)
    }
  }

  #queue(session: number): OrderedQueue {
    let queue = this.#queues.get(session)
    if (queue === undefined) {
      queue = new OrderedQueue()
      this.#queues.set(session, queue)
    }
    return queue
  }

  #refer(message: number): void {
    this.#references.set(message, (this.#references.get(message) ?? 0) + 1)
  }

  #release(message: number): void {
    const left = (this.#references.get(message) ?? 1) - 1
    if (left > 0) {
      this.#references.set(message, left)
      return
    }
    this.#references.delete(message)
    this.#looseMessages.push(message)
  }

  /** What was left when messages were no longer referred to, but the process ended. */
  #scanMessages(): number {
    let last = 0
    for (const row of statement(this.#database, 'SELECT id FROM message').iterate()) {
      const [id] = row as unknown as [number]
      last = Math.max(last, id)
      if (!this.#references.has(id)) this.#looseMessages.push(id)
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

  #transaction(run: () => void): void {
    this.#statements.begin.run()
    try {
      run()
      this.#statements.commit.run()
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
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

function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
