import type { Transport, TransportEvents } from '@busbar/broker/testing'
import { type Line, Pipe } from './pipe.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** The client's side of a connection. */
export interface ClientEnd {
  received(bytes: Uint8Array): void
  /** `isOrderly`: the broker has closed it because of what the client has sent. */
  ended(isOrderly: boolean): void
}

export interface ConnectionOptions {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly client: ClientEnd
  /** Bytes that the systems on both sides hold before the broker's writes pend. */
  readonly windowBytes: number
  readonly line: Line
  readonly closeTimeoutMs: number
  /** What the broker writes may be changed on its way. */
  readonly tamper?: ((bytes: Uint8Array) => Uint8Array) | undefined
}

/** Lent to the broker for one call, so that a view that is kept shows. */
const scratch = new Uint8Array(1 << 20)
const scribble = 0xa5

/** One Network Connection of the simulation: two pipes, with the broker and a client at its ends. */
export class SimulatedConnection implements Transport {
  readonly address = 'simulated'
  readonly #options: ConnectionOptions
  readonly #up: Pipe
  readonly #down: Pipe
  #events: TransportEvents | undefined
  #hasPending = false
  #isClientGone = false
  #isBrokerGone = false
  /** The last that the client sent has made the broker end the connection. */
  #isEndedByClient = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { scheduler, random, line } = options
    this.#up = new Pipe(scheduler, random, line, (bytes) => this.#reachBroker(bytes))
    this.#down = new Pipe(scheduler, random, line, (bytes) => this.#reachClient(bytes))
  }

  /** The broker has accepted it. */
  accepted(events: TransportEvents): void {
    this.#events = events
  }

  get isOpen(): boolean {
    return !this.#isClientGone || !this.#isBrokerGone
  }

  get isQuiet(): boolean {
    return !this.isOpen || this.#up.bytes + this.#down.bytes === 0
  }

  // the client's side

  send(bytes: Uint8Array): void {
    if (this.#isClientGone) return
    this.#isEndedByClient = false // the broker has not seen this
    this.#up.push(bytes)
  }

  /** The client closes; what it has sent still arrives. */
  close(): void {
    if (this.#isClientGone) return
    this.#isClientGone = true
    this.#down.cut()
    this.#up.end(() => this.#brokerSees())
  }

  /** The client gives the connection up: what has not arrived never will. */
  reset(brokerAfterMs: number): void {
    if (this.#isClientGone) return
    this.#isClientGone = true
    this.#up.cut()
    this.#down.cut()
    this.#options.scheduler.after(brokerAfterMs, () => this.#brokerSees())
  }

  /** The client listens no longer, and the broker does not know. */
  abandon(): void {
    this.#isClientGone = true
  }

  // the network's

  /** Cut at any byte; each side is told in its own time. */
  cut(clientAfterMs: number, brokerAfterMs: number): void {
    this.#up.cut()
    this.#down.cut()
    const { scheduler } = this.#options
    scheduler.after(clientAfterMs, () => this.#clientSees(false))
    scheduler.after(brokerAfterMs, () => this.#brokerSees())
  }

  /** Nothing arrives for a time, in one direction or both. */
  stall(direction: 'up' | 'down' | 'both', ms: number): void {
    if (direction !== 'down') this.#up.block('stall')
    if (direction !== 'up') this.#down.block('stall')
    this.#options.scheduler.after(ms, () => this.heal())
  }

  heal(): void {
    this.#up.unblock('stall')
    this.#down.unblock('stall')
    this.#down.unblock('slow')
  }

  /** The client does not read for a time. */
  stopReading(ms: number): void {
    this.#down.block('slow')
    this.#options.scheduler.after(ms, () => this.#down.unblock('slow'))
  }

  /** The broker's process has died. */
  brokerDied(clientAfterMs: number): void {
    this.#isBrokerGone = true
    this.#up.cut()
    this.#down.cut()
    this.#options.scheduler.after(clientAfterMs, () => this.#clientSees(false))
  }

  // the broker's side

  get pendingBytes(): number {
    return Math.max(0, this.#down.bytes - this.#options.windowBytes)
  }

  write(bytes: Uint8Array): void {
    if (this.#isBrokerGone) return
    this.#down.push(this.#options.tamper?.(bytes) ?? bytes)
    if (this.pendingBytes > 0) this.#hasPending = true
  }

  pause(): void {
    this.#up.block('pause')
  }

  resume(): void {
    this.#up.unblock('pause')
  }

  end(): void {
    if (this.#isBrokerGone) return
    this.#isBrokerGone = true
    this.#down.end(() => this.#clientSees(this.#isEndedByClient))
    const { scheduler, closeTimeoutMs } = this.#options
    scheduler.after(closeTimeoutMs, () => {
      this.#down.cut()
      this.#clientSees(false)
    })
  }

  destroy(): void {
    if (this.#isBrokerGone) return
    this.#isBrokerGone = true
    this.#down.cut()
    this.#clientSees(false)
  }

  #clientSees(isOrderly: boolean): void {
    if (this.#isClientGone) return
    this.#isClientGone = true
    this.#up.cut()
    this.#options.client.ended(isOrderly)
  }

  #brokerSees(): void {
    if (this.#isBrokerGone) return
    this.#isBrokerGone = true
    this.#down.cut()
    this.#events?.closed()
  }

  #reachBroker(bytes: Uint8Array): void {
    const events = this.#events
    if (this.#isBrokerGone || events === undefined) return
    const wasConnected = stateOf(events) === 'connected'
    const view = scratch.subarray(0, bytes.length)
    view.set(bytes)
    events.receive(view)
    view.fill(scribble)
    const isEnd = wasConnected && stateOf(events) === 'ended'
    if (isEnd && this.#up.bytes === 0) this.#isEndedByClient = true
  }

  #reachClient(bytes: Uint8Array): void {
    if (!this.#isClientGone) this.#options.client.received(bytes)
    if (!this.#hasPending || this.pendingBytes > 0 || this.#isBrokerGone) return
    this.#hasPending = false
    this.#events?.drained()
  }
}

/** What the core makes of the connection. */
function stateOf(events: TransportEvents): unknown {
  return 'state' in events ? events.state : undefined
}
