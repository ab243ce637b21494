import { changePolicies } from './access-change.ts'
import type { Config } from './config.ts'
import { type CheckedConfig, checkConfig, tryAuthentication } from './config-check.ts'
import { ConfigError, type ConfigSource } from './config-error.ts'
import type { Core } from './core.ts'
import type { Listener } from './listener/listener.ts'
import { mergeLive, type Reloaded } from './live-config.ts'
import type { AdjustableLog, Log } from './log.ts'

/** A configuration that has been read and not yet checked. */
export interface UncheckedConfig {
  readonly input: unknown
  readonly source?: ConfigSource | undefined
}

/** Something else that follows the configuration: prepared first, then put in force at once. */
export type Follower = (config: Config) => Promise<() => void>

export interface ReloaderOptions {
  readonly core: Core
  readonly log: Log
  /** Only its own log has a level that can change. */
  readonly ownLog: AdjustableLog | undefined
  /** By their position in the configuration. */
  readonly listeners: readonly Listener[]
  readonly isGuarded: boolean
  /** The rules are those of the configuration, not of the program. */
  readonly followsAccess: boolean
  /** Reads again what the broker was started with. */
  readonly reread: (() => Promise<UncheckedConfig>) | undefined
  readonly followers: readonly Follower[]
}

/** Puts a new configuration in force while the broker runs, as far as that is possible. */
export class Reloader {
  readonly #options: ReloaderOptions
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ReloaderOptions) {
    this.#options = options
  }

  /** One at a time. Rejects with `ConfigError` when it cannot be used: nothing has changed then. */
  reload(given?: UncheckedConfig): Promise<Reloaded> {
    const next = this.#last.then(() => this.#reload(given))
    this.#last = next.catch(() => {})
    return next
  }

  async #reload(given: UncheckedConfig | undefined): Promise<Reloaded> {
    const { core, log, ownLog, isGuarded, followsAccess, followers } = this.#options
    try {
      const { input, source } = given ?? (await this.#read())
      const merge = (config: Config) => mergeLive(core.config, config)
      const checked = await checkConfig(input, {
        source,
        isGuarded,
        open: (config) => tryAuthentication(merge(config).config, source),
      })
      const merged = merge(checked.config)
      // What is open keeps its place: its files are read where they were.
      const open = await checkConfig(merged.config, { source, isGuarded, open: async () => {} })
      const commits = await Promise.all(followers.map((follow) => follow(merged.config)))
      // From here on nothing can fail.
      core.config = merged.config
      ownLog?.setLevel(merged.config.log.level)
      if (followsAccess) changePolicies(core, open.policies)
      for (const commit of commits) commit()
      const { changed, needsRestart } = merged
      const reloaded = { changed, needsRestart, files: this.#replaceFiles(open) }
      log.info('configuration reloaded', reloaded)
      return reloaded
    } catch (error) {
      if (error instanceof ConfigError) {
        const problems = error.message.split('\n')
        log.error('the new configuration cannot be used, the old one stays', { problems })
      } else log.error('the configuration could not be reloaded', { error })
      throw error
    }
  }

  async #read(): Promise<UncheckedConfig> {
    const { reread, core } = this.#options
    return (await reread?.()) ?? { input: core.config }
  }

  #replaceFiles({ config, tls }: CheckedConfig): string[] {
    return config.listeners.flatMap((listener, index) => {
      const files = tls[index]
      if (files === undefined || listener.kind === 'unix' || listener.tls === undefined) return []
      for (const warning of files.warnings) this.#options.log.warn('TLS', { warning })
      const isNew = this.#options.listeners[index]?.replaceFiles?.(files) === true
      return isNew ? [listener.tls.certificate] : []
    })
  }
}
