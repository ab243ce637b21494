import type { Client, ClientOptions, Clock, Subscription } from '@busbar/client'
import type { ConnackFields, Peer, RawServer } from './raw-server.ts'

/** The cases are for both versions that the client speaks. */
export type Version = 5 | 4

/** One test of statements of the standards, run against a client. */
export interface ClientCase {
  /** `file/slug`, as in `connect/without-will`. */
  readonly id: string
  /** What the client does, in the present tense. */
  readonly title: string
  /** A run under version 5 counts for MQTT5- and U5- ids, one under 4 for MQTT3- ids. */
  readonly statements: readonly string[]
  readonly versions: readonly Version[]
  /** Throws when the client does not do what the statements ask. */
  run(trial: ClientTrial): Promise<void>
}

/** A client and the server's end of its connection, after CONNACK. */
export interface Connected {
  readonly client: Client
  readonly peer: Peer
}

/** A client with one subscription. */
export interface Subscribed extends Connected {
  readonly subscription: Subscription
}

/** One run of a case under one version; what it opens is closed when it ends. */
export interface ClientTrial {
  readonly version: Version
  readonly server: RawServer
  /** A client that begins to connect; it does not come again unless the options say so. */
  start(options?: ClientOptions): Client
  /** A client whose CONNECT was accepted. */
  connect(options?: ClientOptions, fields?: ConnackFields): Promise<Connected>
  /** The next connection of a client that comes again, after its CONNACK. */
  reconnect(fields?: ConnackFields): Promise<Peer>
  /** A client that is subscribed to `#` at QoS 2, with acknowledgements by hand. */
  subscribe(options?: ClientOptions, fields?: ConnackFields): Promise<Subscribed>
  clock(): StandingClock
}

/** A clock that moves only when it is told to. */
export class StandingClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>()

  now(): number {
    return this.#now
  }

  wallNow(): number {
    return 1_700_000_000_000 + this.#now
  }

  set(run: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return timer
  }

  clear(timer: unknown): void {
    this.#timers.delete(timer as { at: number; run: () => void })
  }

  /** Lets time pass, and runs every timer that is due when it is due. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end)
      const [next] = due.toSorted((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = end
  }
}
