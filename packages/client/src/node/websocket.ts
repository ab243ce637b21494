import { createHash, randomBytes } from 'node:crypto'
import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import type { Socket } from 'node:net'
import type { Transport, TransportEvents, TransportTarget } from '../transport/transport.ts'
import { explainCertificate } from './certificate-error.ts'
import { firstOf, hostOf, tlsConnection } from './socket.ts'
import { CloseCode, encodeFrame, FrameReader, Opcode, WebSocketError } from './websocket-frames.ts'

// Not the WebSocket of the platform: Node 20 has none, and that of later ones can neither stop
// reading nor be given a certificate.

/** How long a server may take to close its end after ours. */
const lingerMs = 2_000

/** Opens `ws:` or `wss:`, as RFC 6455 has it. */
export async function openWebSocket(
  target: TransportTarget,
  events: TransportEvents,
  signal: AbortSignal,
): Promise<Transport> {
  signal.throwIfAborted()
  const key = randomBytes(16).toString('base64')
  const { socket, head } = await upgraded(openRequest(target, key), key, signal)
  return new WebSocketTransport(socket, head, events)
}

function openRequest({ url, tls = {} }: TransportTarget, key: string): ClientRequest {
  const isSecure = url.protocol === 'wss:'
  const options = {
    host: hostOf(url),
    port: Number(url.port || (isSecure ? 443 : 80)),
    path: `${url.pathname || '/'}${url.search}`,
    agent: false,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Protocol': 'mqtt', // [MQTT5-6.0.0-3]
    },
  }
  return isSecure
    ? requestSecure({ ...options, ...tlsConnection(url, tls) })
    : requestPlain(options)
}

interface Upgraded {
  readonly socket: Socket
  /** What came behind the answer. */
  readonly head: Uint8Array
}

/** Resolves when the server has agreed; leaves nothing open when it rejects. */
async function upgraded(
  request: ClientRequest,
  key: string,
  signal: AbortSignal,
): Promise<Upgraded> {
  let onAbort = () => {}
  try {
    return await new Promise<Upgraded>((resolve, reject) => {
      onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      request.on('error', (error) => reject(explainCertificate(firstOf(error))))
      request.once('response', ({ statusCode }) => {
        reject(new Error(`the server answered ${statusCode} and opened no WebSocket`))
      })
      request.once('upgrade', (response: IncomingMessage, socket: Socket, head: Uint8Array) => {
        const refusal = checkAnswer(response, key)
        if (refusal === undefined) return resolve({ socket, head })
        socket.on('error', () => {})
        socket.destroy()
        reject(new Error(refusal))
      })
      request.end()
    })
  } catch (error) {
    request.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Why the answer to the upgrade will not do (RFC 6455, section 4.1). */
function checkAnswer({ statusCode, headers }: IncomingMessage, key: string): string | undefined {
  if (statusCode !== 101 || headers.upgrade?.toLowerCase() !== 'websocket') {
    return 'the server changed to something that is not a WebSocket'
  }
  const expected = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  if (headers['sec-websocket-accept'] !== expected)
    return 'the server has not read our WebSocket key'
  if (headers['sec-websocket-extensions'] !== undefined)
    return 'the server uses an extension unasked'
  // [MQTT5-6.0.0-4]
  if (headers['sec-websocket-protocol'] !== 'mqtt') return 'the server does not speak mqtt there'
  return undefined
}

class WebSocketTransport implements Transport {
  readonly #socket: Socket
  readonly #written: () => void
  #failure: unknown
  #isEnding = false
  #linger: NodeJS.Timeout | undefined

  constructor(socket: Socket, head: Uint8Array, events: TransportEvents) {
    this.#socket = socket
    socket.setNoDelay(true)
    this.#written = () => {
      if (socket.writableLength === 0 && !this.#isEnding && !socket.destroyed) events.drained()
    }
    const frames = new FrameReader({
      data: (bytes) => {
        if (!this.#isEnding) events.receive(bytes)
      },
      ping: (payload) => this.#write(Opcode.pong, payload),
      close: () => this.end(),
    })
    socket.on('error', (error) => {
      this.#failure ??= error
    })
    socket.on('data', (bytes: Uint8Array) => this.#read(frames, bytes))
    socket.once('close', () => {
      clearTimeout(this.#linger)
      events.closed(this.#failure)
    })
    if (head.length > 0) socket.unshift(head)
  }

  #read(frames: FrameReader, bytes: Uint8Array): void {
    try {
      frames.push(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error
      this.#failure ??= error
      this.#close(error.closeCode)
    }
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  send(bytes: Uint8Array): void {
    if (!this.#isEnding) this.#write(Opcode.binary, bytes)
  }

  #write(opcode: number, payload: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(encodeFrame(opcode, payload), this.#written)
  }

  pause(): void {
    if (!this.#isEnding) this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#close(CloseCode.normal)
  }

  #close(code: number): void {
    if (this.#isEnding) return
    this.#isEnding = true
    // Reads on, and throws away, to see the server's end.
    this.#socket.resume()
    this.#write(Opcode.close, new Uint8Array([code >> 8, code & 0xff]))
    this.#socket.end()
    this.#linger = setTimeout(() => this.#socket.destroy(), lingerMs)
  }

  destroy(): void {
    this.#isEnding = true
    this.#socket.destroy()
  }
}
