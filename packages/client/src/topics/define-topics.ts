import { TopicError } from './pattern.ts'
import type { TopicPattern } from './topic.ts'

/** Patterns by name: what the parts of one application agree on. */
// biome-ignore lint/suspicious/noExplicitAny: patterns of every type stand side by side
export type Topics = Readonly<Record<string, TopicPattern<any, any, any>>>

/**
 * Collects the patterns of an application. Throws a `TopicError` where two of them have the same
 * Topic Filter, since a message of one would also be read as the other.
 */
export function defineTopics<const Definitions extends Topics>(
  topics: Definitions,
): Readonly<Definitions> {
  const names = new Map<string, string>()
  for (const [name, { filter, pattern }] of Object.entries(topics)) {
    const other = names.get(filter)
    if (other !== undefined) {
      throw new TopicError(`${name} (${pattern}) has the same topics as ${other}: ${filter}`)
    }
    names.set(filter, name)
  }
  return Object.freeze({ ...topics })
}
