import type { Config } from '@busbar/broker'
import { type Counts, check } from '../model/checker.ts'
import type { ClientLog } from '../model/log.ts'
import type { Violation } from '../model/violation.ts'
import { Actor, type World } from './actor.ts'
import { type ClientEnd, SimulatedConnection } from './connection.ts'
import { Disk } from './disk.ts'
import { inspect, type RunEnd } from './inspect.ts'
import { BrokerProcess, configOf, type Mutation } from './process.ts'
import { type FaultKind, faultKinds, makeProfile, makeTraits, type Profile } from './profile.ts'
import { Random } from './random.ts'
import { beginning, Scheduler } from './scheduler.ts'

export interface SimulationOptions {
  readonly seed: number
  /** Less than the seed asks for. */
  readonly clients?: number
  readonly durationMs?: number
  readonly faults?: ReadonlySet<FaultKind>
  readonly mutation?: Mutation
}

/** Something that happened to the broker or the network. */
export interface Note {
  readonly at: number
  readonly text: string
}

export interface Run {
  readonly options: SimulationOptions
  readonly violations: readonly Violation[]
  readonly counts: Counts
  readonly logs: readonly ClientLog[]
  readonly notes: readonly Note[]
  readonly clients: number
  readonly durationMs: number
  readonly faults: ReadonlyMap<FaultKind, number>
  readonly packets: number
  readonly simulatedMs: number
}

/** Runs one seed to its end and checks it. */
export async function simulate(options: SimulationOptions): Promise<Run> {
  const simulation = new Simulation(options)
  return simulation.run()
}

const drainStepMs = 100
const mostStuckSteps = 1_200
const mostSteps = 10_000
const quietSteps = 15
const longestWillDelayMs = 5_000

class Simulation implements World {
  readonly scheduler = new Scheduler()
  readonly #options: SimulationOptions
  readonly #random: Random
  readonly #profile: Profile
  readonly #config: Config
  readonly #kinds: ReadonlySet<FaultKind>
  readonly #disk: Disk
  readonly #actors: Actor[] = []
  readonly #notes: Note[] = []
  readonly #failures: string[] = []
  readonly #faults = new Map<FaultKind, number>()
  readonly #crashes: number[] = []
  readonly #wallJumps: { at: number; ms: number }[] = []
  readonly #ledger = new Map<string, number>()
  #process: BrokerProcess
  #starting: Promise<void> | undefined
  #connections = 0
  #packets = 0
  #isCalm = false

  constructor(options: SimulationOptions) {
    this.#options = options
    const { seed } = options
    this.#kinds = options.faults ?? new Set(faultKinds)
    this.#random = new Random(seed, 'simulation')
    const profile = makeProfile(new Random(seed, 'profile'), this.#kinds)
    const durationMs = Math.min(profile.durationMs, options.durationMs ?? profile.durationMs)
    const clients = Math.min(profile.clients, options.clients ?? profile.clients)
    this.#profile = { ...profile, durationMs, clients }
    this.#config = configOf(this.#profile)
    this.#disk = new Disk(this.scheduler, new Random(seed, 'disk'), profile.syncMs)
    this.#process = this.#newProcess()
    for (let i = 1; i <= clients; i++) {
      const random = new Random(seed, `client ${i}`)
      const traits = makeTraits(random, `c${i}`, profile.thinkMs)
      this.#actors.push(new Actor(this, random, traits))
    }
  }

  async run(): Promise<Run> {
    this.#starting = this.#process.start()
    for (const actor of this.#actors) actor.live()
    this.#failLater()
    await this.#advance(this.#profile.durationMs)
    this.#calmDown()
    await this.#advance(1)
    const end = await this.#drain()
    this.#countLosses()
    const { counts, violations } = check(end.logs, {
      crashes: this.#crashes,
      wallJumps: this.#wallJumps,
      ledger: this.#ledger,
      hadNoRoom: this.#disk.hadNoRoom,
      ...(end.retained === undefined ? {} : { retained: end.retained }),
    })
    this.#countPackets()
    const failures = this.#failures.map((text): Violation => {
      return { rule: 'broker', text, clients: [], messages: [] }
    })
    return {
      options: this.#options,
      violations: [...failures, ...violations, ...end.violations],
      counts,
      logs: end.logs,
      notes: this.#notes,
      clients: this.#profile.clients,
      durationMs: this.#profile.durationMs,
      faults: this.#faults,
      packets: this.#packets,
      simulatedMs: this.scheduler.now - beginning,
    }
  }

