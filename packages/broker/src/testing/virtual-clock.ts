import type { Clock } from '../clock.ts'

/** A clock that stands still until it is told otherwise. */
export class VirtualClock implements Clock {
  #now = 1_000_000
  #wallOffset = 1_700_000_000_000

  now(): number {
    return this.#now
  }

  wallNow(): number {
    return this.#now + this.#wallOffset
  }

  advance(ms: number): void {
    this.#now += ms
  }

  /** Sets the wall clock forward, or back, as an operator would. */
  jump(ms: number): void {
    this.#wallOffset += ms
  }
}
