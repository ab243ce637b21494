import { createServer, type Server } from 'node:net'
import type { Log } from '../../log.ts'
import { DescriptorShortage } from '../descriptors.ts'
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

/**
 * Connections taken in one go. Few, so that their CONNECTs are read in the turn that took them: what
 * comes all at once waits in the system, and not in front of the messages of those who are connected.
 */
const acceptsInARow = 8

/** For a system that has no memory, or no descriptor, for another connection. */
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
  readonly #shortage: DescriptorShortage
  #retry: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(system: System, descriptor: number, log: Log) {
    this.#system = system
    this.#descriptor = descriptor
    this.#log = log
    this.#shortage = new DescriptorShortage(log)
    this.#watcher = system.watch(descriptor, () => this.#accept())
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#retry)
    this.#watcher.close()
    this.#system.libc.close(this.#descriptor)
  }

  #accept(): void {
    const system = this.#system
    for (let count = 0; count < acceptsInARow && !this.#isStopped; count++) {
      const accepted = system.accept(this.#descriptor)
      if (accepted >= 0) {
        this.connected(accepted, system.acceptedAddress)
        if (this.#shortage.isShownBy(accepted)) return this.#pause()
        continue
      }
      const { errno } = system
      if (errno === EAGAIN) return
      if (errno === EMFILE || errno === ENFILE) return this.#pause()
      // Of one connection that has gone again, or of this call only.
      if (errno !== EINTR && !transientErrors.has(errno)) return this.#tryLater(errno)
    }
  }

  /** Lets connections wait in the system until there are descriptors again. */
  #pause(): void {
    if (this.#isStopped) return
    this.#shortage.report('wait')
    this.#watcher.stop()
    this.#retry = setTimeout(() => {
      if (this.#shortage.isOver) this.#watcher.start()
      else this.#pause()
    }, retryMs)
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