  open(client: ClientEnd): SimulatedConnection | undefined {
    const { scheduler } = this
    if (!this.#process.isUp) return undefined
    const random = new Random(this.#options.seed, `connection ${++this.#connections}`)
    const connection = new SimulatedConnection({
      scheduler,
      random,
      client,
      windowBytes: random.pick([0, 2_000, 64_000]),
      line: { latencyMs: random.pick([0.1, 1, 10, 60]), splits: random.pick([0, 0.05, 0.4]) },
      closeTimeoutMs: this.#config.limits.closeTimeoutSeconds * 1_000,
      tamper: this.#options.mutation?.written,
    })
    this.#process.accept(connection)
    return connection
  }

  mayFail(kind: FaultKind): boolean {
    if (this.#isCalm || !this.#kinds.has(kind)) return false
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1)
    return true
  }

  #newProcess(): BrokerProcess {
    return new BrokerProcess({
      scheduler: this.scheduler,
      random: new Random(this.#options.seed, 'broker'),
      disk: this.#disk,
      config: this.#config,
      mutation: this.#options.mutation ?? {},
      failed: (text) => {
        // A group that finds no room is no failure of the broker.
        if (!text.includes('no room on the disk')) this.#failures.push(text)
      },
    })
  }

  async #advance(ms: number): Promise<void> {
    const until = this.scheduler.now + ms
    do {
      if (this.#starting !== undefined) {
        await this.#starting
        this.#starting = undefined
      }
    } while (this.scheduler.step(until))
  }

  #failLater(): void {
    this.scheduler.after(this.#random.around(this.#profile.faultEveryMs), () => {
      if (this.#isCalm) return
      this.#fail()
      this.#failLater()
    })
  }

