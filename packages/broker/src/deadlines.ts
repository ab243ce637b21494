/** Deadlines are met within one tick. */
const tickMs = 100

/** What can be in one of the lists of the wheel, or is the head of one. */
class Link {
  /** The tick it waits for; -1 while it is not set. */
  tick = -1
  next: Link | undefined
  previous: Link | undefined
}

/**
 * Something that happens at a time unless it is cleared. Extended by what would own one anyway: an
 * object of its own for each connection and each Session would be memory for nothing.
 */
export abstract class Timed extends Link {
  abstract reached(now: number): void
}

/** One that calls a function. Owned by whoever made it. */
export class Deadline extends Timed {
  readonly #reached: (now: number) => void

  constructor(reached: (now: number) => void) {
    super()
    this.#reached = reached
  }

  reached(now: number): void {
    this.#reached(now)
  }
}

/**
 * All deadlines of a broker in one wheel, so that no connection and no session owns a timer. Has no
 * clock: `advance` is told the time.
 */
export class Deadlines {
  /** For each tick the head of a ring of what is due then, in the order in which it was set. */
  readonly #ticks = new Map<number, Link>()
  #tick: number

  constructor(now: number) {
    this.#tick = Math.floor(now / tickMs)
  }

  /** Sets or moves a deadline to `at` milliseconds; Infinity clears it. */
  set(deadline: Timed, at: number): void {
    this.clear(deadline)
    if (at === Number.POSITIVE_INFINITY) return
    // Rounded up, so that nothing happens early, and never into a tick that has gone by.
    const tick = Math.max(Math.ceil(at / tickMs), this.#tick + 1)
    const head = this.#ticks.get(tick) ?? this.#begin(tick)
    const last = head.previous as Link
    deadline.tick = tick
    deadline.previous = last
    deadline.next = head
    last.next = deadline
    head.previous = deadline
  }

  clear(deadline: Timed): void {
    const { tick, next, previous } = deadline
    if (next === undefined || previous === undefined) return
    previous.next = next
    next.previous = previous
    deadline.next = undefined
    deadline.previous = undefined
    deadline.tick = -1
    if (next === previous) this.#ticks.delete(tick) // it was the last, this is the head
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

  #begin(tick: number): Link {
    const head = new Link()
    head.next = head
    head.previous = head
    this.#ticks.set(tick, head)
    return head
  }

  #reach(tick: number, now: number): void {
    this.#tick = Math.max(this.#tick, tick)
    const head = this.#ticks.get(tick)
    if (head === undefined) return
    // What is cleared or moved by one before it is not in the ring any more.
    for (let next = head.next; next instanceof Timed; next = head.next) {
      this.clear(next)
      next.reached(now)
    }
  }
}
