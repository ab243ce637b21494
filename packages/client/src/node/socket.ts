import { createConnection, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type {
  TlsOptions,
  Transport,
  TransportEvents,
  TransportTarget,
} from '../transport/transport.ts'
import { explainCertificate } from './certificate-error.ts'

/** How long a server may take to close its end after ours. */
const lingerMs = 2_000

/** Opens `mqtt:` (TCP), `mqtts:` (TLS) or `unix:`; the last names a path: `unix:/run/mqtt.sock`. */
export async function openSocket(
  { url, tls = {} }: TransportTarget,
  events: TransportEvents,
  signal: AbortSignal,
): Promise<Transport> {
  signal.throwIfAborted()
  const socket = url.protocol === 'mqtts:' ? openTls(url, tls) : openPlain(url)
  await opened(socket, url.protocol === 'mqtts:' ? 'secureConnect' : 'connect', signal)
  return new SocketTransport(socket, events)
}

function openPlain(url: URL): Socket {
  if (url.protocol === 'unix:') return createConnection({ path: decodeURIComponent(url.pathname) })
  return createConnection({ host: hostOf(url), port: Number(url.port || 1883), noDelay: true })
}

function openTls(url: URL, tls: TlsOptions): Socket {
  const socket = connectTls({ port: Number(url.port || 8883), ...tlsConnection(url, tls) })
  socket.setNoDelay(true)
  return socket
}

/** What node:tls and node:https are told. */
export function tlsConnection(url: URL, tls: TlsOptions): ConnectionOptions {
  const { ca, cert, key, passphrase, rejectUnauthorized = true } = tls
  const host = hostOf(url)
  const servername = tls.serverName ?? host
  return {
    host,
    // An address has no place in the handshake; the certificate is compared with it all the same.
    ...(isIP(servername) === 0 && { servername }),
    ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    rejectUnauthorized,
  }
}

/** The host without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Resolves when the socket can be written to; leaves nothing open when it rejects. */
async function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = deferred()
  const onAbort = () => reject(signal.reason)
  const onClose = () => reject(new Error('the server closed the connection'))
  // Stays: an error that comes later, or that follows the first one, is nobody's surprise.
  socket.on('error', (error) => reject(explainCertificate(firstOf(error))))
  socket.once('close', onClose)
  socket.once(event, resolve)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.off('close', onClose)
  }
}

function deferred() {
  let resolve = () => {}
  let reject = (_error: unknown) => {}
  const promise = new Promise<void>((onFulfilled, onRejected) => {
    resolve = onFulfilled
    reject = onRejected
  })
  return { promise, resolve, reject }
}

/** A host with several addresses fails with a list of errors, and no message of its own. */
export function firstOf(error: unknown): unknown {
  return error instanceof AggregateError ? (error.errors[0] ?? error) : error
}

class SocketTransport implements Transport {
  readonly #socket: Socket
  #isEnding = false
  #linger: NodeJS.Timeout | undefined
  readonly #written: () => void

  constructor(socket: Socket, events: TransportEvents) {
    this.#socket = socket
    // One function for all writes: Node calls it once for those that complete together.
    this.#written = () => {
      if (socket.writableLength === 0 && !this.#isEnding && !socket.destroyed) events.drained()
    }
    let failure: unknown
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('data', (bytes: Uint8Array) => {
      if (!this.#isEnding) {
        events.receive(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      }
    })
    socket.once('close', () => {
      clearTimeout(this.#linger)
      events.closed(failure)
    })
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  send(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes, this.#written)
  }

  pause(): void {
    if (!this.#isEnding) this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    // Reads on, and throws away: a socket closed with unread bytes resets the connection, and the
    // server may lose the DISCONNECT that it was about to read.
    this.#socket.resume()
    this.#socket.end()
    this.#linger = setTimeout(() => this.#socket.destroy(), lingerMs)
  }

  destroy(): void {
    this.#isEnding = true
    this.#socket.destroy()
  }
}
