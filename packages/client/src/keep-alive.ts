/**
 * When to send PINGREQ and when to give the server up, by arithmetic on what was seen and not by
 * trust in timers, which stand still while a machine sleeps. Milliseconds of a steady clock.
 */
export class ClientKeepAlive {
  readonly #intervalMs: number
  readonly #graceMs: number
  #sentAt: number
  #heardAt: number
  #pingedAt: number | undefined
  /** From PINGREQ to PINGRESP, measured last. */
  rttMs: number | undefined

  /** 0 seconds turn it off. */
  constructor(keepAliveSeconds: number, now: number) {
    // A tenth early, since a timer may be late [MQTT5-3.1.2-20] [MQTT3-3.1.2-23].
    this.#intervalMs = keepAliveSeconds === 0 ? Number.POSITIVE_INFINITY : keepAliveSeconds * 900
    this.#graceMs = Math.min(keepAliveSeconds * 1_000, 20_000)
    this.#sentAt = now
    this.#heardAt = now
  }

  sent(now: number): void {
    this.#sentAt = now
  }

  heard(now: number): void {
    this.#heardAt = now
  }

  pinged(now: number): void {
    this.#pingedAt ??= now // another PINGREQ gives no more time to answer the first
    this.#sentAt = now
  }

  answered(now: number): void {
    if (this.#pingedAt !== undefined) this.rttMs = now - this.#pingedAt
    this.#pingedAt = undefined
  }

  /** What is due; `isReading` is false while we have stopped reading, and cannot hear. */
  due(now: number, isReading: boolean): 'nothing' | 'ping' | 'give-up' {
    if (this.#pingedAt !== undefined) {
      const since = Math.max(this.#pingedAt, this.#heardAt)
      if (isReading && now >= since + this.#graceMs) return 'give-up'
      return now >= this.#sentAt + this.#intervalMs ? 'ping' : 'nothing'
    }
    return now >= this.#pingAt ? 'ping' : 'nothing'
  }

  /** When to ask again what is due. */
  get nextAt(): number {
    if (this.#pingedAt === undefined) return this.#pingAt
    const since = Math.max(this.#pingedAt, this.#heardAt)
    return Math.min(since + this.#graceMs, this.#sentAt + this.#intervalMs)
  }

  // Also when only we speak: what a dead connection takes proves nothing.
  get #pingAt(): number {
    return Math.min(this.#sentAt, this.#heardAt) + this.#intervalMs
  }
}
