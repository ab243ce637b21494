import type { Clock } from '../clock.ts'

interface Timer {
  readonly at: number
  readonly run: () => void
}

/** Lets everything that is due in this turn happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A clock that stands still until it is told otherwise. */
export class VirtualClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Set<Timer>()

  get timers(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#now
  }

  wallNow(): number {
    return this.#now + 1_700_000_000_000
  }

  set(run: () => void, ms: number): Timer {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return timer
  }

  clear(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** Lets time pass, timer by timer, and what follows from each. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (;;) {
      const next = this.#earliest()
      if (next === undefined || next.at > end) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await settle()
    }
    this.#now = end
  }

  /** Time passes and no timer runs, as while a machine sleeps. */
  sleep(ms: number): void {
    this.#now += ms
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined
    for (const timer of this.#timers) {
      if (earliest === undefined || timer.at < earliest.at) earliest = timer
    }
    return earliest
  }
}
