/** Deadlines are met within one tick. */
const tickMs = 100

/** Something that happens at a time unless it is cleared. Owned by whoever made it. */
export class Deadline {
  readonly reached: (now: number) => void
  /** The tick it waits for; -1 while it is not set. */
  tick = -1

  constructor(reached: (now: number) => void) {
    this.reached = reached
  }
}

/**
 * All deadlines of a broker in one wheel, so that no connection and no session owns a timer. Has no
 * clock: `advance` is told the time.
 */
export class Deadlines {
  readonly #ticks = new Map<number, Set<Deadline>>()
  #tick: number

  constructor(now: number) {
    this.#tick = Math.floor(now / tickMs)
  }

  /** Sets or moves a deadline to `at` milliseconds; Infinity clears it. */
  set(deadline: Deadline, at: number): void {
    this.clear(deadline)
    if (at === Number.POSITIVE_INFINITY) return
    // Rounded up, so that nothing happens early, and never into a tick that has gone by.
    const tick = Math.max(Math.ceil(at / tickMs), this.#tick + 1)
    const others = this.#ticks.get(tick)
    if (others === undefined) this.#ticks.set(tick, new Set([deadline]))
    else others.add(deadline)
    deadline.tick = tick
  }

  clear(deadline: Deadline): void {
    const others = this.#ticks.get(deadline.tick)
    if (others?.delete(deadline) && others.size === 0) this.#ticks.delete(deadline.tick)
    deadline.tick = -1
  }

  /** Calls `reached` of everything that is due, in order of time. */
  advance(now: number): void {
    const last = Math.floor(now / tickMs)
    // After a long sleep there are fewer deadlines than ticks.
    if (last - this.#tick > this.#ticks.size + 10) {
      const due = [...this.#ticks.keys()].filter((tick) => tick <= last).sort((a, b) => a - b)
      for (const tick of due) this.#reach(tick, now)
      this.#tick = Math.max(this.#tick, last)
    }
    while (this.#tick < last) this.#reach(++this.#tick, now)
  }

  #reach(tick: number, now: number): void {
    this.#tick = Math.max(this.#tick, tick)
    const due = this.#ticks.get(tick)
    if (due === undefined) return
    this.#ticks.delete(tick)
    for (const deadline of due) {
      if (deadline.tick !== tick) continue // cleared or moved by one before it
      deadline.tick = -1
      deadline.reached(now)
    }
  }
}
