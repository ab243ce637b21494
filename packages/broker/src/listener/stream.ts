import type { Server, Socket } from 'node:net'
import type { Log } from '../log.ts'
import { Members } from '../members.ts'
import { Front, type FrontOptions, type Take } from './front.ts'
import { guardEvents } from './guard.ts'
import { type Accept, hostAndPort, type Listener, type PortOptions } from './listener.ts'
import { listen, TcpTransport } from './tcp.ts'
import { listenOnPath, type PathOptions } from './unix-path.ts'

/**
 * Waits for MQTT clients on a TCP port behind TLS, a proxy, or both; `startTcpListener` is for those
 * that begin with MQTT. Throws `ListenError` when the port cannot be opened.
 */
export async function startFrontedTcpListener(
  options: PortOptions & FrontOptions,
  accept: Accept,
  log: Log,
): Promise<Listener> {
  const streams = new Streams(options, accept, log)
  const port = await listen(streams.server, options, '--port', log)
  const scheme = options.tls === undefined ? 'mqtt' : 'mqtts'
  return streams.listener('tcp', `${scheme}://${hostAndPort(options.host, port)}`)
}

/** Waits for MQTT clients on a Unix socket. Throws `ListenError` when it cannot be made. */
export async function startUnixListener(
  options: PathOptions & FrontOptions & Pick<PortOptions, 'closeTimeoutMs'>,
  accept: Accept,
  log: Log,
): Promise<Listener> {
  let count = 0
  const streams = new Streams({ ...options, address: () => `unix:${++count}` }, accept, log)
  await listenOnPath(streams.server, options)
  streams.server.on('error', (error) =>
    log.error('cannot accept a connection', { error: error.message }),
  )
  return streams.listener('unix', `unix://${options.path}`)
}

/** Sockets that carry MQTT once they have passed the front. */
class Streams {
  readonly #front: Front
  readonly #open = new Members<TcpTransport>()

  constructor(
    options: FrontOptions & { readonly closeTimeoutMs: number },
    accept: Accept,
    log: Log,
  ) {
    const { closeTimeoutMs } = options
    const closed = (transport: TcpTransport) => void this.#open.delete(transport)
    const take: Take = (socket: Socket, peer, begun) => {
      begun()
      const transport = new TcpTransport(socket, { closeTimeoutMs, closed }, peer)
      this.#open.add(transport)
      try {
        transport.start(guardEvents(accept(transport, peer.entry), transport, log))
      } catch (error) {
        log.error('defect in the broker, connection refused', { address: peer.address, error })
        transport.destroy()
      }
    }
    this.#front = new Front(options, take, log)
  }

  get server(): Server {
    return this.#front.server
  }

  listener(kind: Listener['kind'], url: string): Listener {
    const { server } = this
    return {
      kind,
      url,
      stopAccepting: () => void server.close(),
      replaceFiles: (files) => this.#front.replaceFiles(files),
      [Symbol.asyncDispose]: async () => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()))
        this.#front[Symbol.dispose]()
        for (const transport of this.#open) transport.abandon()
        await closed
      },
    }
  }
}
