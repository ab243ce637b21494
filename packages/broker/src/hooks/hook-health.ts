import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { HookPoint } from './hook.ts'

/** How a hook is doing. */
export interface HookReport {
  readonly name: string
  /** How often it threw, rejected or answered what cannot be. */
  readonly failures: number
  /** How often it took too long. */
  readonly timeouts: number
}

const windowMs = 60_000

/** Counts what hooks do wrong, and names each hook and place once a minute in the log. */
export class HookHealth {
  readonly #clock: Clock
  readonly #log: Log
  readonly #reports = new Map<string, { failures: number; timeouts: number }>()
  readonly #saidAt = new Map<string, number>()

  constructor({ clock, log }: { clock: Clock; log: Log }, names: readonly string[]) {
    this.#clock = clock
    this.#log = log
    for (const name of names) this.#reports.set(name, { failures: 0, timeouts: 0 })
  }

  failed(hook: string, point: HookPoint, error: unknown): void {
    const report = this.#reports.get(hook)
    if (report !== undefined) report.failures++
    this.#say(hook, point, { failures: report?.failures, error })
  }

  timedOut(hook: string, point: HookPoint, ms: number): void {
    const report = this.#reports.get(hook)
    if (report !== undefined) report.timeouts++
    this.#say(hook, point, { timeouts: report?.timeouts, ms })
  }

  list(): readonly HookReport[] {
    return [...this.#reports].map(([name, report]) => ({ name, ...report }))
  }

  #say(hook: string, point: HookPoint, fields: Record<string, unknown>): void {
    const kind = `${hook} ${point} ${'error' in fields}`
    const now = this.#clock.now()
    const saidAt = this.#saidAt.get(kind)
    if (saidAt !== undefined && now - saidAt < windowMs) return
    this.#saidAt.set(kind, now)
    const event = 'error' in fields ? 'hook failed' : 'hook took too long'
    this.#log.error(event, { hook, point, ...fields })
  }
}
