import { pause } from '../deadline.ts'
import { check, type Report } from '../model/checker.ts'
import type { ClientLog, LogEvent } from '../model/log.ts'
import type { MessageName } from '../model/payload.ts'
import type { Violation } from '../model/violation.ts'
import { Random } from '../simulation/random.ts'
import { Actor } from './actor.ts'
import type { BrokerProcess } from './broker-process.ts'
import { drawCast, type Spoken } from './cast.ts'
import { now, SocketClient, type Surroundings } from './socket-client.ts'

export interface RoundOptions {
  readonly broker: BrokerProcess
  readonly seed: number
  readonly number: number
  readonly spoken: Spoken
}

const stepMs = 5

/** So long nothing may come before everything is said to have come. */
const quietMs = 300

/** What has not come by then will not come. */
const drainMs = 60_000

/** A second look at what seems lost: a busy machine may be late. */
const patienceMs = 3_000

/** One cast of clients, from their first connection until their Sessions are given up. */
export class Round implements Disposable {
  readonly #broker: BrokerProcess
  readonly #around: Surroundings
  readonly #base: string
  readonly #spoken: Spoken
  readonly #actors: readonly Actor[]
  readonly #probes: ClientLog[] = []
  readonly #since = now()
  readonly #timer: NodeJS.Timeout

  constructor({ broker, seed, number, spoken }: RoundOptions) {
    this.#broker = broker
    this.#spoken = spoken
    this.#base = `crash-${number}`
    const { address } = broker
    const run = `${seed}-${number}`
    this.#around = { address, run, serving: () => broker.serving }
    const roles = drawCast(new Random(seed, this.#base), this.#base, spoken)
    this.#actors = roles.map((role) => new Actor(role, seed, this.#around))
    this.#timer = setInterval(() => {
      for (const actor of this.#actors) actor.step()
    }, stepMs)
  }

  /** Lets everything arrive, checks the logs, and lets the clients go on. */
  async check(): Promise<Report> {
    const stuck = await this.#drain()
    const retained = await this.#readRetained()
    let report = this.#check(retained)
    if (report.counts.lost > 0) {
      await pause(patienceMs)
      report = this.#check(retained)
    }
    for (const actor of this.#actors) actor.resume()
    return { ...report, violations: [...stuck, ...report.violations] }
  }

  get logs(): readonly ClientLog[] {
    return [...this.#actors.map(({ log }) => log), ...this.#probes]
  }

  /** Ends all Sessions; bounded, as a broker that fails at this has been found out before. */
  async retire(): Promise<void> {
    for (const actor of this.#actors) actor.retire()
    const end = now() + 10_000
    while (now() < end && this.#actors.some((actor) => !actor.isOver)) await pause(stepMs)
    await pause(50)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    for (const actor of this.#actors) actor.cut()
  }

  #check(retained: ReadonlyMap<string, MessageName>): Report {
    const crashes = this.#broker.ends.filter((at) => at >= this.#since)
    return check(this.logs, { crashes, retained })
  }

  /** Resolves when nothing is on its way any more; returns who does not come to rest. */
  async #drain(): Promise<readonly Violation[]> {
    for (const actor of this.#actors) actor.drain()
    const end = now() + drainMs
    let restingSince = now()
    while (now() - restingSince < quietMs) {
      await this.#broker.expectAlive()
      await pause(stepMs)
      const heardAt = Math.max(...this.#actors.map((actor) => actor.heardAt))
      const unsettled = this.#actors.filter((actor) => !actor.isSettled)
      restingSince = Math.max(restingSince, heardAt, unsettled.length > 0 ? now() : 0)
      if (now() < end) continue
      return unsettled.map((actor): Violation => {
        const text = `no rest ${drainMs / 1_000} s after the last message: ${actor.state}`
        return { rule: 'protocol', text, clients: [actor.role.clientIdentifier], messages: [] }
      })
    }
    return []
  }

  /** What a new subscriber is told is retained. */
  async #readRetained(): Promise<ReadonlyMap<string, MessageName>> {
    const retained = new Map<string, MessageName>()
    let heardAt = Number.POSITIVE_INFINITY
    const watch = (event: LogEvent) => {
      heardAt = now()
      if (event.event === 'connected') probe.model.subscribe(`${this.#base}/#`, 2, now())
      if (event.event === 'received' && event.retain) retained.set(event.topicName, event.message)
    }
    const clientIdentifier = `${this.#base}-probe-${this.#probes.length}`
    const version = this.#spoken === 'both' ? 5 : 4
    const probe = new SocketClient({ clientIdentifier, version, around: this.#around, watch })
    this.#probes.push(probe.log)
    probe.connect({ cleanStart: true, sessionExpirySeconds: 0 })
    const end = now() + drainMs
    const isDone = () =>
      probe.isConnected && !probe.model.isUnfinished && now() - heardAt >= quietMs
    while (now() < end && !isDone()) await pause(stepMs)
    probe.leave()
    while (now() < end && !probe.isAway) await pause(stepMs)
    return retained
  }
}
