import type { z } from 'zod'
import {
  allowedText,
  describeSchema,
  listSettings,
  member,
  type SettingSchema,
  schemaAt,
} from './config-settings.ts'
import { closest, plain } from './did-you-mean.ts'

/** Where a configuration came from, so that an error can point there. */
export interface ConfigSource {
  /** The place of a setting, such as `busbar.yaml:3:5`; of what encloses it when it is absent. */
  locate(path: readonly PropertyKey[]): string | undefined
  /** What was found wrong when it was read. */
  readonly problems?: readonly ConfigProblem[]
}

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Such as `busbar.yaml:3:5`, or `--set`. */
  readonly place?: string | undefined
  /** Such as `listeners[0].port`; empty when it is about the whole. */
  readonly path: string
  /** What is wrong; what is allowed. */
  readonly text: string
}

/** The operator's fault: everything that is wrong with a configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(found: readonly ConfigProblem[]) {
    const problems = inOrder(found)
    super(problems.map(problemLine).join('\n'))
    this.problems = problems
  }
}

/** Gathers what is wrong, and lets checks go on behind one that has failed. */
export class Problems {
  readonly #found: ConfigProblem[]

  constructor(found: readonly ConfigProblem[] = []) {
    this.#found = [...found]
  }

  async gather<T>(check: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await check()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#found.push(...error.problems)
      return undefined
    }
  }

  get error(): ConfigError {
    return new ConfigError(this.#found)
  }

  throwAny(): void {
    if (this.#found.length > 0) throw this.error
  }
}

/** What is wrong with a file as a whole is told where the file is named. */
export function fileProblem(
  error: unknown,
  file: string,
  { path, source }: { path: readonly PropertyKey[]; source: ConfigSource | undefined },
): unknown {
  if (!(error instanceof ConfigError)) return error
  const named = { place: source?.locate(path), path: pathText(path) }
  return new ConfigError(
    error.problems.map((problem) =>
      problem.place === file && problem.path === ''
        ? { ...named, text: `is ${JSON.stringify(file)}, which ${problem.text}` }
        : problem,
    ),
  )
}

/** As an editor would go through them: one file after the other, line by line. */
function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const places = problems.map(({ place = '' }) => {
    const [, file = place, line = 0, column = 0] = /^(.*):(\d+):(\d+)$/s.exec(place) ?? []
    return { file, line: Number(line), column: Number(column) }
  })
  const files = places.map(({ file }) => file)
  return problems
    .map((problem, at) => ({ problem, ...(places[at] as (typeof places)[number]) }))
    .sort(
      (a, b) =>
        files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    )
    .map(({ problem }) => problem)
}

function problemLine({ place, path, text }: ConfigProblem): string {
  return [place, path, text].filter((part) => part !== undefined && part !== '').join(': ')
}

/** Puts what the schema found into the operator's words. */
export function describeIssues(
  zodSchema: z.ZodType,
  issues: readonly z.core.$ZodIssue[],
  input: unknown,
  source?: ConfigSource,
): ConfigProblem[] {
  const schema = describeSchema(zodSchema)
  const problems = new Map<string, ConfigProblem>()
  for (const issue of issues) {
    const found =
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({
            at: [...issue.path, key],
            text: unknownKey(schema, issue.path, key, input),
          }))
        : [{ at: issue.path, text: invalidValue(schema, issue, input) }]
    for (const { at, text } of found) {
      const path = pathText(at)
      // The first one says what is allowed; a second one about the same value adds nothing.
      if (!problems.has(path)) problems.set(path, { place: source?.locate(at), path, text })
    }
  }
  return [...problems.values()]
}

function unknownKey(
  schema: SettingSchema,
  section: readonly PropertyKey[],
  key: string,
  input: unknown,
): string {
  const known = Object.keys(schemaAt(schema, section, input)?.properties ?? {})
  const near = closest(key, known)
  const meant = near === undefined ? elsewhere(schema, key) : pathText([...section, near])
  if (meant !== undefined) return `is not a setting; did you mean ${meant}?`
  return `is not a setting; allowed here is ${known.join(', ')}`
}

/** A setting of that name in another section, if there is exactly one. */
function elsewhere(schema: SettingSchema, key: string): string | undefined {
  const paths = listSettings(schema).flatMap(({ path }) => (path.includes('[') ? [] : path))
  const same = paths.filter((path) => plain(path.split('.').at(-1) ?? '') === plain(key))
  return same.length === 1 ? same[0] : undefined
}

function invalidValue(schema: SettingSchema, issue: z.core.$ZodIssue, input: unknown): string {
  // Our own checks know better: the value may be a default that nobody wrote.
  if (issue.code === 'custom' && issue.params?.text) return String(issue.params.text)
  const node = schemaAt(schema, issue.path, input)
  const value = issue.path.reduce(member, input)
  const wrong = value === undefined ? 'is missing' : `is ${show(value, node)}`
  const allowed = node === undefined ? issue.message : allowedText(node)
  return `${wrong}; allowed is ${allowed}`
}

function show(value: unknown, node: SettingSchema | undefined): string {
  if (node?.secret === true) return 'not valid'
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}

/** `listeners[0].port` */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = String(key)
    if (!/^[\w$-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`
    return text === '' ? name : `${text}.${name}`
  }, '')
}
