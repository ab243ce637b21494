/** The two times that the core knows. A test or a simulation passes its own. */
export interface Clock {
  /** Milliseconds on a clock that never jumps: all deadlines. */
  now(): number
  /** Milliseconds since 1970: only for what is stored or shown. */
  wallNow(): number
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
}
