/** An alias to send; the Topic Name goes with it unless the peer knows it. */
export interface TopicAlias {
  readonly alias: number
  readonly isKnown: boolean
}

/** The Topic Aliases we send, until the Network Connection ends [MQTT5-3.3.2-7]. */
export class OutboundTopicAliases {
  /** Least recently used first. */
  readonly #aliases = new Map<string, { alias: number; isKnown: boolean }>()
  readonly #maximum: number
  #latest = ''

  /** `maximum` is the peer's Topic Alias Maximum [MQTT5-3.1.2-26] [MQTT5-3.1.2-27], or less. */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /** The alias to send for a Topic Name: the least recently used one when all are taken. */
  assign(topicName: string): TopicAlias | undefined {
    if (this.#maximum === 0) return undefined
    const known = this.#aliases.get(topicName)
    const assigned = known ?? { alias: this.#free(), isKnown: false }
    if (topicName !== this.#latest) {
      this.#aliases.delete(topicName)
      this.#aliases.set(topicName, assigned)
      this.#latest = topicName
    }
    const { alias, isKnown } = assigned
    assigned.isKnown = true
    return { alias, isKnown }
  }

  /** The packet with the Topic Name was not sent: it has to go with the next one. */
  forget(topicName: string): void {
    const assigned = this.#aliases.get(topicName)
    if (assigned !== undefined) assigned.isKnown = false
  }

  #free(): number {
    if (this.#aliases.size < this.#maximum) return this.#aliases.size + 1 // from 1 [MQTT5-3.3.2-8]
    const [topicName, { alias }] = this.#aliases.entries().next().value as [string, TopicAlias]
    this.#aliases.delete(topicName)
    return alias
  }
}
