import { randomBytes } from 'node:crypto'
import type { Policies } from './access/access-control.ts'
import { loadPolicies } from './access/load-policies.ts'
import { openAuthentication } from './access/open-authentication.ts'
import { systemClock } from './clock.ts'
import type { Config, ListenerConfig } from './config.ts'
import { type ConfigSource, Problems } from './config-error.ts'
import { parseSoundPart } from './config-sound.ts'
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

interface CheckOptions<Opened> {
  readonly source?: ConfigSource | undefined
  /** Whoever embeds the broker lets nobody in without authentication. */
  readonly isGuarded: boolean
  /** Reads what else a configuration names; it is given what can be used of a bad one, too. */
  readonly open: (config: Config) => Promise<Opened>
}

/**
 * Checks a configuration with the files that it names, and those that `open` reads. Throws
 * `ConfigError` with everything that is wrong.
 */
export async function checkConfig(
  input: unknown,
  { source, isGuarded, open }: CheckOptions<unknown>,
): Promise<CheckedConfig> {
  const { config, listeners, problems: wrong } = parseSoundPart(input, source)
  const problems = new Problems(wrong)
  if (config === undefined) throw problems.error
  // Whether anybody has to authenticate can be said of the whole only.
  if (wrong.length === 0) {
    await problems.gather(() => refuseExposure(config, isGuarded, source))
  }
  const tls: (TlsFiles | undefined)[] = []
  for (const [index, listener] of listeners.entries()) {
    const read = () => readFilesOf(listener, ['listeners', index, 'tls'], source)
    tls.push(await problems.gather(read))
  }
  const policies = await problems.gather(() => {
    return loadPolicies(config, hasAuthentication(config, isGuarded), source)
  })
  await problems.gather(() => open(config))
  problems.throwAny()
  return { config, tls, policies }
}

/** The same, with what was opened; that is closed again when anything else is wrong. */
export async function openChecked<Opened extends { readonly authentication: Disposable }>(
  input: unknown,
  options: CheckOptions<Opened>,
): Promise<CheckedConfig & { readonly opened: Opened }> {
  const all: Opened[] = []
  const open = async (config: Config) => all.push(await options.open(config))
  try {
    const checked = await checkConfig(input, { ...options, open })
    return { ...checked, opened: all[0] as Opened }
  } catch (error) {
    for (const { authentication } of all) authentication[Symbol.dispose]()
    throw error
  }
}

/** The same with all that a start would read besides. Resolves with warnings for the operator. */
export async function tryConfig(input: unknown, source?: ConfigSource): Promise<string[]> {
  const open = (config: Config) => tryAuthentication(config, source)
  const { tls } = await checkConfig(input, { source, isGuarded: false, open })
  return tls.flatMap((files) => files?.warnings ?? [])
}

/** Reads the files that say who is let in. Throws `ConfigError`. */
export async function tryAuthentication(config: Config, source?: ConfigSource): Promise<void> {
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
}

function readFilesOf(
  listener: ListenerConfig | undefined,
  path: readonly PropertyKey[],
  source: ConfigSource | undefined,
): TlsFiles | undefined {
  if (listener === undefined || listener.kind === 'unix') return undefined
  if (listener.tls === undefined) return undefined
  return readTlsFiles(listener.tls, path, source)
}
