import { once } from 'node:events'
import { createServer } from 'node:net'
import { ConfigError, type ConfigSource } from '../../config-error.ts'
import { silentLog } from '../../log.ts'
import type { Listener } from '../listener.ts'
import { isPortUnused } from '../port-holder.ts'
import { listen } from '../tcp.ts'
import type { TlsFiles } from '../tls-files.ts'
import type { Reception } from './core-end.ts'
import { IoThread, type ThreadOptions } from './io-thread.ts'
import type { Place } from './messages.ts'

/**
 * Threads that hold the sockets: each listens on the same ports, and the system deals the connections
 * out. What they mean stays with the core.
 */
export class IoWorkers implements AsyncDisposable {
  readonly #threads: readonly IoThread[]
  readonly #receptions: Reception[]

  private constructor(threads: readonly IoThread[], receptions: Reception[]) {
    this.#threads = threads
    this.#receptions = receptions
  }

  /** Throws `ConfigError` where several sockets cannot listen on the same port. */
  static async start(
    count: number,
    options: Omit<ThreadOptions, 'receptions'>,
    source?: ConfigSource,
  ): Promise<IoWorkers> {
    await refuseWithoutSharedPorts(source)
    const receptions: Reception[] = []
    const given = { ...options, receptions }
    const starting = Array.from({ length: count }, (_, index) => IoThread.start(index + 1, given))
    const started = await Promise.allSettled(starting)
    const threads = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const workers = new IoWorkers(threads, receptions)
    const failed = started.find((each) => each.status === 'rejected')
    if (failed === undefined) return workers
    await workers[Symbol.asyncDispose]()
    throw failed.reason
  }

  get count(): number {
    return this.#threads.length
  }

  /** Opens a listener in all of them. Throws `ListenError`. */
  async listen(place: Place, kind: Listener['kind'], reception: Reception): Promise<Listener> {
    const [first, ...others] = this.#threads as [IoThread, ...IoThread[]]
    const number = this.#receptions.push(reception) - 1
    await refusePortInUse(place)
    const url = await first.listen(number, place)
    // The first has taken the port, where it is any.
    const port = Number(new URL(url).port)
    const listener = { ...place.listener, port } as Place['listener']
    await Promise.all(others.map((thread) => thread.listen(number, { ...place, listener })))
    let digest = place.material?.digest
    return {
      kind,
      url,
      stopAccepting: () => {
        reception.isClosed = true
        for (const thread of this.#threads) thread.stopAccepting(number)
      },
      replaceFiles: ({ material }: TlsFiles) => {
        if (material.digest === digest) return false
        digest = material.digest
        for (const thread of this.#threads) thread.replaceFiles(number, material)
        return true
      },
      [Symbol.asyncDispose]: async () => {
        await Promise.all(this.#threads.map((thread) => thread.close(number)))
      },
    }
  }

  /** Whether debug lines are wanted has changed. */
  debug(isOn: boolean): void {
    for (const thread of this.#threads) thread.debug(isOn)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()))
  }
}

/** Sockets that share a port would also share it with those of another broker, unnoticed. */
async function refusePortInUse({ listener, config }: Place): Promise<void> {
  if (listener.kind === 'unix' || listener.port === 0) return
  const { host, port } = listener
  // Whoever connects while it is tried would be refused.
  if (await isPortUnused(port)) return
  const server = createServer()
  const closeTimeoutMs = config.limits.closeTimeoutSeconds * 1_000
  const flag = listener.kind === 'ws' ? '--ws-port' : '--port'
  await listen(server, { host, port, closeTimeoutMs }, flag, silentLog)
  server.close()
  await once(server, 'close')
}

async function refuseWithoutSharedPorts(source: ConfigSource | undefined): Promise<void> {
  const server = createServer()
  const listening = once(server, 'listening')
  server.listen({ host: '127.0.0.1', port: 0, reusePort: true })
  try {
    await listening
    server.close()
  } catch {
    const text = 'needs a system on which several sockets can listen on one port; allowed is 0'
    throw new ConfigError([{ place: source?.locate(['workers']), path: 'workers', text }])
  }
}
