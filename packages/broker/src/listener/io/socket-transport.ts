import type { Member } from '../../members.ts'
import type { Transport, TransportEvents } from '../../transport.ts'
import { Output } from './output.ts'

/** Where in an array something is. */
export interface Part {
  readonly start: number
  readonly end: number
}

/**
 * What a back end does for a socket. None of it but `readNow` calls the socket back before it has
 * returned.
 */
export interface Driver {
  /**
   * Sends part of `bytes` before the turn is over, and keeps a copy in the output of the socket of
   * what the system does not take.
   */
  write(socket: SocketTransport, bytes: Uint8Array, part: Part): void
  /** Sends what it has put off to the end of the turn. */
  flush(socket: SocketTransport): void
  /** The socket wants to be read again. */
  resume(socket: SocketTransport): void
  /** Reads from the socket before its turn. */
  readNow?(socket: SocketTransport): void
  /** Says to the peer that nothing more will come. */
  finish(socket: SocketTransport): void
  /** Closes the descriptor and forgets the socket. */
  close(socket: SocketTransport): void
}

/** After the last byte was sent: for the peer's end, so that an early reset does not eat bytes. */
const lingerMs = 500

/** Shared by all sockets that have nothing in it. */
const nothing = new Output()

/** What is known of a connection that has just been accepted. */
export interface SocketOptions {
  readonly descriptor: number
  readonly address: string
  readonly closeTimeoutMs: number
}

/** A connection whose system calls are ours: its life, whichever back end makes the calls. */
export class SocketTransport implements Transport, Member {
  readonly descriptor: number
  readonly address: string
  /** What the system has not taken; nothing at all, nearly always. */
  output = nothing
  /** The system has refused part of the output; whoever set this says `sent` later. */
  isBlocked = false
  /** Nothing is to be handed over. */
  isPaused = false
  /** The peer has said its last word: there is nothing to read any more. */
  hasPeerEnded = false
  /** Among the open ones of its listener. */
  place = -1
  // for the back end
  /** Some of its bytes leave at the end of the turn. */
  isStaged = false
  /** Sends so much at a time that it is read by itself. */
  isBulk = false
  slot = 0
  generation = 0
  readonly #driver: Driver
  readonly #closeTimeoutMs: number
  readonly #closed: (socket: SocketTransport) => void
  #events: TransportEvents | undefined
  /** `failed`: nothing can be sent any more, and there may be something to be read. */
  #state: 'open' | 'failed' | 'ending' | 'closed' = 'open'
  #hasFinished = false
  #deadline: NodeJS.Timeout | undefined

  constructor(options: SocketOptions, driver: Driver, closed: (socket: SocketTransport) => void) {
    this.descriptor = options.descriptor
    this.address = options.address
    this.#closeTimeoutMs = options.closeTimeoutMs
    this.#driver = driver
    this.#closed = closed
  }

  /** Passes on what happens to the core. */
  start(events: TransportEvents): void {
    this.#events = events
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** What comes is for the core. */
  get #isRead(): boolean {
    return this.#state === 'open' || this.#state === 'failed'
  }

  /** Somebody waits to hear that the output is empty. */
  get awaitsSent(): boolean {
    return this.isBlocked || this.#state === 'ending'
  }

  get pendingBytes(): number {
    return this.isBlocked ? this.output.length : 0
  }

  write(bytes: Uint8Array): void {
    this.writePart(bytes, 0, bytes.length)
  }

  writePart(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === 'open' && end > start) this.#driver.write(this, bytes, { start, end })
  }

  pause(): void {
    // The back end notices when something comes, so that a short pause costs nothing.
    if (this.#isRead) this.isPaused = true
  }

  resume(): void {
    if (!this.isPaused || this.#state === 'closed') return
    this.isPaused = false
    this.#driver.resume(this)
  }

  readNow(): void {
    if (!this.#isRead || this.isPaused || this.hasPeerEnded) return
    this.#driver.readNow?.(this)
  }

  end(isHeard = false): void {
    if (this.#state === 'failed') return this.destroy()
    if (this.#state !== 'open') return
    if (isHeard) {
      this.#driver.flush(this)
      if (this.output.length === 0) return this.destroy()
    }
    this.#state = 'ending'
    this.#closeWithin(this.#closeTimeoutMs)
    // Reads on, and throws away, to see the peer's end.
    this.resume()
    this.#driver.flush(this)
    if (this.output.length === 0) this.#finish()
  }

  destroy(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#deadline)
    this.output.clear()
    this.isBlocked = false
    this.#driver.close(this)
    queueMicrotask(() => {
      this.#closed(this)
      this.#events?.closed()
    })
  }

  /** Closes at once unless it is closing already. */
  abandon(): void {
    if (this.#isRead) this.destroy()
  }

  /** Adds to what waits to be sent. */
  keep(bytes: Uint8Array): void {
    if (this.output === nothing) this.output = new Output()
    this.output.push(bytes)
  }

  // What the back end has to tell.

  /** Bytes that arrived, valid during the call only. */
  received(bytes: Uint8Array): void {
    if (this.#isRead) this.#events?.receive(bytes)
  }

  /** Bytes that arrived in part of an array that stays as it is until `endTurn` is called. */
  receivedPart(bytes: Uint8Array, start: number, end: number): void {
    const events = this.#events
    if (!this.#isRead || events === undefined) return
    if (events.receivePart === undefined) events.receive(bytes.subarray(start, end))
    else events.receivePart(bytes, start, end)
  }

  /** The output is empty: the system has taken what it had refused, or the last before the end. */
  sent(): void {
    const wasBlocked = this.isBlocked
    this.isBlocked = false
    if (this.#state === 'ending') this.#finish()
    else if (this.#state === 'open' && wasBlocked) this.#events?.drained()
  }

  /** The system takes nothing more. What the peer has said before is read, up to its end. */
  failed(): void {
    if (this.#state !== 'open' || this.isPaused || this.hasPeerEnded) return this.destroy()
    this.#state = 'failed'
    this.output.clear()
    this.isBlocked = false
    this.#closeWithin(this.#closeTimeoutMs)
  }

  /** The peer has ended; what is left to be sent may take no longer than ours would. */
  ended(): void {
    if (this.hasPeerEnded || this.#state === 'closed') return
    this.hasPeerEnded = true
    if (this.#state === 'open') {
      this.#state = 'ending'
      this.#closeWithin(this.#closeTimeoutMs)
      this.#driver.flush(this)
    }
    if (this.output.length === 0) this.destroy()
  }

  #finish(): void {
    if (this.hasPeerEnded) return this.destroy()
    if (this.#hasFinished || this.isClosed) return
    this.#hasFinished = true
    this.#driver.finish(this)
    this.#closeWithin(lingerMs)
  }

  #closeWithin(milliseconds: number): void {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.destroy(), milliseconds)
  }
}
