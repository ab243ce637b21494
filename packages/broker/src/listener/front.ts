import { BlockList, createServer, isIPv6, type Server, type Socket } from 'node:net'
import { ByText } from '@busbar/protocol'
import type { PeerCertificate } from '../access/authenticator.ts'
import type { Entry } from '../admission.ts'
import { addNetwork } from '../config-listeners.ts'
import { withoutMapping } from '../ip-address.ts'
import type { Log } from '../log.ts'
import { type Member, Members } from '../members.ts'
import { readProxyHeaderOf } from './proxy-header.ts'
import { SecureServer } from './secure-server.ts'
import { peerAddress } from './tcp.ts'
import type { TlsFiles } from './tls-files.ts'

/** Says who may come in, at once or after a while. */
export interface Gate {
  enter(
    address: string,
    options: { readonly isCostly: boolean },
  ): Entry | undefined | Promise<Entry | undefined>
}

/** Who is at the other end, as far as the listener knows. */
export interface Peer {
  readonly address: string
  readonly certificate?: PeerCertificate | undefined
  readonly entry: Entry
}

export interface FrontOptions {
  /** From opening a connection to the end of all that comes before MQTT. */
  readonly handshakeTimeoutMs: number
  readonly admission: Gate
  readonly tls?: SecureSettings | undefined
  /** Those whose connections begin with a PROXY header. */
  readonly proxies?: readonly string[] | undefined
  /** Names peers that have no address. */
  readonly address?: (socket: Socket) => string
}

export interface SecureSettings {
  readonly files: TlsFiles
  readonly clientCertificate: 'none' | 'request' | 'require'
}

/** Gets a socket that MQTT, or HTTP, may begin on, and calls `begun` when it has. */
export type Take = (socket: Socket, peer: Peer, begun: () => void) => void

/** A connection on which MQTT has not begun. */
interface Opening extends Member {
  readonly socket: Socket
  readonly timer: NodeJS.Timeout
  /** Of the socket, and of the one that secures it; no two that are open share it. */
  readonly ends: string
  address: string
  entry: Entry | undefined
  hasClosed: boolean
}

/**
 * What connections go through before MQTT: limits, PROXY header, TLS, in one time for all of it that
 * does not begin anew with a byte.
 */
export class Front implements Disposable {
  /** Not listening yet. */
  readonly server: Server
  readonly #options: FrontOptions
  readonly #take: Take
  readonly #log: Log
  readonly #proxies: BlockList | undefined
  readonly #secure: SecureServer | undefined
  readonly #openings = new Members<Opening>()
  /** During TLS, by the two ends, which the secured socket has as well. */
  readonly #byEnds = new ByText<Opening>()

  constructor(options: FrontOptions, take: Take, log: Log) {
    this.#options = options
    this.#take = take
    this.#log = log
    this.#proxies = blockList(options.proxies)
    this.#secure = options.tls && this.#secureServer(options.tls)
    this.server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) =>
      this.#open(socket),
    )
  }

  /** New handshakes use these files; false when they hold what they held before. */
  replaceFiles(files: TlsFiles): boolean {
    return this.#secure?.replace(files) ?? false
  }

  /** Closes what has not begun. */
  [Symbol.dispose](): void {
    for (const { socket } of this.#openings) socket.destroy()
  }

  #open(socket: Socket): void {
    socket.on('error', () => {}) // `close` follows
    const address = this.#options.address?.(socket) ?? peerAddress(socket)
    const timer = setTimeout(() => socket.destroy(), this.#options.handshakeTimeoutMs)
    const ends = endsOf(socket)
    const opening: Opening = {
      socket,
      timer,
      ends,
      address,
      place: -1,
      entry: undefined,
      hasClosed: false,
    }
    this.#openings.add(opening)
    socket.once('close', () => {
      this.#begun(opening)
      opening.hasClosed = true
      opening.entry?.leave()
    })
    if (isListed(this.#proxies, socket)) this.#readHeader(opening)
    else this.#admit(opening)
  }

  #readHeader(opening: Opening): void {
    const { socket, address } = opening
    readProxyHeaderOf(socket, (client, reason) => {
      if (reason !== undefined) {
        this.#log.warn('connection refused', { address, reason })
        socket.destroy()
        return
      }
      opening.address = client ?? address
      this.#admit(opening)
    })
  }

  #admit(opening: Opening): void {
    const isCostly = this.#secure !== undefined
    const entry = this.#options.admission.enter(opening.address, { isCostly })
    if (entry instanceof Promise) void entry.then((late) => this.#admitted(opening, late))
    else this.#admitted(opening, entry)
  }

  #admitted(opening: Opening, entry: Entry | undefined): void {
    const { socket } = opening
    if (opening.hasClosed) return entry?.leave()
    opening.entry = entry
    if (entry === undefined) socket.destroy()
    else if (this.#secure === undefined) {
      this.#pass(socket, opening)
      // It is paused where a header was read from it.
      if (!socket.destroyed && socket.isPaused()) socket.resume()
    } else {
      this.#byEnds.set(opening.ends, opening)
      this.#secure.accept(socket)
    }
  }

  #secureServer({ files, clientCertificate }: SecureSettings): SecureServer {
    return new SecureServer(files, {
      clientCertificate,
      handshakeTimeoutMs: this.#options.handshakeTimeoutMs,
      secured: (socket, certificate) => {
        socket.on('error', () => {})
        const opening = this.#byEnds.get(endsOf(socket))
        if (opening === undefined) socket.destroy()
        else this.#pass(socket, opening, certificate)
      },
      failed: (socket, reason) => {
        const address = this.#byEnds.get(endsOf(socket))?.address ?? peerAddress(socket)
        this.#log.debug('TLS handshake failed', { address, reason })
      },
    })
  }

  #pass(socket: Socket, opening: Opening, certificate?: PeerCertificate): void {
    const { address, entry } = opening
    if (entry === undefined) return
    // The front itself says when it has closed.
    const told = { ...entry, leave() {} }
    this.#take(socket, { address, certificate, entry: told }, () => this.#begun(opening))
  }

  #begun(opening: Opening): void {
    clearTimeout(opening.timer)
    this.#openings.delete(opening)
    if (this.#byEnds.get(opening.ends) === opening) this.#byEnds.delete(opening.ends)
  }
}

function endsOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function blockList(networks: readonly string[] | undefined): BlockList | undefined {
  if (networks === undefined) return undefined
  const list = new BlockList()
  for (const network of networks) addNetwork(list, network)
  return list
}

function isListed(list: BlockList | undefined, { remoteAddress }: Socket): boolean {
  if (list === undefined || remoteAddress === undefined) return false
  const address = withoutMapping(remoteAddress)
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
