import { pause } from '../deadline.ts'
import { freePort } from '../free-port.ts'
import type { Counts } from '../model/checker.ts'
import type { Violation } from '../model/violation.ts'
import { Random } from '../simulation/random.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type BrokerKind, BrokerProcess } from './broker-process.ts'
import type { Spoken } from './cast.ts'
import { keepLogs } from './kept-logs.ts'
import { Round } from './round.ts'
import { type Address, now } from './socket-client.ts'

export interface CrashOptions {
  readonly kind: BrokerKind
  readonly cycles: number
  readonly seed: number
  /** How the broker is ended. */
  readonly signal: 'SIGKILL' | 'SIGTERM'
  /** Which versions of MQTT clients speak; both when left out. */
  readonly spoken?: Spoken
  /** The longest time under load before the broker is ended; 1,500 when left out. */
  readonly loadMs?: number
  /** Where clients connect; a free port of this machine when left out. */
  readonly address?: Address
  /** Where the logs of clients are written when something is wrong. */
  readonly logs?: string
  /** Told of each line worth reading while it runs. */
  readonly say?: (line: string) => void
}

export interface FoundViolation extends Violation {
  /** The cycle after which it was found. */
  readonly cycle: number
}

export interface CrashReport {
  readonly broker: string
  readonly seed: number
  readonly cycles: number
  /** How often the broker was ended, and of these while it started. */
  readonly ends: number
  readonly endsDuringStart: number
  readonly checks: number
  readonly counts: Counts
  readonly violations: readonly FoundViolation[]
  readonly starts: { readonly meanMs: number; readonly longestMs: number }
  readonly seconds: number
}

/** After so many cycles new clients take over, so that logs do not grow without end. */
const cyclesPerRound = 8

const none: Counts = { sent: 0, acked: 0, received: 0, lost: 0, duplicated: 0, disordered: 0 }

/**
 * Ends a broker under load again and again, and checks what its clients saw. Rejects when it does
 * not start in the first place.
 */
export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  await using folder = await temporaryFolder()
  const address = options.address ?? { host: '127.0.0.1', port: await freePort() }
  await using broker = new BrokerProcess(options.kind, folder.path, address)
  return await new CrashRun(options, broker).run()
}

class CrashRun {
  readonly #options: CrashOptions
  readonly #broker: BrokerProcess
  readonly #random: Random
  readonly #violations: FoundViolation[] = []
  #counts = none
  #cycle = 0
  #checks = 0
  #endsDuringStart = 0
  #ends = 0

  constructor(options: CrashOptions, broker: BrokerProcess) {
    this.#options = options
    this.#broker = broker
    this.#random = new Random(options.seed, 'cycles')
  }

