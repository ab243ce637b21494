import { createServer, type Server, type Socket } from 'node:net'
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
  const server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
    const transport = new TcpTransport(socket, options.closeTimeoutMs)
    open.add(transport)
    socket.on('close', () => open.delete(transport))
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
  // An IPv4 peer of a socket that listens on `::`.
  const host = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '')
  return hostAndPort(host, remotePort ?? 0)
}

/** After the last byte was sent: for the peer's end, so that an early reset does not eat bytes. */
const lingerMs = 500

/** What a listener knows of a peer beyond its socket. */
type Named = Partial<Pick<Transport, 'address' | 'certificate'>>

export class TcpTransport implements Transport, Member {
  readonly address: string
  readonly certificate: Transport['certificate']
  /** What the system takes at once, it has copied. */
  readonly takesBytesAtOnce = true
  /** Among the open ones of its listener. */
  place = -1
  readonly #socket: Socket
  readonly #closeTimeoutMs: number
  #drain: Drain | undefined
  #isEnding = false
  #deadline: NodeJS.Timeout | undefined

  constructor(socket: Socket, closeTimeoutMs: number, peer: Named = {}) {
    this.#socket = socket
    this.#closeTimeoutMs = closeTimeoutMs
    this.address = peer.address ?? peerAddress(socket)
    this.certificate = peer.certificate
    // Each error is followed by `close`, which is all that the core needs to know.
    socket.on('error', () => {})
  }

  /** Passes on what happens to the core. */
  start(events: TransportEvents): void {
    const socket = this.#socket
    this.#drain = new Drain(socket, () => {
      if (!this.#isEnding) events.drained()
    })
    // For what was written while the core made up its mind.
    this.#drain.watch()
    const receive = (bytes: Uint8Array) => {
      if (!this.#isEnding) events.receive(bytes)
    }
    if (socket instanceof SharedReadSocket) {
      socket.receive = receive
      socket.resume() // else its end would not be told
    } else socket.on('data', receive)
    // The other side has ended; what is left to be sent may take no longer than ours would.
    socket.on('end', () => this.#closeWithin(this.#closeTimeoutMs))
    socket.on('close', () => {
      clearTimeout(this.#deadline)
      events.closed()
    })
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return
    this.#socket.write(bytes)
    this.#drain?.watch()
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
    this.#closeWithin(this.#closeTimeoutMs)
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
