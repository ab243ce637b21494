import { OutboundTopicAliases, type Publish, writePublish } from '@busbar/protocol'
import type { Connection } from './connection.ts'

/** Shorter Topic Names cost less than what an alias saves. */
const shortestAliased = 8

/** PUBLISH with Topic Aliases, on one Network Connection. */
export class AliasedPublish {
  readonly #connection: Connection
  readonly #aliases: OutboundTopicAliases

  /** `maximum` is the server's Topic Alias Maximum, or less. */
  constructor(connection: Connection, maximum: number) {
    this.#connection = connection
    this.#aliases = new OutboundTopicAliases(maximum)
  }

  /** False when the server would not take a packet of this size. */
  write(packet: Publish): boolean {
    const { topicName, properties } = packet
    const isShort = topicName.length < shortestAliased
    const assigned = isShort ? undefined : this.#aliases.assign(topicName)
    if (assigned === undefined) return this.#connection.write(packet, writePublish)
    packet.properties = { ...properties, topicAlias: assigned.alias }
    if (assigned.isKnown) packet.topicName = ''
    if (this.#connection.write(packet, writePublish)) return true
    // The alias that was to be announced can have been what made it too large.
    this.#aliases.forget(topicName)
    return this.#connection.write({ ...packet, topicName, properties }, writePublish)
  }
}
