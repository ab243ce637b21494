import { onAbort } from '../abort.ts'
import { ClientError } from '../errors.ts'
import type { OpenTransport, Transport, TransportEvents } from '../transport/transport.ts'

/** How often to look whether the browser has sent what it was given: it does not say when. */
const drainMs = 20

/** How long a server may take to close its end after ours. */
const lingerMs = 2_000

/** Opens `ws:` or `wss:` with the WebSocket of the platform; throws for anything else. */
export const openWebSocket: OpenTransport = async ({ url }, events, signal) => {
  signal.throwIfAborted()
  if (!/^wss?:$/.test(url.protocol)) {
    const message = `a browser has ws: and wss: only, not ${url.protocol}`
    throw new ClientError('invalid-argument', message)
  }
  const address = new URL(url)
  // A name and password are for CONNECT: the browser would log in to the web server with them.
  address.username = ''
  address.password = ''
  const socket = new WebSocket(address.href, 'mqtt') // [MQTT5-6.0.0-3]
  socket.binaryType = 'arraybuffer'
  await opened(socket, signal)
  return transportOver(socket, events)
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

function transportOver(socket: WebSocket, events: TransportEvents): Transport {
  let failure: unknown
  let isOpen = true
  let isEnding = false
  let hasEnded = false
  // A browser cannot stop reading. What comes meanwhile waits here: with MQTT 5.0 the Receive Maximum
  // bounds it.
  let isPaused = false
  const waiting: Uint8Array[] = []
  let drain: unknown
  let linger: unknown

  const closed = () => {
    if (!isOpen) return
    isOpen = false
    isEnding = true
    clearTimeout(drain as number)
    clearTimeout(linger as number)
    events.closed(failure)
  }
  /** There is no harder way in a browser: `closed` does not wait for the server, the socket does. */
  const destroy = () => {
    isEnding = true
    socket.close()
    queueMicrotask(closed)
  }
  const watch = () => {
    drain = undefined
    if (isEnding) return
    if (socket.bufferedAmount === 0) events.drained()
    else drain = setTimeout(watch, drainMs)
  }
  const readOn = () => {
    while (!isPaused && !isEnding) {
      const bytes = waiting.shift()
      if (bytes === undefined) break
      events.receive(bytes)
    }
    // What came before the end is handed out before it.
    if (hasEnded && (waiting.length === 0 || isEnding)) closed()
  }
  socket.onmessage = ({ data }) => {
    if (isEnding) return
    if (data instanceof ArrayBuffer) {
      waiting.push(new Uint8Array(data))
      return readOn()
    }
    failure ??= new Error('the server sent a frame that is not binary') // [MQTT5-6.0.0-1]
    destroy()
  }
  socket.onclose = () => {
    hasEnded = true
    readOn()
  }
  socket.onerror = () => {
    failure ??= new Error('the WebSocket failed')
  }
  return {
    get bufferedBytes() {
      return socket.bufferedAmount
    },
    send(bytes) {
      if (isEnding) return
      socket.send(bytes as Uint8Array<ArrayBuffer>)
      drain ??= setTimeout(watch, 0)
    },
    pause() {
      isPaused = true
    },
    resume() {
      isPaused = false
      readOn()
    },
    end() {
      if (isEnding) return
      isEnding = true
      socket.close(1000)
      linger = setTimeout(closed, lingerMs)
    },
    destroy,
  }
}
