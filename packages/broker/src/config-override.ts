import { parseDocument } from 'yaml'
import { configSchema } from './config.ts'
import { ConfigError, pathText } from './config-error.ts'
import type { ConfigFile } from './config-file.ts'
import { describeSchema, member, schemaAt } from './config-settings.ts'

/** One setting given outside the file. */
export interface Override {
  readonly path: readonly (string | number)[]
  readonly value: unknown
  /** What an error points to, such as `--port`. */
  readonly place: string
}

/** Reads `mqtt.receiveMaximum=5` or `listeners[0].port=0`; the value is YAML. */
export function parseOverride(text: string, place: string): Override {
  const [name = '', ...rest] = text.split('=')
  const wrong = (problem: string) => new ConfigError([{ place, path: '', text: problem }])
  if (rest.length === 0 || !/^[a-z]\w*(\[\d{1,4}\]|\.[a-z]\w*)*$/i.test(name)) {
    throw wrong(`is ${JSON.stringify(text)}; allowed is path=value, as in mqtt.receiveMaximum=5`)
  }
  const document = parseDocument(rest.join('='), { prettyErrors: false, logLevel: 'error' })
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault !== undefined) throw wrong(`${name} has a value that is not YAML: ${fault.message}`)
  const path = [...name.matchAll(/\[(\d+)\]|\w+/g)].map(([key, index]) =>
    index === undefined ? key : Number(index),
  )
  return { path, value: document.toJS({ maxAliasCount: 0 }), place }
}

/** Puts settings over those of a file, the later ones over the earlier ones. */
export function overrideConfig(file: ConfigFile, overrides: readonly Override[]): ConfigFile {
  let input: unknown = file.input
  for (const override of overrides) input = replaced(input, override, 0)
  return {
    input,
    source: {
      ...file.source,
      locate: (path) =>
        overrides.findLast((override) => madeBy(override, path, file.input))?.place ??
        file.source.locate(path),
    },
  }
}

/** Whether what is at `path` was put there by the override and not by the file. */
function madeBy(override: Override, path: readonly PropertyKey[], input: unknown): boolean {
  const shared = path.slice(0, override.path.length)
  if (!shared.every((key, index) => override.path[index] === key)) return false
  return path.length >= override.path.length || path.reduce(member, input) === undefined
}

/** A copy of what is at the first `depth` keys of the override's path, with the override in it. */
function replaced(value: unknown, override: Override, depth: number): unknown {
  const { path, place } = override
  const key = path[depth]
  if (key === undefined) return override.value
  // One entry of a list that is not in the file changes the default list.
  const current = value ?? (typeof key === 'number' ? defaultList(path.slice(0, depth)) : {})
  if (typeof current !== 'object' || Array.isArray(current) !== (typeof key === 'number')) {
    throw new ConfigError([{ place, path: pathText(path), text: 'is not a setting' }])
  }
  const next = replaced(member(current, key), override, depth + 1)
  if (!Array.isArray(current) || typeof key !== 'number') return { ...current, [key]: next }
  if (key > current.length) {
    const text = `is past the end of the list, which has ${current.length} entries`
    throw new ConfigError([{ place, path: pathText(path), text }])
  }
  return current.toSpliced(key, 1, next)
}

function defaultList(path: readonly (string | number)[]): unknown {
  return schemaAt(describeSchema(configSchema), path, undefined)?.default ?? []
}
