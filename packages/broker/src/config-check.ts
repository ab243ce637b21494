import { randomBytes } from 'node:crypto'
import type { Policies } from './access/access-control.ts'
import { loadPolicies } from './access/load-policies.ts'
import { openAuthentication } from './access/open-authentication.ts'
import { systemClock } from './clock.ts'
import { type Config, type ListenerConfig, parseConfig } from './config.ts'
import { ConfigError, type ConfigProblem, type ConfigSource } from './config-error.ts'
import { allowsAnonymous, hasAuthentication, passwordFileOf, refuseExposure } from './exposure.ts'
import { readTlsFiles, type TlsFiles } from './listener/tls-files.ts'
import { silentLog } from './log.ts'

/** A configuration whose files have been read and checked as well. */
export interface CheckedConfig {
  readonly config: Config
  /** By the position of the listener. */
  readonly tls: readonly (TlsFiles | undefined)[]
  readonly policies: Policies | undefined
}

/**
 * Checks a configuration with the files that it names. Throws `ConfigError` with everything that is
 * wrong. `isGuarded`: whoever embeds the broker lets nobody in without authentication.
 */
export async function checkConfig(
  input: unknown,
  source?: ConfigSource,
  isGuarded = false,
  also: (config: Config) => Promise<void> = async () => {},
): Promise<CheckedConfig> {
  const config = parseConfig(input, source)
  const problems = new Problems()
  await problems.gather(() => refuseExposure(config, isGuarded, source))
  const tls: (TlsFiles | undefined)[] = []
  for (const [index, listener] of config.listeners.entries()) {
    const read = () => readFilesOf(listener, ['listeners', index, 'tls'], source)
    tls.push(await problems.gather(read))
  }
  const policies = await problems.gather(() => {
    return loadPolicies(config, hasAuthentication(config, isGuarded))
  })
  await problems.gather(() => also(config))
  problems.throwAny()
  return { config, tls, policies }
}

/** The same with all that a start would read besides. Resolves with warnings for the operator. */
export async function tryConfig(input: unknown, source?: ConfigSource): Promise<string[]> {
  const { tls } = await checkConfig(input, source, false, async (config) => {
    const authentication = await openAuthentication({
      config,
      clock: systemClock,
      random: { bytes: (count) => randomBytes(count) },
      log: silentLog,
      authenticators: [],
      passwordFile: passwordFileOf(config),
      allowAnonymous: allowsAnonymous(config, false),
      source,
    })
    authentication[Symbol.dispose]()
  })
  return tls.flatMap((files) => files?.warnings ?? [])
}

function readFilesOf(
  listener: ListenerConfig,
  path: readonly PropertyKey[],
  source: ConfigSource | undefined,
): TlsFiles | undefined {
  if (listener.kind === 'unix' || listener.tls === undefined) return undefined
  return readTlsFiles(listener.tls, path, source)
}

/** Lets checks go on behind one that has failed. */
class Problems {
  readonly #found: ConfigProblem[] = []

  async gather<T>(check: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await check()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#found.push(...error.problems)
      return undefined
    }
  }

  throwAny(): void {
    if (this.#found.length > 0) throw new ConfigError(this.#found)
  }
}
