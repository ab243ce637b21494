import { firstFailure } from '@busbar/protocol'
import { pause } from '../deadline.ts'
import { type Counts, check, type Report } from '../model/checker.ts'
import type { LogEvent } from '../model/log.ts'
import type { Violation } from '../model/violation.ts'
import { Actor } from './actor.ts'
import type { BrokerProcess } from './broker-process.ts'
import type { Publishing, Role } from './cast.ts'
import { keepLogs } from './kept-logs.ts'
import { now, SocketClient, type Surroundings } from './socket-client.ts'

export interface FullOptions {
  readonly broker: BrokerProcess
  readonly seed: number
  readonly number: number
  /** Makes room on the disk; when left out, receiving what is stored does. */
  readonly makeRoom: (() => void) | undefined
  /** The broker is killed, and started again, while there is no room. */
  readonly isKilled: boolean
  /** Where the logs of clients are written when something is wrong. */
  readonly logs: string | undefined
}

export interface FullReport {
  readonly counts: Counts
  readonly violations: readonly Violation[]
  /** Messages of 5.0 that were answered with Quota exceeded, or another failure. */
  readonly refused: number
  /** Connections of 3.1.1 that were closed, or not accepted, for want of room. */
  readonly closed: number
  /** QoS 0 while there was no room. */
  readonly passed: number
  readonly passedOf: number
  /** From the room to the first acknowledgement. */
  readonly recoveredMs: number
}

const lastingSeconds = 604_800
const stepMs = 5
const patienceMs = 60_000
const lateMs = 3_000

/** Fills the disk under a running broker, looks at what it does, and makes room. */
export async function runDiskFull(options: FullOptions): Promise<FullReport> {
  const scene = new Scene(options)
  try {
    return await scene.run()
  } finally {
    scene.dispose()
  }
}

class Scene {
  readonly #options: FullOptions
  readonly #around: Surroundings
  readonly #base: string
  readonly #feeders: readonly Actor[]
  readonly #pulse: Actor
  readonly #listener: Actor
  readonly #sinks: readonly SocketClient[]
  readonly #timer: NodeJS.Timeout
  readonly #violations: Violation[] = []

