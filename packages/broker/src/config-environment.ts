import { configSchema } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { type Override, parseOverride } from './config-override.ts'
import { describeSchema, listSettings } from './config-settings.ts'
import { closest } from './did-you-mean.ts'

const prefix = 'BUSBAR_'

/** Is for clients, and may be there when a broker is started. */
const passwordName = 'BUSBAR_PASSWORD'

/** What the environment says of a configuration. */
export interface EnvironmentOverrides {
  readonly overrides: readonly Override[]
  /** Names that begin like those of settings and are none, and values that are not YAML. */
  readonly problems: readonly ConfigProblem[]
}

/**
 * Settings from the environment: `BUSBAR_LIMITS_QUEUE_MESSAGES=5` is `limits.queue.messages`,
 * `BUSBAR_LISTENERS_0_PORT=0` is `listeners[0].port`. Values are YAML.
 */
export function environmentOverrides(
  environment: Readonly<Record<string, string | undefined>>,
): EnvironmentOverrides {
  const overrides: Override[] = []
  const problems: ConfigProblem[] = []
  let known: ReadonlyMap<string, string> | undefined
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || name === passwordName || value === undefined) continue
    // Only now: most brokers have none, and this is a tenth of a second at the start.
    known ??= knownNames()
    const path = pathOf(name, known)
    if (path === undefined) problems.push(unknown(name, known))
    else {
      try {
        overrides.push(parseOverride(`${path}=${value}`, name))
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        problems.push(...error.problems)
      }
    }
  }
  return { overrides, problems }
}

/** The path of each setting, or section, by its name without what is only there to be read. */
function knownNames(): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { path } of listSettings(describeSchema(configSchema))) {
    const whole = path.replaceAll(/\[\w*\]/g, '[]')
    const parts = whole.split('.')
    for (let count = 1; count <= parts.length; count++) {
      const section = parts.slice(0, count).join('.')
      names.set(bare(section.replaceAll('[]', '0')), section)
    }
  }
  return names
}

/** Letters and digits only, and every index as 0, as no name of a setting has digits between _. */
const bare = (name: string) => name.replaceAll(/[^A-Za-z0-9]/g, '').toLowerCase()

function pathOf(name: string, known: ReadonlyMap<string, string>): string | undefined {
  const parts = name.slice(prefix.length).split('_')
  const indexes = parts.filter(isIndex)
  const path = known.get(bare(parts.map((part) => (isIndex(part) ? '0' : part)).join('_')))
  if (path === undefined) return undefined
  return path.replaceAll('[]', () => `[${indexes.shift() ?? 0}]`)
}

const isIndex = (part: string) => /^\d{1,4}$/.test(part)

function unknown(name: string, known: ReadonlyMap<string, string>): ConfigProblem {
  const near = closest(bare(name.slice(prefix.length)), [...known.keys()])
  const path = near === undefined ? undefined : known.get(near)
  const meant = path === undefined ? '' : `; did you mean ${environmentName(path)}?`
  return { place: name, path: '', text: `is not a setting${meant}` }
}

/** `limits.queue.messages` as `BUSBAR_LIMITS_QUEUE_MESSAGES`. */
export function environmentName(path: string): string {
  const words = path
    .replaceAll('[]', '_0')
    .replaceAll('.', '_')
    .replaceAll(/([a-z0-9])([A-Z][a-z])/g, '$1_$2')
  return `${prefix}${words.toUpperCase()}`
}
