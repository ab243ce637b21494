import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Log } from '../log.ts'
import type { Transport, TransportEvents } from '../transport.ts'
import { Drain } from './drain.ts'
import { guardEvents } from './guard.ts'
import { type Accept, hostAndPort, type Listener, type PortOptions } from './listener.ts'
import { listen, peerAddress } from './tcp.ts'

export interface WebSocketOptions extends PortOptions {
  readonly path: string
  /** The largest MQTT packet; a message may be a little larger, as it may hold several. */
  readonly maximumPacketSize: number
  /** Taken from a client before anything was sent to it. */
  readonly connectBytes: number
  /** For the HTTP request. */
  readonly handshakeTimeoutMs: number
}

/** In the order in which one is chosen; MQTT 3.1 had a name of its own. */
const subprotocols = ['mqtt', 'mqttv3.1']

/** Waits for MQTT clients over WebSocket (section 6). Throws `ListenError`. */
export async function startWebSocketListener(
  options: WebSocketOptions,
  accept: Accept,
  log: Log,
): Promise<Listener> {
  const open = new Set<WebSocketTransport>()
  const server = createServer(
    {
      noDelay: true,
      maxHeaderSize: 16_384,
      headersTimeout: options.handshakeTimeoutMs,
      requestTimeout: options.handshakeTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, options.handshakeTimeoutMs),
    },
    (request, response) => {
      const status = isPath(request, options.path) ? 426 : 404
      if (status === 426) response.setHeader('Upgrade', 'websocket')
      response.writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close' })
      response.end(refusals[status])
    },
  )
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
    if (!isPath(request, options.path)) return refuse(socket, 404)
    if (!offersMqtt(request)) return refuse(socket, 400)
    upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const transport = new WebSocketTransport(webSocket, socket, options)
      open.add(transport)
      socket.once('close', () => open.delete(transport))
      try {
        transport.start(guardEvents(accept(transport), transport, log))
      } catch (error) {
        log.error('defect in the broker, connection refused', { address: transport.address, error })
        transport.destroy()
      }
    })
  })
  const port = await listen(server, options, '--ws-port', log)
  return {
    kind: 'ws',
    url: `ws://${hostAndPort(options.host, port)}${options.path}`,
    stopAccepting: () => void server.close(),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      for (const transport of open) transport.abandon()
      await closed
    },
  }
}

const refusals = {
  400: 'MQTT over WebSocket needs the subprotocol mqtt.\n',
  404: 'There is nothing here.\n',
  426: 'This is the address of an MQTT broker: connect with MQTT over WebSocket.\n',
} as const

/** Answers a request for an upgrade with an error. */
function refuse(socket: Socket, status: 400 | 404): void {
  const text = refusals[status]
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
      `Content-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  )
}

function isPath(request: IncomingMessage, path: string): boolean {
  return request.url?.split('?', 1)[0] === path
}

/** The client has to offer the subprotocol [MQTT5-6.0.0-3]. */
function offersMqtt(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol']?.split(',') ?? []
  return offered.some((name) => subprotocols.includes(name.trim()))
}

/** Of section 7.4.1 of RFC 6455. */
const closeCodes = { normal: 1_000, unsupportedData: 1_003 } as const

class WebSocketTransport implements Transport {
  readonly address: string
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #options: WebSocketOptions
  #drain: Drain | undefined
  #isEnding = false
  #hasWritten = false
  #deadline: NodeJS.Timeout | undefined

  constructor(webSocket: WebSocket, socket: Socket, options: WebSocketOptions) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#options = options
    this.address = peerAddress(socket)
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
      if (this.#hasWritten) this.#socket.off('data', count)
      else if (this.#socket.bytesRead > limit) this.destroy()
    }
    this.#socket.on('data', count)
  }

  get pendingBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  write(bytes: Uint8Array): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return
    this.#hasWritten = true
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
