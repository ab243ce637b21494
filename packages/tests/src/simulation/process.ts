import { type Config, type Log, parseConfig, silentLog } from '@busbar/broker'
import { type Core, createBroker, type Store } from '@busbar/broker/testing'
import type { SimulatedConnection } from './connection.ts'
import { type Disk, DiskStore } from './disk.ts'
import type { Profile } from './profile.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** A broken broker, made from the outside. */
export interface Mutation {
  readonly store?: (store: Store) => Store
  readonly core?: (core: Core) => void
  /** Changes what the broker writes to a connection. */
  readonly written?: (bytes: Uint8Array) => Uint8Array
}

export interface ProcessOptions {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly disk: Disk
  readonly config: Config
  readonly mutation: Mutation
  /** What the core logs as an error of its own. */
  readonly failed: (text: string) => void
}

export function configOf({ config }: Profile): Config {
  return parseConfig(config)
}

/** The deadlines of the core are met about every 100 ms. */
const tickMs = 100

/** One life of the broker: from its start to its crash. */
export class BrokerProcess {
  readonly core: Core
  readonly store: DiskStore
  readonly #options: ProcessOptions
  readonly #connections = new Set<SimulatedConnection>()
  isUp = false
  #isDead = false
  /** The process stands still: it is not given the processor. */
  pausedUntil = 0

  constructor(options: ProcessOptions) {
    this.#options = options
    const { scheduler, random, disk, config, mutation } = options
    this.store = new DiskStore(disk)
    this.core = createBroker({
      config,
      clock: { now: () => scheduler.now, wallNow: () => scheduler.wallNow() },
      random: { bytes: (count) => Uint8Array.from({ length: count }, () => random.below(256)) },
      store: mutation.store?.(this.store) ?? this.store,
      log: this.#log(),
      authenticator: { authenticate: () => ({ outcome: 'accepted', user: undefined }) },
      schedule: (endOfTurn) => this.#endTurnLater(endOfTurn),
    })
    mutation.core?.(this.core)
  }

  /** Restores what the disk has; connections are accepted from then on. */
  async start(): Promise<void> {
    await this.core.start()
    this.isUp = true
    this.#tick()
  }

  get connections(): ReadonlySet<SimulatedConnection> {
    return this.#connections
  }

  accept(connection: SimulatedConnection): void {
    for (const other of this.#connections) if (!other.isOpen) this.#connections.delete(other)
    this.#connections.add(connection)
    connection.accepted(this.core.accept(connection))
  }

  /** `kill -9`, or a power failure. */
  crash(): void {
    this.#isDead = true
    this.isUp = false
    this.store.crash()
    const { random } = this.#options
    for (const connection of this.#connections) connection.brokerDied(random.around(20))
  }

  #endTurnLater(endOfTurn: () => void): void {
    const { scheduler, random } = this.#options
    // Often at once; else what arrives in between joins the turn.
    scheduler.after(random.chance(0.5) ? 0 : random.next(), () => {
      if (!this.#isDead) endOfTurn()
    })
  }

  #tick(): void {
    const { scheduler } = this.#options
    if (this.#isDead) return
    if (scheduler.now >= this.pausedUntil) this.core.advance()
    scheduler.after(tickMs, () => this.#tick())
  }

  #log(): Log {
    const { failed } = this.#options
    return {
      ...silentLog,
      error: (event, fields) => {
        const { error } = fields ?? {}
        failed(`${event}: ${error instanceof Error ? error.stack : String(error)}`)
      },
    }
  }
}
