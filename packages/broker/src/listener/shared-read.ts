import { type Server, Socket, type SocketConstructorOpts } from 'node:net'

/**
 * As large as what a socket of a fast sender holds: `net` would allocate a buffer for each read, and
 * the garbage collector would pay for it.
 */
const bufferBytes = 262_144

/** One for all sockets of the thread: bytes are valid until the next read. */
const buffer = new Uint8Array(bufferBytes)

/** What `net` accepts connections with; not documented, hence looked at before it is used. */
interface Handle {
  readonly useUserBuffer?: unknown
}
type OnConnection = (this: unknown, error: number, handle: Handle | undefined) => void

/** A socket whose `data` lies in the buffer of all of them: valid during the call only. */
export class SharedReadSocket extends Socket {
  constructor(handle: Handle) {
    const options = {
      handle,
      allowHalfOpen: false,
      readable: true,
      writable: true,
      onread: {
        buffer,
        callback: (length: number) => {
          this.emit('data', buffer.subarray(0, length))
          return true
        },
      },
    }
    super(options as unknown as SocketConstructorOpts)
  }
}

/**
 * Lets a server that listens make its connections of `SharedReadSocket`: `createServer` does not
 * pass on the option `onread`, so the accepted handle is wrapped here. Where Node has changed what
 * this needs, the connections are those of `net`. The server does not count the wrapped ones: its
 * `close` does not wait for them.
 */
export function shareReads(server: Server): void {
  const { _handle: listening } = server as unknown as {
    readonly _handle?: { onconnection?: OnConnection }
  }
  const original = listening?.onconnection
  if (listening === undefined || typeof original !== 'function') return
  listening.onconnection = function (error, handle) {
    if (error !== 0 || typeof handle?.useUserBuffer !== 'function')
      return original.call(this, error, handle)
    const socket = new SharedReadSocket(handle)
    socket.setNoDelay(true)
    server.emit('connection', socket)
  }
}
