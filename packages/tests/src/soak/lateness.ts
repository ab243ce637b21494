const everyMs = 2

/**
 * How late the timers of this thread are by its own doing: not more than what the thread has worked
 * since they were set, however long the machine kept it waiting.
 */
export class Lateness {
  #late: number[] = []

  constructor() {
    const set = () => {
      const dueAt = performance.now() + everyMs
      const before = process.threadCpuUsage()
      setTimeout(() => {
        const { user, system } = process.threadCpuUsage(before)
        const late = Math.max(0, performance.now() - dueAt)
        this.#late.push(Math.min(late, (user + system) / 1_000))
        set()
      }, everyMs).unref()
    }
    set()
  }

  /** In milliseconds, since it was asked last. */
  take(): { p99: number; most: number } {
    const late = this.#late.sort((a, b) => a - b)
    this.#late = []
    return { p99: late[Math.floor(late.length * 0.99)] ?? 0, most: late.at(-1) ?? 0 }
  }
}
