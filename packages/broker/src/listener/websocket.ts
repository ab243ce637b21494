import type { IncomingMessage } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { isLoopback } from '../exposure.ts'
import type { Log } from '../log.ts'
import { type Member, Members } from '../members.ts'
import { createServer, STATUS_CODES } from '../node-http.ts'
import type { Transport, TransportEvents } from '../transport.ts'
import { Drain } from './drain.ts'
import { Front, type FrontOptions, type Peer, type Take } from './front.ts'
import { guardEvents } from './guard.ts'
import { type Accept, hostAndPort, type Listener, type PortOptions } from './listener.ts'
import { listen } from './tcp.ts'

export interface WebSocketOptions extends PortOptions, FrontOptions {
  readonly path: string
  /** Web sites whose pages may connect, beside our own. */
  readonly origins: readonly string[]
  /** The largest MQTT packet; a message may be a little larger, as it may hold several. */
  readonly maximumPacketSize: number
  /** Taken from a client before its CONNECT is answered. */
  readonly connectBytes: number
}

/** In the order in which one is chosen; MQTT 3.1 had a name of its own. */
const subprotocols = ['mqtt', 'mqttv3.1']

/** Waits for MQTT clients over WebSocket (section 6). Throws `ListenError`. */
export async function startWebSocketListener(
  options: WebSocketOptions,
  accept: Accept,
  log: Log,
): Promise<Listener> {
  const open = new Members<WebSocketTransport>()
  const peers = new WeakMap<Duplex, { peer: Peer; begun: () => void }>()
  const server = createServer({ noDelay: true, maxHeaderSize: 16_384 }, (request, response) => {
    const status = isPath(request, options.path) ? 426 : 404
    if (status === 426) response.setHeader('Upgrade', 'websocket')
    response.writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close' })
    response.end(refusals[status])
  })
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maximumPacketSize + 65_536,
    // [MQTT5-6.0.0-4]
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Until `ws` takes the socket over.
    socket.on('error', () => socket.destroy())
    const known = peers.get(socket)
    const status = known === undefined ? 400 : refusalOf(request, options)
    if (known === undefined || status !== undefined) return refuse(socket, status ?? 400)
    const { peer, begun } = known
    upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      begun()
      const transport = new WebSocketTransport(webSocket, socket, { ...options, peer })
      open.add(transport)
      socket.once('close', () => open.delete(transport))
      try {
        transport.start(guardEvents(accept(transport, peer.entry), transport, log))
      } catch (error) {
        log.error('defect in the broker, connection refused', { address: transport.address, error })
        transport.destroy()
      }
    })
  })
  const take: Take = (socket, peer, begun) => {
    peers.set(socket, { peer, begun })
    server.emit('connection', socket)
  }
  const front = new Front(options, take, log)
  const port = await listen(front.server, options, '--ws-port', log)
  const scheme = options.tls === undefined ? 'ws' : 'wss'
  return {
    kind: 'ws',
    url: `${scheme}://${hostAndPort(options.host, port)}${options.path}`,
    stopAccepting: () => void front.server.close(),
    replaceFiles: (files) => front.replaceFiles(files),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => front.server.close(() => resolve()))
      front[Symbol.dispose]()
      for (const transport of open) transport.abandon()
      await closed
    },
  }
}

const refusals = {
  400: 'MQTT over WebSocket needs the subprotocol mqtt.\n',
  403: 'Pages of this web site may not connect, unless the setting origins has it.\n',
  404: 'There is nothing here.\n',
  426: 'This is the address of an MQTT broker: connect with MQTT over WebSocket.\n',
} as const

/** Answers a request for an upgrade with an error. */
function refuse(socket: Socket, status: 400 | 403 | 404): void {
  const text = refusals[status]
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
      `Content-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  )
}

function refusalOf(
  request: IncomingMessage,
  options: WebSocketOptions,
): 400 | 403 | 404 | undefined {
  if (!isPath(request, options.path)) return 404
  if (!mayCome(request, options)) return 403
  return offersMqtt(request) ? undefined : 400
}

/** Browsers say which site a page is from, and would let the page of any site connect. */
function mayCome({ headers }: IncomingMessage, options: WebSocketOptions): boolean {
  const { origin, host } = headers
  const { origins } = options
  if (origin === undefined || origins.includes('*')) return true
  const own =
    host !== undefined && isOurName(host, options) ? [`http://${host}`, `https://${host}`] : []
  return [...origins, ...own].some((allowed) => isSame(allowed, origin))
}

