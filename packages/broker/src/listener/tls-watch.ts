import type { Config } from '../config.ts'
import { fileVersion } from '../file-version.ts'
import type { Log } from '../log.ts'
import type { Listener } from './listener.ts'
import { readTlsFiles, type TlsConfig } from './tls-files.ts'

/** How often the files are looked at. */
const lookMs = 2_000

interface Watched {
  readonly listener: Listener
  readonly tls: TlsConfig
  readonly path: readonly PropertyKey[]
  /** The versions of its files that are in use, or that were of no use. */
  dealtWith: string
  /** Those that were there at the last look. */
  seen: string
}

/**
 * The certificates of listeners, in use: taken up when their files have changed, and kept as they
 * were when those are of no use. What `listeners` of the configuration is never changes while they
 * are open.
 */
export class TlsWatch implements Disposable {
  readonly #log: Log
  readonly #watched: readonly Watched[]
  readonly #looking: NodeJS.Timeout | undefined

  private constructor(watched: readonly Watched[], log: Log) {
    this.#watched = watched
    this.#log = log
    if (watched.length === 0) return
    this.#looking = setInterval(() => void this.check(), lookMs).unref()
  }

  /** `listeners`: by their position in the configuration. */
  static async start(config: Config, listeners: readonly Listener[], log: Log): Promise<TlsWatch> {
    const watched: Watched[] = []
    for (const [index, listener] of listeners.entries()) {
      const settings = config.listeners[index]
      if (settings === undefined || settings.kind === 'unix' || settings.tls === undefined) continue
      const { tls } = settings
      const path = ['listeners', index, 'tls']
      // Read once more at first: they may have changed since the start read them.
      watched.push({ listener, tls, path, dealtWith: '', seen: await versionsOf(tls) })
    }
    return new TlsWatch(watched, log)
  }

  async check(): Promise<void> {
    for (const each of this.#watched) {
      const before = each.seen
      each.seen = await versionsOf(each.tls)
      // A certificate and its key are two files: they are read when both have stayed for a while.
      if (each.seen !== before || each.seen === each.dealtWith) continue
      each.dealtWith = each.seen
      this.#take(each)
    }
  }

  #take({ listener, tls, path }: Watched): void {
    const { url } = listener
    try {
      const files = readTlsFiles(tls, path)
      if (listener.replaceFiles?.(files) !== true) return
      for (const warning of files.warnings) this.#log.warn('TLS', { warning })
      this.#log.info('certificates replaced', { url, certificate: tls.certificate })
    } catch (error) {
      const problems = (error as Error).message.split('\n')
      this.#log.error('the certificates cannot be used, the old ones stay', { url, problems })
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking)
  }
}

async function versionsOf(tls: TlsConfig): Promise<string> {
  const { certificate, key, ca, crl, hosts } = tls
  const files = [
    certificate,
    key,
    ca,
    crl,
    ...hosts.flatMap((host) => [host.certificate, host.key]),
  ]
  const named = files.filter((file) => file !== undefined)
  return (await Promise.all(named.map(fileVersion))).join(', ')
}
