import type { Log } from '../log.ts'
import type { Transport, TransportEvents } from '../transport.ts'

/**
 * The core's events with a last line of defence: what they throw is a defect of the broker. It
 * ends this connection, with the stack in the log, and no other. `closed` is passed on once.
 */
export function guardEvents(
  events: TransportEvents,
  transport: Transport,
  log: Log,
): TransportEvents {
  return new GuardedEvents(events, transport, log)
}

/** A class, since there is one for each connection, and closures would be five times as large. */
class GuardedEvents implements TransportEvents {
  /** Until it has closed: of a socket of `net`, Node and V8 may keep all that hangs on it for long. */
  #events: TransportEvents | undefined
  readonly #transport: Transport
  readonly #log: Log

  constructor(events: TransportEvents, transport: Transport, log: Log) {
    this.#events = events
    this.#transport = transport
    this.#log = log
  }

  receive(bytes: Uint8Array): void {
    try {
      this.#events?.receive(bytes)
    } catch (error) {
      this.#failed(error)
    }
  }

  receivePart(bytes: Uint8Array, start: number, end: number): void {
    const events = this.#events
    if (events === undefined) return
    try {
      if (events.receivePart === undefined) events.receive(bytes.subarray(start, end))
      else events.receivePart(bytes, start, end)
    } catch (error) {
      this.#failed(error)
    }
  }

  drained(): void {
    try {
      this.#events?.drained()
    } catch (error) {
      this.#failed(error)
    }
  }

  closed(): void {
    const events = this.#events
    this.#events = undefined
    try {
      events?.closed()
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    const { address } = this.#transport
    this.#log.error('defect in the broker, connection closed', { address, error })
    this.#transport.destroy()
  }
}
