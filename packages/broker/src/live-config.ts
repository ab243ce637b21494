import type { Config } from './config.ts'
import { pathText } from './config-error.ts'

/** What became of a new configuration while the broker ran. */
export interface Reloaded {
  /** Settings that are in force now. */
  readonly changed: readonly string[]
  /** Settings that are other than those in force, until the broker is started anew. */
  readonly needsRestart: readonly string[]
  /** Files that were read again, because something in them was new. */
  readonly files: readonly string[]
}

/** Sections and settings that are looked up each time they matter. */
const live = ['limits', 'log.level', 'auth', 'access']

/** Of these, what a listener was opened with. */
const fixed = ['limits.closeTimeoutSeconds', 'limits.connectTimeoutSeconds', 'limits.connectBytes']

/** The configuration in force after `next` was read: what can change is new, the rest is as it was. */
export function mergeLive(
  current: Config,
  next: Config,
): { config: Config } & Pick<Reloaded, 'changed' | 'needsRestart'> {
  const paths = differences(current, next)
  const [changed, needsRestart] = [paths.filter(isLive), paths.filter((path) => !isLive(path))]
  const { closeTimeoutSeconds, connectTimeoutSeconds, connectBytes } = current.limits
  const limits = { ...next.limits, closeTimeoutSeconds, connectTimeoutSeconds, connectBytes }
  const log = { ...current.log, level: next.log.level }
  const { auth, access } = next
  return { config: { ...current, limits, log, auth, access }, changed, needsRestart }
}

function isLive(path: string): boolean {
  if (fixed.includes(path)) return false
  return live.some(
    (prefix) =>
      path === prefix || (/^[.[]/.test(path.slice(prefix.length)) && path.startsWith(prefix)),
  )
}

/** The paths of all settings that differ. */
function differences(a: unknown, b: unknown, path: readonly PropertyKey[] = []): string[] {
  if (Object.is(a, b)) return []
  if (!isObject(a) || !isObject(b)) return [pathText(path)]
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  const isList = Array.isArray(a)
  return keys.flatMap((key) => differences(a[key], b[key], [...path, isList ? Number(key) : key]))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
