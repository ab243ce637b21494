import { ReasonCode } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { peerNetwork } from './ip-address.ts'
import type { Log } from './log.ts'
import type { Statistics } from './statistics.ts'
import { bucketOf, type TokenBucket } from './token-bucket.ts'

/** A connection that was let in as far as its CONNECT. */
export interface Entry {
  /** What its CONNECT is answered with; undefined: it is welcome. */
  readonly refusal: Refusal | undefined
  /** To be called once, when it has closed. */
  leave(): void
  /** Of a connection that a worker holds: what it is called by both. */
  readonly slot?: number
}

/** A Reason Code of CONNACK, and why. */
export interface Refusal {
  readonly reasonCode: number
  readonly reason: string
}

/** What counts for one address, or one network of addresses; the entry of all its connections that are welcome. */
class Neighbour implements Entry {
  readonly refusal = undefined
  open = 0
  rate: TokenBucket | undefined
  readonly #admission: Admission

  constructor(admission: Admission) {
    this.#admission = admission
  }

  enter(): this {
    this.open++
    this.#admission.entered(1)
    return this
  }

  leave(): void {
    this.open--
    this.#admission.entered(-1)
  }
}

export interface AdmissionOptions {
  readonly limits: () => Config['limits']
  readonly clock: Clock
  readonly statistics: Statistics
  readonly log: Log
  /** There is always enough when left out. */
  readonly memory?: { readonly isShort: boolean }
}

/** Refused connections that may wait for their CONNECT, to be told why; more are closed at once. */
const refusedAtOnce = 1_000

/** Between two lines about the same reason. */
const silenceMs = 10_000

/** Once this many addresses are remembered, those that are as good as new are forgotten. */
const sweepAt = 10_000

/**
 * Who may open a connection. What is under way goes before what is new: where the broker, or one
 * address, has enough, new connections are told so, or closed when even that would cost too much.
 */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #neighbours = new Map<string, Neighbour>()
  /** Those who have no address. */
  readonly #strangers = new Neighbour(this)
  readonly #told = new Map<string, { at: number; count: number }>()
  #rate: TokenBucket | undefined
  #open = 0
  #refused = 0
  #sweepAt = sweepAt
  #lateTicks = 0

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  /**
   * Asks for a connection from `address`, such as `192.0.2.1:51234`. Undefined: it is to be closed
   * at once. `isCostly`: there is a handshake before CONNECT that a refused one shall not have.
   */
  enter(address: string, { isCostly = false } = {}): Entry | undefined {
    const now = this.#options.clock.now()
    const network = peerNetwork(address)
    const neighbour = network === undefined ? undefined : this.#neighbour(network, now)
    const refusal = this.#refusal(neighbour, now)
    if (refusal !== undefined) {
      this.#tell(refusal.reason, address, now)
      if (isCostly || refusal.isFinal || this.#refused >= refusedAtOnce) return undefined
      this.#refused++
      return { refusal, leave: () => this.#refused-- }
    }
    return (neighbour ?? this.#strangers).enter()
  }

  /** For `Neighbour` only. */
  entered(count: 1 | -1): void {
    this.#open += count
  }

  /** How late the event loop came to something that was due; to be told regularly. */
  noteLag(lagMs: number): void {
    const { overloadLagMs } = this.#options.limits()
    const isLate = overloadLagMs > 0 && lagMs > overloadLagMs
    const wasOverloaded = this.isOverloaded
    // Recovered when it has been in time for a while.
    this.#lateTicks = isLate ? calmTicks : Math.max(0, this.#lateTicks - 1)
    const { log } = this.#options
    if (isLate && !wasOverloaded) {
      log.warn('overloaded: new connections are refused', { lagMs: Math.round(lagMs) })
    } else if (wasOverloaded && !this.isOverloaded) log.info('no longer overloaded')
  }

  get isOverloaded(): boolean {
    return this.#lateTicks > 0
  }

  /** Connections that were let in and are open. */
  get open(): number {
    return this.#open
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#neighbours.size
  }

  #refusal(
    neighbour: Neighbour | undefined,
    now: number,
  ): (Refusal & { isFinal?: true }) | undefined {
    const limits = this.#options.limits()
    const { ConnectionRateExceeded, QuotaExceeded, ServerBusy } = ReasonCode
    if (this.#options.memory?.isShort === true) {
      return { reasonCode: ServerBusy, reason: 'the broker is short of memory' }
    }
    if (this.isOverloaded) return { reasonCode: ServerBusy, reason: 'the broker is overloaded' }
    const connecting = this.#open - this.#options.statistics.clientsConnected
    if (limits.connecting > 0 && connecting >= limits.connecting) {
      const reason = 'too many connections that have not logged in'
      return { reasonCode: ServerBusy, reason, isFinal: true }
    }
    const perAddress = limits.connectionsPerAddress
    if (perAddress > 0 && neighbour !== undefined && neighbour.open >= perAddress) {
      return { reasonCode: QuotaExceeded, reason: 'too many connections from this address' }
    }
    if (neighbour !== undefined && !takeOne(neighbour, limits.connectRatePerAddress, now)) {
      const reason = 'too many new connections from this address'
      return { reasonCode: ConnectionRateExceeded, reason }
    }
    this.#rate = bucketOf(this.#rate, limits.connectRate, now)
    if (this.#rate?.take(1, now) === false) {
      return { reasonCode: ConnectionRateExceeded, reason: 'too many new connections' }
    }
    return undefined
  }

  #neighbour(network: string, now: number): Neighbour {
    const known = this.#neighbours.get(network)
    if (known !== undefined) return known
    if (this.#neighbours.size >= this.#sweepAt) this.#sweep(now)
    const neighbour = new Neighbour(this)
    this.#neighbours.set(network, neighbour)
    return neighbour
  }

  #sweep(now: number): void {
    for (const [network, { open, rate }] of this.#neighbours) {
      if (open === 0 && (rate === undefined || rate.isFull(now))) this.#neighbours.delete(network)
    }
    this.#sweepAt = Math.max(sweepAt, 2 * this.#neighbours.size)
  }

  #tell(reason: string, address: string, now: number): void {
    this.#options.statistics.connectionsRefused++
    const told = this.#told.get(reason)
    if (told !== undefined && now - told.at < silenceMs) {
      told.count++
      return
    }
    this.#told.set(reason, { at: now, count: 0 })
    const before = told === undefined || told.count === 0 ? undefined : told.count
    this.#options.log.warn('connections refused', { reason, address, alsoBefore: before })
  }
}

/** Ticks of the rim without lag until new connections are let in again: about a second. */
const calmTicks = 10

function takeOne(neighbour: Neighbour, perSecond: number, now: number): boolean {
  neighbour.rate = bucketOf(neighbour.rate, perSecond, now)
  return neighbour.rate?.take(1, now) ?? true
}
