import type { z } from 'zod'
import { type Config, configSchema, type ListenerConfig } from './config.ts'
import { type ConfigProblem, type ConfigSource, describeIssues } from './config-error.ts'
import { listener } from './config-listeners.ts'

/** What is wrong with a configuration, and what is left of it when that is taken out. */
export interface SoundPart {
  readonly problems: readonly ConfigProblem[]
  /** All of it when nothing is wrong; undefined when too much is. */
  readonly config: Config | undefined
  /** By their position; undefined for one that is wrong. */
  readonly listeners: readonly (ListenerConfig | undefined)[]
}

/** So that what is wrong does not hide the state of files that the rest names. */
export function parseSoundPart(input: unknown, source?: ConfigSource): SoundPart {
  const result = configSchema.safeParse(input ?? {})
  const { problems = [] } = source ?? {}
  if (result.success) return { problems, config: result.data, listeners: result.data.listeners }
  const { issues } = result.error
  return {
    problems: [...problems, ...describeIssues(configSchema, issues, input, source)],
    config: withoutIssues(input, issues),
    listeners: soundListeners(input),
  }
}

function soundListeners(input: unknown): (ListenerConfig | undefined)[] {
  const listed = isSection(input) && Array.isArray(input.listeners) ? input.listeners : []
  return listed.map((each) => listener.safeParse(each).data)
}

/** What a section cannot do without takes it along when it is taken out. */
const mostSteps = 8

function withoutIssues(input: unknown, issues: readonly z.core.$ZodIssue[]): Config | undefined {
  let rest = input
  let found = issues
  for (let step = 0; step < mostSteps; step++) {
    const paths = found.flatMap((issue) => {
      const { path } = issue
      return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]
    })
    const before = rest
    rest = paths.map((path) => culprit(before, path)).reduce(without, before)
    const result = configSchema.safeParse(rest)
    if (result.success) return result.data
    found = result.error.issues
  }
  return undefined
}

/**
 * What has to go: a list as a whole, lest the entries behind one be told at the wrong place; and of
 * what is missing, that which it is missing from.
 */
function culprit(value: unknown, path: readonly PropertyKey[]): readonly string[] {
  const [key, ...rest] = path
  const inner = typeof key === 'string' && isSection(value) ? value[key] : undefined
  return inner === undefined ? [] : [key as string, ...culprit(inner, rest)]
}

function without(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined || !isSection(value)) return undefined
  const { [key]: inner, ...others } = value
  const left = rest.length === 0 || inner === undefined ? undefined : without(inner, rest)
  return left === undefined ? others : { ...others, [key]: left }
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
