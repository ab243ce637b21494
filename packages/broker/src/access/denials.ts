import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Losses } from '../losses.ts'
import type { Statistics } from '../statistics.ts'
import type { AccessAction, Subject } from './access.ts'

/** One no, or one that a shadow policy would have said. */
export interface Denial {
  readonly subject: Subject
  readonly action: AccessAction
  readonly topic: string
  readonly rule: string
  readonly isShadow: boolean
}

/** All denials of one client, action, topic and rule. */
export interface DenialEntry {
  readonly clientId: string
  readonly user: string | undefined
  readonly action: AccessAction
  readonly topic: string
  readonly rule: string
  readonly isShadow: boolean
  count: number
  /** Milliseconds since 1970. */
  readonly firstAt: number
  lastAt: number
}

interface Kept extends DenialEntry {
  loggedIn: number
}

interface DenialsContext {
  readonly clock: Clock
  readonly log: Log
  readonly statistics: Statistics
  readonly losses: Losses
}

const windowMs = 60_000
/** No client fills the log, or keeps others out of it. */
const linesOfClient = 20
const linesInAll = 200
/** Of the entries together, and of each text of a stranger, in characters. */
const mostEntries = 1_000
const longestText = 512

/**
 * Counts denials, and logs each once a minute: the table and the lines are bounded, the counts are
 * exact.
 */
export class Denials {
  readonly #clock: Clock
  readonly #log: Log
  readonly #statistics: Statistics
  readonly #losses: Losses
  readonly #entries = new Map<string, Kept>()
  readonly #lines = new Map<string, number>()
  #window = 0
  #linesLeft = linesInAll

  constructor({ clock, log, statistics, losses }: DenialsContext) {
    this.#clock = clock
    this.#log = log
    this.#statistics = statistics
    this.#losses = losses
  }

  record(denial: Denial): void {
    this.#count(denial)
    const now = this.#clock.wallNow()
    const entry = this.#entry(denial, now)
    entry.count++
    entry.lastAt = now
    this.#turnWindow()
    if (entry.loggedIn === this.#window) return
    entry.loggedIn = this.#window
    this.#say(entry)
  }

  /** The most recent kinds of denials, oldest first. */
  list(): readonly DenialEntry[] {
    return [...this.#entries.values()].map(({ loggedIn: _, ...entry }) => entry)
  }

  #count({ subject, action, isShadow }: Denial): void {
    if (isShadow) this.#statistics.deniedByShadow++
    else if (action === 'subscribe') {
      this.#statistics.subscribeDenied++
      // What it would have brought cannot be entered message by message.
      this.#losses.record(subject.clientIdentifier, 'subscription-denied', 0)
    } else if (action === 'receive') this.#statistics.receiveDenied++
    else this.#statistics.publishDenied++
  }

  #entry({ subject, action, topic: whole, rule, isShadow }: Denial, now: number): Kept {
    const clientId = shortened(subject.clientIdentifier)
    const user = subject.user === undefined ? undefined : shortened(subject.user)
    const topic = shortened(whole)
    const key = JSON.stringify([clientId, user, action, topic, rule, isShadow])
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    if (this.#entries.size >= mostEntries) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    const entry = { clientId, user, action, topic, rule, isShadow, count: 0, loggedIn: -1 }
    const kept = { ...entry, firstAt: now, lastAt: now }
    this.#entries.set(key, kept)
    return kept
  }

  #turnWindow(): void {
    const window = Math.floor(this.#clock.now() / windowMs)
    if (window === this.#window) return
    this.#window = window
    this.#lines.clear()
    this.#linesLeft = linesInAll
  }

  #say({ clientId, user, action, topic, rule, isShadow, count }: Kept): void {
    const lines = this.#lines.get(clientId) ?? 0
    if (this.#linesLeft === 0 || lines >= linesOfClient) return
    this.#linesLeft--
    this.#lines.set(clientId, lines + 1)
    const fields = { clientId, user, action, topic, rule, count }
    this.#log.warn(isShadow ? 'denied by the shadow policy only' : 'denied', fields)
    if (this.#linesLeft === 0) this.#log.warn('further denials are counted only, for a minute')
    else if (lines + 1 === linesOfClient) {
      this.#log.warn('further denials of this client are counted only, for a minute', { clientId })
    }
  }
}

/** A copy, as a slice would keep all of it in memory. */
function shortened(text: string): string {
  if (text.length <= longestText) return text
  return Buffer.from(text.slice(0, longestText), 'utf16le').toString('utf16le')
}
