import net from 'node:net'
import tls from 'node:tls'
import { CaseFailure } from './failure.ts'

/** One stream of bytes to a Server and back, whatever carries it. */
export interface Wire {
  write(bytes: Uint8Array): void
  /** Closes this side in order (FIN). */
  end(): void
  /** Breaks the connection off (RST). */
  abort(): void
  /** Stops reading, so that the Server's writes back up. */
  pause(): void
  resume(): void
  /** Gives what arrives to `onBytes`, and `onClose` once when the Server's side has closed. */
  listen(onBytes: (bytes: Uint8Array) => void, onClose: () => void): void
}

const connectTimeoutMs = 5_000

/** Opens TCP or TLS, by the scheme: `mqtt:`, `mqtts:`, and `ws:`, `wss:` for what WebSocket runs on. */
export async function openSocket(url: URL): Promise<net.Socket> {
  const isSecure = url.protocol === 'mqtts:' || url.protocol === 'wss:'
  const port = Number(url.port) || defaultPorts[url.protocol]
  if (port === undefined) throw new Error(`not the URL of a broker: ${url.href}`)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const socket = isSecure
    ? tls.connect({ host, port, servername: host, rejectUnauthorized: false })
    : net.connect({ host, port })
  socket.setNoDelay(true)
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>()
  socket.once(isSecure ? 'secureConnect' : 'connect', () => resolve(socket))
  socket.once('error', (error) =>
    reject(new CaseFailure(`cannot open ${url.href}: ${error.message}`)),
  )
  const timer = setTimeout(() => {
    socket.destroy(new Error('no answer within 5 s'))
  }, connectTimeoutMs)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    // A reset is one of the ways in which a Server closes; `close` tells of it.
    socket.on('error', () => {})
  }
}

const defaultPorts: Readonly<Record<string, number>> = {
  'mqtt:': 1883,
  'mqtts:': 8883,
  'ws:': 80,
  'wss:': 443,
}

/** Breaks a connection off with RST, or what is left of it when this side has ended. */
export function reset(socket: net.Socket): void {
  // A reset while the FIN is on its way leaves Node 20 to 26 in an endless loop.
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** Plain TCP or TLS. */
export class SocketWire implements Wire {
  readonly #socket: net.Socket

  constructor(socket: net.Socket) {
    this.#socket = socket
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes)
  }

  end(): void {
    this.#socket.end()
  }

  abort(): void {
    reset(this.#socket)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  listen(onBytes: (bytes: Uint8Array) => void, onClose: () => void): void {
    this.#socket.on('data', onBytes)
    this.#socket.once('end', onClose)
    this.#socket.once('close', onClose)
  }
}
