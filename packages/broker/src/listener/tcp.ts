import { createServer, type Server, type Socket } from 'node:net'
import { withoutMapping } from '../ip-address.ts'
import type { Log } from '../log.ts'
import type { Member } from '../members.ts'
import type { Transport, TransportEvents } from '../transport.ts'
import { closeWhenShort, DescriptorShortage } from './descriptors.ts'
import { Drain } from './drain.ts'
import { guardEvents } from './guard.ts'
import {
  type Accept,
  backlog,
  hostAndPort,
  type Listener,
  listenError,
  type PortOptions,
} from './listener.ts'
import { OpenTransports } from './open-transports.ts'
import { SharedReadSocket, shareReads } from './shared-read.ts'

export interface TcpOptions extends PortOptions {
  /** `plain`: as where `net` cannot be given the buffer of all sockets. */
  readonly reads?: 'shared' | 'plain'
}

/** Waits for MQTT clients on a TCP port. Throws `ListenError` when it cannot be opened. */
export async function startTcpListener(
  options: TcpOptions,
  accept: Accept,
  log: Log,
): Promise<Listener> {
  const open = new OpenTransports<TcpTransport>()
  const { closeTimeoutMs } = options
  const closed = (transport: TcpTransport) => open.delete(transport)
  const server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
    const transport = new TcpTransport(socket, { closeTimeoutMs, closed })
    open.add(transport)
    try {
      transport.start(guardEvents(accept(transport), transport, log))
    } catch (error) {
      log.error('defect in the broker, connection refused', { address: transport.address, error })
      transport.destroy()
    }
  })
  const port = await listen(server, options, '--port', log)
  if (options.reads !== 'plain') shareReads(server)
  return {
    kind: 'tcp',
    url: `mqtt://${hostAndPort(options.host, port)}`,
    stopAccepting: () => void server.close(),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await open.close()
      await closed
    },
  }
}

/** Opens the port of a server and returns it; from then on its errors are logged and survived. */
export async function listen(
  server: Server,
  options: PortOptions,
  flag: '--port' | '--ws-port',
  log: Log,
): Promise<number> {
  const { host, port, sharesPort: reusePort } = options
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port, backlog, reusePort }, resolve)
  try {
    await promise
  } catch (error) {
    throw await listenError(error as NodeJS.ErrnoException, options, flag)
  }
  server.off('error', reject)
  const shortage = new DescriptorShortage(log)
  server.on('connection', (socket) => closeWhenShort(socket, shortage))
  // This connection is lost, the next one may have more luck.
  server.on('error', (error) => log.error('cannot accept a connection', { error: error.message }))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/** The peer of a socket for logs. */
export function peerAddress({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined) return 'unknown'
  return hostAndPort(withoutMapping(remoteAddress), remotePort ?? 0)
}

/** After the last byte was sent: for the peer's end, so that an early reset does not eat bytes. */
const lingerMs = 500

/** What a listener knows of a peer beyond its socket. */
type Named = Partial<Pick<Transport, 'address' | 'certificate'>>

interface TcpTransportOptions {
  readonly closeTimeoutMs: number
  /** It has closed. */
  readonly closed: (transport: TcpTransport) => void
}

const transportOf = Symbol('transport')

/** Knows its transport until it has closed: Node and V8 may keep it, and all that hangs on it, for long. */
interface OwnedSocket extends Socket {
  [transportOf]?: TcpTransport | undefined
}

/** One of each for all sockets, with nothing of any connection in it. */
const listeners = {
  data(this: OwnedSocket, bytes: Uint8Array) {
    this[transportOf]?.received(bytes)
  },
  end(this: OwnedSocket) {
    this[transportOf]?.peerEnded()
  },
  close(this: OwnedSocket) {
    const transport = this[transportOf]
    this[transportOf] = undefined
    transport?.hasClosed()
  },
  /** Each is followed by `close`, which is all that the core needs to know. */
  error() {},
}

export class TcpTransport implements Transport, Member {
  readonly address: string
  readonly certificate: Transport['certificate']
  /** What the system takes at once, it has copied. */
  readonly takesBytesAtOnce = true
  /** Among the open ones of its listener. */
  place = -1
  readonly #socket: OwnedSocket
  readonly #options: TcpTransportOptions
  #events: TransportEvents | undefined
  #drain: Drain | undefined
  #isEnding = false
  #deadline: NodeJS.Timeout | undefined

  constructor(socket: Socket, options: TcpTransportOptions, peer: Named = {}) {
    this.#socket = socket
    this.#options = options
    this.address = peer.address ?? peerAddress(socket)
    this.certificate = peer.certificate
    this.#socket[transportOf] = this
    socket.on('error', listeners.error)
    socket.on('close', listeners.close)
  }

  /** Passes on what happens to the core. */
  start(events: TransportEvents): void {
    this.#events = events
    // For what was written while the core made up its mind.
    this.#watch()
    this.#socket.on('data', listeners.data)
    this.#socket.on('end', listeners.end)
  }

  // What the listeners of the socket have to tell.

  received(bytes: Uint8Array): void {
    if (!this.#isEnding) this.#events?.receive(bytes)
  }

  /** The other side has ended; what is left to be sent may take no longer than ours would. */
  peerEnded(): void {
    this.#closeWithin(this.#options.closeTimeoutMs)
  }

  hasClosed(): void {
    clearTimeout(this.#deadline)
    this.#options.closed(this)
    this.#events?.closed()
  }

  #watch(): void {
    if (this.#socket.writableLength === 0) return
    if (this.#drain === undefined) {
      const drained = () => {
        if (!this.#isEnding) this.#events?.drained()
      }
      this.#drain = new Drain(this.#socket, drained)
    }
    this.#drain.watch()
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return
    this.#socket.write(bytes)
    this.#watch()
  }

  pause(): void {
    if (!this.#isEnding) this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(isHeard = false): void {
    if (this.#isEnding || this.#socket.destroyed) return
    const isPlain = this.#socket instanceof SharedReadSocket
    if (isHeard && isPlain && this.pendingBytes === 0) return this.destroy()
    this.#isEnding = true
    this.#closeWithin(this.#options.closeTimeoutMs)
    this.#socket.end(() => this.#closeWithin(lingerMs))
    // Reads on, and throws away, to see the peer's end.
    this.#socket.resume()
  }

  destroy(): void {
    this.#isEnding = true
    this.#socket.destroy()
  }

  /** Closes at once unless it is closing already. */
  abandon(): void {
    if (!this.#isEnding) this.destroy()
  }

  #closeWithin(milliseconds: number): void {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#socket.destroy(), milliseconds)
  }
}
