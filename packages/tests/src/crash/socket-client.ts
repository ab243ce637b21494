import { connect as connectSocket, type Socket } from 'node:net'
import type { ClientLog, LogEvent } from '../model/log.ts'
import { ModelClient } from '../model/model-client.ts'
import type { ModelConnectOptions } from '../model/model-connection.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** What all clients of a run have in common. */
export interface Surroundings {
  readonly address: Address
  readonly run: string
  /** Which process of the broker is running; undefined from the signal that ends it to the next start. */
  readonly serving: () => number | undefined
}

export interface SocketClientOptions {
  readonly clientIdentifier: string
  readonly version: 4 | 5
  readonly around: Surroundings
  readonly watch?: (event: LogEvent) => void
}

/** The clock of all logs, in milliseconds. */
export const now = () => performance.now()

/** Longer than any answer takes, unless there will be none. */
const silenceMs = 10_000

/** A model client on a TCP socket, with its log. */
export class SocketClient {
  readonly model: ModelClient
  readonly log: ClientLog
  /** When something last happened that is worth logging; answers to PINGREQ are not. */
  heardAt = 0
  readonly #around: Surroundings
  #socket: Socket | undefined
  #since = 0

  constructor({ clientIdentifier, version, around, watch }: SocketClientOptions) {
    this.#around = around
    const events: LogEvent[] = []
    this.log = { clientIdentifier, events }
    const log = (event: LogEvent) => {
      events.push(event)
      this.heardAt = event.at
      watch?.(event)
    }
    this.model = new ModelClient({ clientIdentifier, version, run: around.run, log })
  }

  /** There is no socket, not even one that is about to open or close. */
  get isAway(): boolean {
    return this.#socket === undefined
  }

  get isConnected(): boolean {
    return this.model.state === 'connected'
  }

  /** Opens a socket and sends CONNECT when that is open. */
  connect(options: Omit<ModelConnectOptions, 'send'>): void {
    const socket = connectSocket(this.#around.address)
    this.#socket = socket
    this.#since = now()
    socket.setNoDelay(true)
    const servedBy = this.#around.serving()
    let isOrderly = false
    socket.on('connect', () => {
      this.model.connect({ ...options, send: (bytes) => write(socket, bytes) }, now())
    })
    socket.on('data', (bytes: Buffer) => {
      this.model.receive(bytes, now())
    })
    socket.on('end', () => {
      // What dies closes its sockets, too, and with io_uring later than it ends.
      isOrderly = servedBy !== undefined && this.#around.serving() === servedBy
    })
    socket.on('error', () => {}) // `close` follows
    socket.on('close', () => {
      this.#socket = undefined
      this.model.connectionLost(now(), isOrderly)
    })
  }

  /** Says goodbye; the broker closes the connection. */
  leave(reasonCode = 0, sessionExpirySeconds?: number): void {
    this.#since = now()
    this.model.disconnect(this.#since, reasonCode, sessionExpirySeconds)
  }

  /** Closes without a word. */
  cut(): void {
    this.#socket?.destroy()
  }

  /** To be called often. */
  tick(): void {
    if (this.#socket === undefined) return
    this.model.tick(now())
    if (!this.isConnected && now() - this.#since > silenceMs) this.cut()
  }
}

/** All that is sent in one turn leaves in one piece. */
function write(socket: Socket, bytes: Uint8Array): void {
  if (socket.writableCorked === 0) {
    socket.cork()
    process.nextTick(() => socket.uncork())
  }
  socket.write(bytes)
}