  async run(): Promise<CrashReport> {
    const since = now()
    const { kind, cycles, seed } = this.#options
    let number = 0
    await this.#broker.start()
    try {
      while (this.#cycle < cycles) await this.#runRound(++number)
    } catch (error) {
      // The broker has ended by itself, or did not start again: nothing more can be learnt.
      this.#report([{ rule: 'protocol', text: String(error), clients: [], messages: [] }])
    }
    const { starts } = this.#broker
    return {
      ...{ broker: kind.name, seed, cycles: this.#cycle, counts: this.#counts },
      ...{ ends: this.#ends, endsDuringStart: this.#endsDuringStart, checks: this.#checks },
      violations: this.#violations,
      starts: {
        meanMs: starts.reduce((sum, ms) => sum + ms, 0) / starts.length,
        longestMs: Math.max(...starts),
      },
      seconds: (now() - since) / 1_000,
    }
  }

  /** Some cycles with the same clients; ends early when something is wrong. */
  async #runRound(number: number): Promise<void> {
    const { cycles, seed, say, spoken = 'both' } = this.#options
    using round = new Round({ broker: this.#broker, seed, number, spoken })
    const last = Math.min(cycles, this.#cycle + cyclesPerRound)
    let counts = none
    let isFine = true
    try {
      while (isFine && this.#cycle < last) {
        this.#cycle++
        await this.#crash()
        // Drawn in any case, so that the next cycle does not depend on it.
        const isDrained = this.#random.chance(0.4) || this.#cycle === last
        if (!isDrained) continue
        const report = await round.check()
        this.#checks++
        counts = report.counts
        isFine = report.violations.length === 0
        this.#report(report.violations)
        if (!isFine) this.#keepLogs(round, number)
      }
    } finally {
      this.#counts = sum(this.#counts, counts)
    }
    say?.(`cycle ${this.#cycle}: ${describeCounts(this.#counts)}`)
    await round.retire()
  }

  #keepLogs({ logs }: Round, number: number): void {
    const { logs: folder, say } = this.#options
    if (folder === undefined) return
    const file = keepLogs(folder, `round-${number}`, { logs, ends: this.#broker.ends })
    say?.(`what the clients saw is in ${file}`)
  }

  /** One end and start under load, in some cycles with another end during the start. */
  async #crash(): Promise<void> {
    const random = this.#random
    await pause(random.between(50, this.#options.loadMs ?? 1_500))
    await this.#end()
    const again = random.chance(0.3)
    const isEarly = random.chance(0.5)
    const afterMs = random.between(0, 400)
    if (again && this.#options.signal === 'SIGKILL') {
      this.#endsDuringStart++
      // Before the port accepts, or just after.
      if (isEarly) this.#broker.launch()
      else await this.#broker.start()
      await pause(isEarly ? afterMs : afterMs / 20)
      await this.#end()
    }
    await this.#broker.start()
  }

  async #end(): Promise<void> {
    const { signal } = this.#options
    const outcome = await this.#broker.end(signal)
    this.#ends++
    if (signal === 'SIGKILL' || outcome === 0) return
    const text = `told to stop, it ended with ${outcome}:\n${this.#broker.output}`
    this.#report([{ rule: 'protocol', text, clients: [], messages: [] }])
  }

  #report(violations: readonly Violation[]): void {
    const said = new Map<string, number>()
    for (const violation of violations) {
      const found = { ...violation, cycle: this.#cycle }
      this.#violations.push(found)
      const like = `${found.rule} ${found.text.replaceAll(/[\d.]+/g, '')}`
      said.set(like, (said.get(like) ?? 0) + 1)
      if ((said.get(like) ?? 0) <= shownAlike) this.#options.say?.(describeViolation(found))
    }
    const more = [...said.values()].reduce((sum, n) => sum + Math.max(0, n - shownAlike), 0)
    if (more > 0) this.#options.say?.(`and ${more} more violations of the same kinds`)
  }
}

function sum(a: Counts, b: Counts): Counts {
  return {
    sent: a.sent + b.sent,
    acked: a.acked + b.acked,
    received: a.received + b.received,
    lost: a.lost + b.lost,
    duplicated: a.duplicated + b.duplicated,
    disordered: a.disordered + b.disordered,
  }
}

export function describeCounts(counts: Counts): string {
  const { sent, acked, received, lost, duplicated, disordered } = counts
  return `sent ${sent}, acked ${acked}, received ${received}, lost ${lost}, duplicated ${duplicated}, disordered ${disordered}`
}

/** Of one kind after one check; the report has all. */
const shownAlike = 4

/** Enough to find them in a log; the JSON has all. */
const shownMessages = 12

export function describeViolation({ rule, text, clients, messages, cycle }: FoundViolation) {
  const more = messages.length - shownMessages
  const names = messages.slice(0, shownMessages).join(' ') + (more > 0 ? ` and ${more} more` : '')
  const of = clients.length > 0 ? ` (${clients.slice(0, 4).join(', ')})` : ''
  return `VIOLATION of ${rule}, cycle ${cycle}: ${text}${of}${names === '' ? '' : `: ${names}`}`
}