  constructor(options: FullOptions) {
    const { broker, seed, number } = options
    this.#options = options
    this.#base = `full-${number}`
    const run = `${seed}-full-${number}`
    this.#around = { address: broker.address, run, serving: () => broker.serving }
    const act = (role: Role) => new Actor(role, seed, this.#around)
    this.#feeders = [
      act(this.#role('feeder-5', { version: 5, publishing: feeding(this.#base, [1, 2]) })),
      act(this.#role('feeder-4', { version: 4, publishing: feeding(this.#base, [1, 2]) })),
    ]
    const pulsing = { topics: [`${this.#base}/live`], qos: [0], perSecond: 50 } as const
    const clean = { sessionExpirySeconds: 0 }
    this.#pulse = act(
      this.#role('pulse', { ...clean, publishing: { ...feeding(this.#base, [0]), ...pulsing } }),
    )
    const subscriptions = [{ filter: `${this.#base}/live`, qos: 0 as const }]
    this.#listener = act(this.#role('listener', { ...clean, subscriptions }))
    this.#sinks = ([4, 5] as const).map((version) => {
      const clientIdentifier = `${this.#base}-sink-${version}`
      return new SocketClient({ clientIdentifier, version, around: this.#around })
    })
    this.#timer = setInterval(() => {
      for (const actor of this.#actors) actor.step()
      for (const sink of this.#sinks) sink.tick()
    }, stepMs)
    // They begin when the sinks have subscribed.
    for (const feeder of this.#feeders) feeder.drain()
  }

  async run(): Promise<FullReport> {
    const { broker, isKilled, makeRoom } = this.#options
    await this.#subscribe()
    for (const feeder of this.#feeders) feeder.resume()
    await this.#until('the disk to be full', () => this.#feeders.every(wasRefused))
    const fullFrom = now()
    await pause(2_000)
    const fullTo = now()
    if (isKilled) {
      await broker.end('SIGKILL')
      await broker.start()
      await pause(500)
    }
    await broker.expectAlive()
    const roomAt = now()
    makeRoom?.()
    await this.#until('acknowledgements, now that there is room', () => {
      if (makeRoom === undefined) this.#openSinks() // they are sent away as long as there is none
      return this.#feeders.every((feeder) => firstAck(feeder, roomAt) < Number.POSITIVE_INFINITY)
    })
    const recoveredMs =
      Math.max(...this.#feeders.map((feeder) => firstAck(feeder, roomAt))) - roomAt
    await this.#drain()
    // What is on its way at the border belongs to neither side.
    const [passed, passedOf] = this.#passedBetween(fullFrom, fullTo - 100)
    if (passed < passedOf) this.#fault(`${passedOf - passed} of ${passedOf} QoS 0 did not come`)
    const report = await this.#check()
    return {
      ...{ counts: report.counts, recoveredMs, passed, passedOf },
      ...{ refused: this.#refused, closed: this.#closed },
      violations: [...this.#violations, ...report.violations],
    }
  }

  async #check(): Promise<Report> {
    const logs = [...this.#actors, ...this.#sinks].map(({ log }) => log)
    const facts = { crashes: this.#options.broker.ends, hadNoRoom: true }
    let report = check(logs, facts)
    if (report.counts.lost > 0) {
      // A second look, in case that it is only late.
      await pause(lateMs)
      report = check(logs, facts)
    }
    const { logs: folder, number, broker } = this.#options
    if (folder !== undefined && report.violations.length > 0) {
      keepLogs(folder, `full-${number}`, { logs, ends: broker.ends })
    }
    return report
  }

  dispose(): void {
    clearInterval(this.#timer)
    for (const actor of this.#actors) actor.cut()
    for (const sink of this.#sinks) sink.cut()
  }

  get #actors(): readonly Actor[] {
    return [...this.#feeders, this.#pulse, this.#listener]
  }

  #role(name: string, part: Partial<Role>): Role {
    return {
      clientIdentifier: `${this.#base}-${name}`,
      version: 5,
      sessionExpirySeconds: lastingSeconds,
      keepAliveSeconds: 0,
      receiveMaximum: undefined,
      topicAliasMaximum: 0,
      subscriptions: [],
      fickle: undefined,
      will: undefined,
      publishing: undefined,
      visits: undefined,
      lateness: 0,
      ...part,
    }
  }

  /** Both sinks subscribe and leave, so that everything has to be kept for them. */
  async #subscribe(): Promise<void> {
    this.#openSinks()
    await this.#until('the sinks', () => this.#sinks.every((sink) => sink.isConnected))
    for (const sink of this.#sinks) sink.model.subscribe(`${this.#base}/data/#`, 2, now())
    await this.#until('SUBACK', () => this.#sinks.every(({ model }) => !model.isUnfinished))
    for (const sink of this.#sinks) sink.leave()
    await this.#until('the sinks to go', () => this.#sinks.every((sink) => sink.isAway))
  }

  #openSinks(): void {
    for (const sink of this.#sinks) {
      if (sink.isAway) sink.connect({ cleanStart: false, sessionExpirySeconds: lastingSeconds })
    }
  }

  async #drain(): Promise<void> {
    for (const feeder of this.#feeders) feeder.drain()
    await this.#until('rest', () => {
      this.#openSinks() // they may have been sent away for want of room
      const heardAt = Math.max(...this.#sinks.map((sink) => sink.heardAt))
      return (
        now() - heardAt > 500 &&
        this.#feeders.every((feeder) => feeder.isSettled) &&
        this.#sinks.every((sink) => sink.isConnected && !sink.model.isUnfinished)
      )
    })
  }

  get #refused(): number {
    return count(this.#feeders[0], (event) => event.event === 'acked' && event.code >= firstFailure)
  }

  get #closed(): number {
    return count(this.#feeders[1], (event) => event.event === 'disconnected')
  }

  /** How many QoS 0 messages of a time came, and how many were sent. */
  #passedBetween(from: number, to: number): readonly [number, number] {
    const sent = this.#pulse.log.events.flatMap((event) =>
      event.event === 'sent' && event.at >= from && event.at <= to ? [event.message] : [],
    )
    const received = new Set(
      this.#listener.log.events.flatMap((event) =>
        event.event === 'received' ? [event.message] : [],
      ),
    )
    return [sent.filter((name) => received.has(name)).length, sent.length]
  }

  async #until(what: string, isTrue: () => boolean): Promise<void> {
    const end = now() + patienceMs
    while (!isTrue()) {
      await this.#options.broker.expectAlive()
      if (now() > end) return this.#fault(`waited ${patienceMs / 1_000} s for ${what}`)
      await pause(stepMs * 2)
    }
  }

  #fault(text: string): void {
    this.#violations.push({ rule: 'protocol', text, clients: [], messages: [] })
  }
}

function feeding(base: string, qos: Publishing['qos']): Publishing {
  return {
    topics: [`${base}/data/1`, `${base}/data/2`],
    qos,
    perSecond: 300,
    window: 50,
    retained: 0,
    deletes: 0,
    expiring: 0,
    paddingLimit: 12_000,
  }
}

function wasRefused(feeder: Actor): boolean {
  const isRefusal = (event: LogEvent) =>
    event.event === 'disconnected' || (event.event === 'acked' && event.code >= firstFailure)
  return count(feeder, isRefusal) > 0
}

function firstAck({ log }: Actor, since: number): number {
  const first = log.events.find(
    (event) => event.event === 'acked' && event.code < firstFailure && event.at > since,
  )
  return first?.at ?? Number.POSITIVE_INFINITY
}

function count(actor: Actor | undefined, isIt: (event: LogEvent) => boolean): number {
  return actor?.log.events.filter(isIt).length ?? 0
}