/**
 * Whether a page that was loaded from this host can be ours. A stranger's page can let the name of its
 * site lead to loopback, and would be of the same host then; only TLS proves a name.
 */
function isOurName(host: string, { tls, host: ours }: WebSocketOptions): boolean {
  if (tls !== undefined || !isLoopback(ours)) return true
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1')
  return isIP(name) !== 0 || /^(.+\.)?localhost$/i.test(name)
}

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

function isPath(request: IncomingMessage, path: string): boolean {
  return request.url?.split('?', 1)[0] === path
}

/** The client has to offer the subprotocol [MQTT5-6.0.0-3]. */
function offersMqtt(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol']?.split(',') ?? []
  return offered.some((name) => subprotocols.includes(name.trim()))
}

const firstByteOfAuth = 0xf0

/** Of section 7.4.1 of RFC 6455. */
const closeCodes = { normal: 1_000, unsupportedData: 1_003 } as const

class WebSocketTransport implements Transport, Member {
  /** Among the open ones of its listener. */
  place = -1
  readonly address: string
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly certificate: Transport['certificate']
  readonly #options: WebSocketOptions
  #drain: Drain | undefined
  #isEnding = false
  #hasAnswered = false
  #deadline: NodeJS.Timeout | undefined

  constructor(
    webSocket: WebSocket,
    socket: Socket,
    options: WebSocketOptions & { readonly peer: Peer },
  ) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#options = options
    this.address = options.peer.address
    this.certificate = options.peer.certificate
  }

  /** Passes on what happens to the core. */
  start(events: TransportEvents): void {
    const webSocket = this.#webSocket
    this.#drain = new Drain(this.#socket, () => {
      if (!this.#isEnding) events.drained()
    })
    // For what was written while the core made up its mind.
    this.#drain.watch()
    // Packets may span messages and share them [MQTT5-6.0.0-2].
    webSocket.on('message', (data: Buffer, isBinary) => {
      if (this.#isEnding) return
      if (isBinary) events.receive(data)
      else this.#close(closeCodes.unsupportedData) // [MQTT5-6.0.0-1]
    })
    // `ws` has sent a Close frame with the code; it would wait for the answer for 30 seconds.
    webSocket.on('error', () => this.#close(closeCodes.normal))
    webSocket.once('close', () => {
      clearTimeout(this.#deadline)
      events.closed()
    })
    this.#limitUnanswered()
  }

  /** `ws` keeps a message until it is whole: a client that has yet to log in gets less room. */
  #limitUnanswered(): void {
    const limit = this.#socket.bytesRead + this.#options.connectBytes
    const count = () => {
      if (this.#hasAnswered) this.#socket.off('data', count)
      else if (this.#socket.bytesRead > limit) this.destroy()
    }
    this.#socket.on('data', count)
  }

  get pendingBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  write(bytes: Uint8Array): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return
    // AUTH asks for more: who gets it has not logged in.
    this.#hasAnswered ||= bytes[0] !== firstByteOfAuth
    this.#webSocket.send(bytes)
    this.#drain?.watch()
  }

  pause(): void {
    if (!this.#isEnding) this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  end(): void {
    this.#close(closeCodes.normal)
  }

  destroy(): void {
    this.#isEnding = true
    this.#webSocket.terminate()
  }

  /** Closes at once unless it is closing already. */
  abandon(): void {
    if (!this.#isEnding) this.destroy()
  }

  #close(code: number): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#deadline = setTimeout(() => this.#webSocket.terminate(), this.#options.closeTimeoutMs)
    // Reads on, to see the peer's Close frame.
    this.#webSocket.resume()
    this.#webSocket.close(code)
  }
}
