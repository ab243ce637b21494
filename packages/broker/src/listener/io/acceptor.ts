import { createServer, type Server } from 'node:net'
import type { Log } from '../../log.ts'
import { shortage } from '../descriptors.ts'
import { guardEvents } from '../guard.ts'
import { type Accept, hostAndPort, type Listener, type PortOptions } from '../listener.ts'
import { OpenTransports } from '../open-transports.ts'
import { listen } from '../tcp.ts'
import { type Driver, SocketTransport } from './socket-transport.ts'
import { EAGAIN, EINTR, EMFILE, ENFILE, type System } from './system.ts'

/** What accepted connections are given to. */
export interface Sockets extends Driver {
  /** Reads from the socket from now on. */
  add(socket: SocketTransport): void
}

/** Connections taken in one go; the rest has its turn after those that have been taken. */
const acceptsInARow = 64

/** For a system that has no memory for another connection. */
const retryMs = 100

/** Waits for MQTT clients on a TCP port, and accepts them by itself. Throws `ListenError`. */
export async function startAcceptor(
  { system, sockets }: { readonly system: System; readonly sockets: Sockets },
  options: PortOptions,
  accept: Accept,
  log: Log,
): Promise<Listener> {
  const server = createServer()
  // `net` knows about names, addresses and what can go wrong; only its socket is taken over.
  const port = await listen(server, options, '--port', log)
  const descriptor = takeOver(server, system)
  const acceptor = new Acceptor(system, descriptor, log)
  const open = new OpenTransports<SocketTransport>()
  const { closeTimeoutMs } = options
  acceptor.connected = (accepted, address) => {
    const given = { descriptor: accepted, address, closeTimeoutMs }
    const transport = new SocketTransport(given, sockets, (closed) => open.delete(closed))
    open.add(transport)
    sockets.add(transport)
    try {
      transport.start(guardEvents(accept(transport), transport, log))
    } catch (error) {
      log.error('defect in the broker, connection refused', { address, error })
      transport.destroy()
    }
  }
  return {
    kind: 'tcp',
    url: `mqtt://${hostAndPort(options.host, port)}`,
    stopAccepting: () => acceptor.stop(),
    async [Symbol.asyncDispose]() {
      acceptor.stop()
      await open.close()
    },
  }
}

/** A descriptor of our own for the listening socket, which outlives the server. */
function takeOver(server: Server, system: System): number {
  const { _handle } = server as unknown as { readonly _handle?: { readonly fd?: number } }
  const descriptor = _handle?.fd
  if (descriptor === undefined || descriptor < 0)
    throw new Error('net does not tell the descriptor of its socket')
  const own = system.duplicate(descriptor)
  system.setNoDelay(own)
  server.close()
  return own
}

class Acceptor {
  connected: (descriptor: number, address: string) => void = () => {}
  readonly #system: System
  readonly #descriptor: number
  readonly #watcher: { start(): void; stop(): void; close(): void }
  readonly #log: Log
  readonly #reportShortage: () => void
  /** Given up for a moment when there is no other, to take connections and close them. */
  #reserve: number
  #retry: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(system: System, descriptor: number, log: Log) {
    this.#system = system
    this.#descriptor = descriptor
    this.#log = log
    this.#reportShortage = shortage(log)
    this.#reserve = system.duplicate(descriptor)
    this.#watcher = system.watch(descriptor, () => this.#accept())
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#retry)
    this.#watcher.close()
    this.#system.libc.close(this.#descriptor)
    if (this.#reserve >= 0) this.#system.libc.close(this.#reserve)
  }

  #accept(): void {
    const system = this.#system
    for (let count = 0; count < acceptsInARow && !this.#isStopped; count++) {
      const accepted = system.accept(this.#descriptor)
      if (accepted >= 0) {
        this.connected(accepted, system.acceptedAddress)
        continue
      }
      const { errno } = system
      if (errno === EAGAIN) return
      if (errno === EMFILE || errno === ENFILE) return this.#turnAway()
      // Of one connection that has gone again, or of this call only.
      if (errno !== EINTR && !transientErrors.has(errno)) return this.#tryLater(errno)
    }
  }

  /** Closes what waits, as nobody would tell the clients otherwise that there is no room. */
  #turnAway(): void {
    const system = this.#system
    this.#reportShortage()
    if (this.#reserve < 0) return this.#tryLater(EMFILE)
    system.libc.close(this.#reserve)
    for (let count = 0; count < acceptsInARow; count++) {
      const accepted = system.accept(this.#descriptor)
      if (accepted < 0) break
      system.libc.close(accepted)
    }
    try {
      this.#reserve = system.duplicate(this.#descriptor)
    } catch {
      this.#reserve = -1 // somebody else took it
    }
  }

  #tryLater(errno: number): void {
    this.#log.error('cannot accept a connection', { errno })
    this.#watcher.stop()
    this.#retry = setTimeout(() => this.#watcher.start(), retryMs)
  }
}

/** Errors that accept(2) passes on from a connection: ENETDOWN to EHOSTUNREACH, and its kin. */
const transientErrors: ReadonlySet<number> = new Set([
  1, 64, 71, 92, 95, 100, 101, 103, 104, 112, 113,
])