  #fail(): void {
    const random = this.#random
    const what = random.below(100)
    if (what < 30) this.#failConnection('cut')
    else if (what < 45) this.#failConnection('half-open')
    else if (what < 70) this.#failConnection('stall')
    else if (what < 80) this.#crash()
    else if (what < 86) this.#slowDisk()
    else if (what < 91) this.#fillDisk()
    else if (what < 95) this.#jump()
    else this.#pause()
  }

  #failConnection(kind: 'cut' | 'half-open' | 'stall'): void {
    const random = this.#random
    const open = [...this.#process.connections].filter(({ isOpen }) => isOpen)
    const connection = open[random.below(open.length)]
    if (connection === undefined || !this.mayFail(kind)) return
    this.#note(kind)
    if (kind === 'cut') connection.cut(random.around(50), random.around(50))
    else if (kind === 'half-open') connection.cut(random.around(800), random.around(20_000))
    else connection.stall(random.pick(['up', 'down', 'both']), random.around(2_000))
  }

  #crash(): void {
    if (!this.#process.isUp || !this.mayFail('crash')) return
    this.#note('crash')
    this.#countLosses()
    this.#countPackets()
    this.#crashes.push(this.scheduler.now)
    this.#process.crash()
    const downMs = this.#random.pick([0, 10, 200, 3_000])
    this.scheduler.after(this.#random.around(downMs), () => this.#restart())
  }

  #restart(): void {
    this.#note('restart')
    this.#crashes.push(this.scheduler.now)
    this.#process = this.#newProcess()
    this.#starting = this.#process.start()
  }

  #slowDisk(): void {
    if (!this.mayFail('slow-disk')) return
    this.#note('slow disk')
    this.#disk.syncMs = this.#profile.syncMs * 50
    this.scheduler.after(this.#random.around(800), () => {
      this.#disk.syncMs = this.#profile.syncMs
    })
  }

  #fillDisk(): void {
    if (!this.mayFail('disk-full')) return
    this.#note('disk full')
    this.#disk.isFull = true
    this.scheduler.after(this.#random.around(500), () => {
      this.#disk.isFull = false
      this.#note('room on the disk')
    })
  }

  #jump(): void {
    if (!this.mayFail('clock-jump')) return
    const ms = this.#random.pick([-1, 1]) * this.#random.pick([1_000, 3_600_000, 86_400_000])
    this.#note(`wall clock set by ${ms / 1_000} s`)
    this.scheduler.wallOffset += ms
    this.#wallJumps.push({ at: this.scheduler.now, ms })
  }

  #pause(): void {
    if (!this.mayFail('pause')) return
    this.#note('deadlines are not looked at')
    this.#process.pausedUntil = this.scheduler.now + this.#random.around(1_500)
  }

  /** No more faults; what is broken is found out by everybody. */
  #calmDown(): void {
    this.#note('calm')
    this.#isCalm = true
    this.#disk.isFull = false
    this.#disk.syncMs = this.#profile.syncMs
    if (this.#random.chance(0.3) && this.#process.isUp && this.#kinds.has('crash')) {
      this.#isCalm = false
      this.#crash()
      this.#isCalm = true
    }
    for (const connection of this.#process.connections) connection.heal()
    for (const actor of this.#actors) actor.drain()
  }

  async #drain(): Promise<RunEnd> {
    const isDrained = await this.#settle()
    // What a client is told last may come when a Will Delay Interval is over.
    await this.#attend(longestWillDelayMs)
    return inspect({
      isDrained,
      actors: this.#actors,
      core: this.#process.core,
      disk: this.#disk,
      open: (client) => this.open(client),
      attend: (ms) => this.#attend(ms),
      settle: () => this.#settle(),
      now: () => this.scheduler.now,
    })
  }

  /** Lets the clients finish; true when nothing has moved for some time. */
  async #settle(): Promise<boolean> {
    let quiet = 0
    let before = 0
    let stuckSteps = 0
    let steps = 0
    while (quiet < quietSteps && stuckSteps < mostStuckSteps && steps++ < mostSteps) {
      const isDone = await this.#attend(drainStepMs)
      const events = this.#actors.reduce((sum, actor) => sum + actor.events.length, 0)
      const isQuiet = isDone && this.#process.isUp && this.#process.store.isIdle
      quiet = isQuiet && events === before ? quiet + 1 : 0
      stuckSteps = events === before ? stuckSteps + 1 : 0
      before = events
    }
    this.#process.store.sync()
    return quiet === quietSteps
  }

  /** Time passes, and the clients do what they have to; true when nothing is left to do. */
  async #attend(ms: number): Promise<boolean> {
    let isDone = false
    for (let spent = 0; spent < ms; spent += drainStepMs) {
      await this.#advance(drainStepMs)
      isDone = this.#actors.map((actor) => actor.finish()).every(Boolean)
    }
    return isDone
  }

  /** The ledger dies with the process. */
  #countLosses(): void {
    for (const { clientIdentifier, byCause } of this.#process.core.losses.byClient()) {
      const lost = byCause.get('queue-full')?.messages ?? 0
      if (clientIdentifier === undefined || lost === 0) continue
      this.#ledger.set(clientIdentifier, (this.#ledger.get(clientIdentifier) ?? 0) + lost)
    }
  }

  #countPackets(): void {
    const { messagesReceived, messagesSent } = this.#process.core.statistics
    this.#packets += messagesReceived + messagesSent
  }

  #note(text: string): void {
    this.#notes.push({ at: this.scheduler.now, text })
  }
}
