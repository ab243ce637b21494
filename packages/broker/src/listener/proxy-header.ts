import type { Socket } from 'node:net'
import { hostAndPort } from './listener.ts'
import { longestProxyHeader, type ProxyHeader, readProxyHeader } from './proxy-protocol.ts'

/**
 * Reads the PROXY header that a socket begins with. Calls back with the client's address, undefined
 * when the proxy speaks for itself, or with what is wrong. The socket is paused then, and has given
 * nothing of what follows the header.
 */
export function readProxyHeaderOf(
  socket: Socket,
  done: (client: string | undefined, fault?: string) => void,
): void {
  let seen = Buffer.alloc(0)
  const stop = () => {
    socket.off('data', read)
    socket.pause()
  }
  const read = (bytes: Buffer) => {
    seen = Buffer.concat([seen, bytes])
    let header: ProxyHeader | undefined
    try {
      header = readProxyHeader(seen.subarray(0, longestProxyHeader))
    } catch (error) {
      stop()
      return done(undefined, (error as Error).message)
    }
    if (header === undefined) return
    stop() // before anything is given back, which would come here again
    if (seen.length > header.length) socket.unshift(seen.subarray(header.length))
    done(header.client && hostAndPort(header.client.host, header.client.port))
  }
  socket.on('data', read)
}
