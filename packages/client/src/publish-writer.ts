import { OutboundTopicAliases, type Publish, writePublish } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import { ClientError } from './errors.ts'
import type { OutgoingMessage } from './outgoing-message.ts'

/** Shorter Topic Names cost less than what an alias saves. */
const shortestAliased = 8

/**
 * PUBLISH on one Network Connection, with what a first message goes without: Topic Aliases, and what is
 * left of a Message Expiry Interval.
 */
export class PublishWriter {
  readonly #connection: Connection
  readonly #aliases: OutboundTopicAliases
  readonly #clock: Clock

  /** `topicAliasMaximum` is the server's, or less. */
  constructor(connection: Connection, topicAliasMaximum: number, clock: Clock) {
    this.#connection = connection
    this.#aliases = new OutboundTopicAliases(topicAliasMaximum)
    this.#clock = clock
  }

  /** Why a message is too late. */
  refusalOf({ expiresAt = Number.POSITIVE_INFINITY }: OutgoingMessage): ClientError | undefined {
    if (expiresAt > this.#clock.wallNow()) return undefined
    return new ClientError('expired', 'the message has expired before it could be sent')
  }

  /** False when the server would not take a packet of this size. */
  write(packet: Publish, expiresAt: number | undefined): boolean {
    if (expiresAt !== undefined) {
      const left = Math.ceil((expiresAt - this.#clock.wallNow()) / 1_000)
      packet.properties = { ...packet.properties, messageExpiryInterval: Math.max(1, left) }
    }
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
