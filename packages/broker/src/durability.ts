import { parseTopicFilter, type TopicFilter, topicMatches } from '@busbar/protocol'
import type { Config } from './config.ts'
import type { DurabilityLevel } from './store/store.ts'

/** How durable what is: by the first rule whose filter matches, then by listener, then by default. */
export class Durability {
  readonly default: DurabilityLevel
  readonly #rules: readonly { readonly filter: TopicFilter; readonly level: DurabilityLevel }[]

  constructor({ durability }: Config) {
    this.default = durability.default
    this.#rules = durability.rules.map(({ filter, level }) => ({
      filter: parseTopicFilter(filter),
      level,
    }))
  }

  /** The level of a message; `otherwise` is that of the Session it is for. */
  ofMessage(topicName: string, otherwise: DurabilityLevel = this.default): DurabilityLevel {
    if (this.#rules.length === 0) return otherwise
    const rule = this.#rules.find(({ filter }) => topicMatches(filter, topicName))
    return rule?.level ?? otherwise
  }
}
