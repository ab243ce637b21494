/** Time and timers, so that a test can have its own. */
export interface Clock {
  /** Milliseconds of a steady clock. */
  now(): number
  /** Milliseconds since 1970. */
  wallNow(): number
  /** Runs once, after at least `ms`; returns what `clear` takes. */
  set(run: () => void, ms: number): unknown
  /** Forgets what `set` has returned; anything else does nothing. */
  clear(timer: unknown): void
}

// A timer cannot wait longer than this, and one that is asked to fires at once.
const longestTimer = 0x7fff_ffff

/** Time and timers of the platform. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  set: (run, ms) => setTimeout(run, Math.min(ms, longestTimer)),
  clear: (timer) => clearTimeout(timer),
}
