import type { Link } from '@busbar/protocol'
import { type Log, silentLog } from '../log.ts'
import type { Transport, TransportEvents } from '../transport.ts'
import { guardEvents } from './guard.ts'
import type { Accept } from './listener.ts'

/** Connects to the broker within the process and returns the client's end. */
export function connectInMemory(accept: Accept, log: Log = silentLog): Link {
  const toBroker = new Pipe()
  const toClient = new Pipe()
  const link: Link = {
    send: (bytes) => toBroker.push(bytes),
    receive: () => {},
    closed: () => {},
    close() {
      toClient.discard()
      toBroker.end()
    },
  }
  const transport = new MemoryTransport(toBroker, toClient)
  let events: TransportEvents | undefined
  toClient.deliver = (bytes) => link.receive(bytes)
  toClient.drained = () => events?.drained()
  toClient.ended = () => {
    link.closed()
    events?.closed()
  }
  toBroker.deliver = (bytes) => events?.receive(bytes)
  toBroker.ended = () => events?.closed()
  events = guardEvents(accept(transport), transport, log)
  return link
}

let connections = 0

class MemoryTransport implements Transport {
  readonly address = `memory:${++connections}`
  readonly #input: Pipe
  readonly #output: Pipe

  constructor(input: Pipe, output: Pipe) {
    this.#input = input
    this.#output = output
  }

  get pendingBytes(): number {
    return this.#output.pendingBytes
  }

  write(bytes: Uint8Array): void {
    this.#output.push(bytes)
  }

  pause(): void {
    this.#input.pause()
  }

  resume(): void {
    this.#input.resume()
  }

  end(): void {
    this.#input.drop()
    this.#output.end()
  }

  destroy(): void {
    this.#input.drop()
    this.#output.clear()
    this.#output.end()
  }
}

/**
 * One direction. Bytes are handed over in a later turn of the event loop, as from a socket: the
 * sender is never called back from within its own call.
 */
class Pipe {
  deliver: (bytes: Uint8Array) => void = () => {}
  drained: () => void = () => {}
  ended: () => void = () => {}
  pendingBytes = 0
  #waiting: Uint8Array[] = []
  #state: 'open' | 'ending' | 'ended' = 'open'
  #isPaused = false
  #isScheduled = false

  push(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    this.#waiting.push(bytes)
    this.pendingBytes += bytes.length
    this.#schedule()
  }

  /** Hands over what waits and then reports the end. */
  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#schedule()
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = []
    this.pendingBytes = 0
  }

  /** Nobody takes anything any more, and nobody is told. */
  drop(): void {
    this.#state = 'ended'
    this.clear()
  }

  /** The taker has gone: what waits is as good as taken, for a sender that holds back for it. */
  discard(): void {
    if (this.#state === 'ended') return
    const hadBytes = this.pendingBytes > 0
    this.drop()
    if (hadBytes) setImmediate(this.drained)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isPaused) return
    this.#isScheduled = true
    setImmediate(this.#run)
  }

  readonly #run = () => {
    this.#isScheduled = false
    const hadBytes = this.#waiting.length > 0
    // What is sent meanwhile waits for the next turn.
    for (let count = this.#waiting.length; count > 0 && !this.#isPaused; count--) {
      const bytes = this.#waiting.shift()
      if (bytes === undefined) break
      this.pendingBytes -= bytes.length
      this.deliver(bytes)
    }
    if (this.#waiting.length > 0) return this.#schedule()
    if (hadBytes && this.#state === 'open') this.drained()
    if (this.#state !== 'ending' || this.#isPaused) return
    this.#state = 'ended'
    this.ended()
  }
}
