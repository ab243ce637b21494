interface Due {
  readonly at: number
  readonly order: number
  readonly work: () => void
}

/** When every run begins, in milliseconds. */
export const beginning = 1_000_000

/** Everything that is to happen, by virtual time; what is due at the same time keeps its order. */
export class Scheduler {
  now = beginning
  /** Of the wall clock against `now`. */
  wallOffset = 1_700_000_000_000
  readonly #heap: Due[] = []
  #order = 0

  wallNow(): number {
    return this.now + this.wallOffset
  }

  after(ms: number, work: () => void): void {
    const due = { at: this.now + ms, order: this.#order++, work }
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(due, heap[parent] as Due)) break
      heap[at] = heap[parent] as Due
      at = parent
    }
    heap[at] = due
  }

  /** Does what is due next; false when nothing is, or nothing until then. */
  step(until: number): boolean {
    const first = this.#heap[0]
    if (first === undefined || first.at > until) {
      this.now = Math.max(this.now, until)
      return false
    }
    const last = this.#heap.pop() as Due
    if (this.#heap.length > 0) this.#sink(last)
    this.now = first.at
    first.work()
    return true
  }

  #sink(due: Due): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, heap[child] as Due)) child++
      if (!isBefore(heap[child] as Due, due)) break
      heap[at] = heap[child] as Due
      at = child
    }
    heap[at] = due
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
