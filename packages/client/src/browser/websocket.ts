import { onAbort } from '../abort.ts'
import type { OpenTransport, Transport, TransportEvents } from '../transport/transport.ts'

/** How often to look whether the browser has sent what it was given: it does not say when. */
const drainMs = 20

/** How long a server may take to close its end after ours. */
const lingerMs = 2_000

/** Opens `ws:` or `wss:` with the WebSocket of the platform. */
export const openWebSocket: OpenTransport = async ({ url }, events, signal) => {
  signal.throwIfAborted()
  const address = new URL(url)
  // A name and password are for CONNECT: the browser would log in to the web server with them.
  address.username = ''
  address.password = ''
  const socket = new WebSocket(address.href, 'mqtt') // [MQTT5-6.0.0-3]
  socket.binaryType = 'arraybuffer'
  await opened(socket, signal)
  return new WebSocketTransport(socket, events)
}

async function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  let forget = () => {}
  try {
    await new Promise<void>((resolve, reject) => {
      forget = onAbort(signal, () => reject(signal.reason))
      socket.onopen = () => resolve()
      // The browser keeps the reason to itself, and to its console.
      socket.onclose = () => reject(new Error('the WebSocket could not be opened'))
    })
    // Browsers see to it themselves; other platforms may not [MQTT5-6.0.0-4].
    if (socket.protocol !== 'mqtt') throw new Error('the server does not speak mqtt there')
  } catch (error) {
    socket.onclose = null
    socket.close()
    throw error
  } finally {
    forget()
  }
}

class WebSocketTransport implements Transport {
  readonly #socket: WebSocket
  readonly #events: TransportEvents
  #failure: unknown
  #isOpen = true
  #hasEnded = false
  #isEnding = false
  // A browser cannot stop reading. What comes meanwhile waits here: with MQTT 5.0 the Receive Maximum
  // bounds it.
  #isPaused = false
  readonly #waiting: Uint8Array[] = []
  #drain: unknown
  #linger: unknown

  constructor(socket: WebSocket, events: TransportEvents) {
    this.#socket = socket
    this.#events = events
    socket.onmessage = ({ data }) => this.#receive(data)
    socket.onclose = () => {
      this.#hasEnded = true
      // What came before the end is handed out before it.
      if (this.#waiting.length === 0 || this.#isEnding) this.#closed()
    }
    socket.onerror = () => {
      this.#failure ??= new Error('the WebSocket failed')
    }
  }

  #receive(data: unknown): void {
    if (this.#isEnding) return
    if (!(data instanceof ArrayBuffer)) {
      // [MQTT5-6.0.0-1]
      this.#failure ??= new Error('the server sent a frame that is not binary')
      this.destroy()
      return
    }
    const bytes = new Uint8Array(data)
    if (this.#isPaused) this.#waiting.push(bytes)
    else this.#events.receive(bytes)
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(bytes: Uint8Array): void {
    if (this.#isEnding) return
    this.#socket.send(bytes as Uint8Array<ArrayBuffer>)
    this.#drain ??= setTimeout(this.#watch, 0)
  }

  readonly #watch = (): void => {
    this.#drain = undefined
    if (this.#isEnding) return
    if (this.#socket.bufferedAmount === 0) this.#events.drained()
    else this.#drain = setTimeout(this.#watch, drainMs)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    while (!this.#isPaused && !this.#isEnding) {
      const bytes = this.#waiting.shift()
      if (bytes === undefined) break
      this.#events.receive(bytes)
    }
    if (this.#hasEnded && this.#waiting.length === 0) this.#closed()
  }

  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#socket.close(1000)
    this.#linger = setTimeout(() => this.#closed(), lingerMs)
  }

  /** There is no harder way in a browser: `closed` does not wait for the server, the socket does. */
  destroy(): void {
    this.#isEnding = true
    this.#socket.close()
    queueMicrotask(() => this.#closed())
  }

  #closed(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#isEnding = true
    clearTimeout(this.#drain as number)
    clearTimeout(this.#linger as number)
    this.#events.closed(this.#failure)
  }
}
