/** Runs a few tasks at a time and lets a limited number wait, in order. */
export class Turns {
  readonly #maximumRunning: number
  readonly #maximumWaiting: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(maximumRunning: number, maximumWaiting: number) {
    this.#maximumRunning = maximumRunning
    this.#maximumWaiting = maximumWaiting
  }

  /** Undefined when too many wait already. */
  take<T>(task: () => Promise<T>): Promise<T> | undefined {
    if (this.#running < this.#maximumRunning) {
      this.#running++
      return this.#run(task)
    }
    if (this.#waiting.length >= this.#maximumWaiting) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    return promise.then(() => this.#run(task))
  }

  async #run<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } finally {
      // The turn is handed on, so that no newcomer takes it in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
