import type { Clock } from './clock.ts'

/** A timer that comes this late says that the process stood still. */
const standstillMs = 200

/** What is kept alive. */
export interface Watched {
  /** False while we have stopped reading, and cannot hear. */
  readonly isReading: boolean
  ping(): void
  /** The server does not answer. */
  silent(): void
}

/**
 * When to send PINGREQ and when to give the server up, by arithmetic on what was seen and not by
 * trust in timers, which stand still while a machine sleeps. There is one timer, which looks at the
 * clock whenever it comes.
 */
export class ClientKeepAlive {
  readonly #clock: Clock
  readonly #watched: Watched
  readonly #intervalMs: number
  readonly #graceMs: number
  #sentAt: number
  #heardAt: number
  #pingedAt: number | undefined
  #timer: unknown
  /** From PINGREQ to PINGRESP, measured last. */
  rttMs: number | undefined

  /** 0 seconds turn it off; `since` is when the connection was there. */
  constructor(
    { seconds, since }: { readonly seconds: number; readonly since: number },
    clock: Clock,
    watched: Watched,
  ) {
    this.#clock = clock
    this.#watched = watched
    // A tenth early, since a timer may be late [MQTT5-3.1.2-20] [MQTT3-3.1.2-23].
    this.#intervalMs = seconds === 0 ? Number.POSITIVE_INFINITY : seconds * 900
    this.#graceMs = Math.min(seconds * 1_000, 20_000)
    this.#sentAt = since
    this.#heardAt = since
    this.#watch()
  }

  sent(): void {
    this.#sentAt = this.#clock.now()
  }

  heard(): void {
    this.#heardAt = this.#clock.now()
  }

  /** PINGRESP has come. */
  answered(): void {
    if (this.#pingedAt !== undefined) this.rttMs = this.#clock.now() - this.#pingedAt
    this.#pingedAt = undefined
  }

  stop(): void {
    this.#clock.clear(this.#timer)
  }

  get #pingAt(): number {
    // Also when only we speak: what a dead connection takes proves nothing.
    const seenAt =
      this.#pingedAt === undefined ? Math.min(this.#sentAt, this.#heardAt) : this.#sentAt
    return seenAt + this.#intervalMs
  }

  get #giveUpAt(): number {
    if (this.#pingedAt === undefined || !this.#watched.isReading) return Number.POSITIVE_INFINITY
    return Math.max(this.#pingedAt, this.#heardAt) + this.#graceMs
  }

  #watch(): void {
    if (this.#intervalMs === Number.POSITIVE_INFINITY) return
    const now = this.#clock.now()
    this.#checkAt(Math.max(Math.min(this.#pingAt, this.#giveUpAt), now + 1))
  }

  #checkAt(at: number): void {
    this.#timer = this.#clock.set(() => this.#check(at), at - this.#clock.now())
  }

  #check(dueAt: number): void {
    const now = this.#clock.now()
    if (now >= this.#giveUpAt) {
      // After a standstill of ours the answer may be there, and not read yet.
      if (now - dueAt > standstillMs) return this.#checkAt(now + standstillMs)
      return this.#watched.silent()
    }
    if (now >= this.#pingAt) {
      this.#pingedAt ??= now // another PINGREQ gives no more time to answer the first
      this.#sentAt = now
      this.#watched.ping()
    }
    this.#watch()
  }
}
