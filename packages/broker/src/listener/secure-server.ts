import type { Socket } from 'node:net'
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import type { PeerCertificate } from '../access/authenticator.ts'
import { readPeerCertificate } from './peer-certificate.ts'
import type { TlsFiles } from './tls-files.ts'

export interface SecureServerOptions {
  readonly clientCertificate: 'none' | 'request' | 'require'
  readonly handshakeTimeoutMs: number
  /** A handshake has ended well. */
  readonly secured: (socket: TLSSocket, certificate: PeerCertificate | undefined) => void
  /** A handshake has failed; the socket is closed. */
  readonly failed: (socket: TLSSocket, reason: string) => void
}

/** The TLS of one listener: takes sockets, gives them back secured. Its files can be replaced. */
export class SecureServer {
  readonly #server: Server
  readonly #options: SecureServerOptions
  #hosts: TlsFiles['hosts']
  #digest: string

  constructor(files: TlsFiles, options: SecureServerOptions) {
    this.#options = options
    this.#hosts = files.hosts
    this.#digest = files.digest
    const { clientCertificate, handshakeTimeoutMs } = options
    this.#server = createServer({
      ...files.options,
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: clientCertificate !== 'none',
      // Done by `#secured`, before anything is read: so the log has the reason.
      rejectUnauthorized: false,
      SNICallback: (name, done) => done(null, this.#contextOf(name)),
    })
    this.#server.on('secureConnection', (socket) => this.#secured(socket))
    this.#server.on('tlsClientError', (error, socket) => {
      this.#fail(socket, (error as NodeJS.ErrnoException).code ?? error.message)
    })
  }

  /** Begins a handshake on a socket that nothing has been read from, or that was given it back. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  /** New handshakes use these files, what is open goes on; false when nothing in them is new. */
  replace(files: TlsFiles): boolean {
    if (files.digest === this.#digest) return false
    this.#server.setSecureContext(files.options)
    this.#hosts = files.hosts
    this.#digest = files.digest
    return true
  }

  #contextOf(name: string): SecureContext | undefined {
    const host = name.toLowerCase()
    return this.#hosts.get(host) ?? this.#hosts.get(host.replace(/^[^.]*/, '*'))
  }

  #secured(socket: TLSSocket): void {
    const shown = socket.getPeerX509Certificate()
    const { clientCertificate } = this.#options
    if (shown === undefined) {
      if (clientCertificate === 'require') return this.#fail(socket, 'it shows no certificate')
      return this.#options.secured(socket, undefined)
    }
    // One that is shown has to be good also where none has to be.
    if (!socket.authorized) return this.#fail(socket, String(socket.authorizationError))
    let certificate: PeerCertificate
    try {
      certificate = readPeerCertificate(shown)
    } catch {
      return this.#fail(socket, 'its certificate cannot be read')
    }
    this.#options.secured(socket, certificate)
  }

  #fail(socket: TLSSocket, reason: string): void {
    this.#options.failed(socket, reason)
    socket.destroy()
  }
}
