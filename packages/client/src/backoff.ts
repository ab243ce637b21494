import type { ClientOptions, ReconnectOptions } from './options.ts'

/** How long to wait before the next attempt to connect. Time is in milliseconds. */
export class Backoff {
  readonly #options: Required<Pick<ReconnectOptions, 'minMs' | 'maxMs' | 'jitter' | 'resetAfterMs'>>
  readonly #random: () => number
  #failures = 0

  constructor({ reconnect, random = Math.random }: ClientOptions) {
    const { minMs = 250, maxMs = 30_000, jitter = 'full', resetAfterMs = 10_000 } = reconnect || {}
    this.#options = { minMs, maxMs, jitter, resetAfterMs }
    this.#random = random
  }

  /** A connection has ended: one that has lasted makes the delays begin anew. */
  lasted(ms: number): void {
    if (ms >= this.#options.resetAfterMs) this.#failures = 0
  }

  /** The delay before the next attempt; each call counts as a failure. */
  next(): number {
    const { minMs, maxMs, jitter } = this.#options
    const longest = Math.min(maxMs, minMs * 2 ** Math.min(this.#failures, 50))
    this.#failures++
    // Over the whole range, so that clients that lost one server do not come back as one.
    return jitter === 'full' ? this.#random() * longest : longest
  }
}
