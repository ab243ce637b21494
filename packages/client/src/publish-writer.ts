import type { OutboundTopicAliases, Publish } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { ClientError } from './errors.ts'
import type { Negotiated } from './options.ts'
import type { OutgoingMessage, PublishResult } from './outgoing-message.ts'
import { plainResult, refusalOf } from './publish-packet.ts'

/** Shorter Topic Names cost less than what an alias saves. */
const shortestAliased = 8

/** QoS 0: the system has taken the bytes. */
export const sent = plainResult('sent')

/** The class of Topic Aliases, which comes later than a page's first message. */
export type MakesAliases = new (maximum: number) => OutboundTopicAliases

/** Messages onto one Network Connection, within the limits that the server has set for it. */
export class PublishWriter {
  readonly connection: Connection
  readonly limits: Negotiated
  readonly #clock: Clock
  #aliases: OutboundTopicAliases | undefined
  #batch: Promise<void> | undefined
  #batchSent: Promise<PublishResult> | undefined

  constructor(connection: Connection, limits: Negotiated, clock: Clock) {
    this.connection = connection
    this.limits = limits
    this.#clock = clock
  }

  useAliases(Aliases: MakesAliases): void {
    this.#aliases = new Aliases(this.limits.topicAliasMaximum)
  }

  get isCongested(): boolean {
    return this.connection.isCongested
  }

  /** Why the server would not take a message. */
  refusal(message: OutgoingMessage): ClientError | undefined {
    return refusalOf(message, this.limits)
  }

  /** Resolves when what was written so far is the system's: one promise for all of a batch. */
  sent(): Promise<PublishResult> {
    const batch = this.connection.sent()
    if (batch !== this.#batch || this.#batchSent === undefined) {
      this.#batch = batch
      this.#batchSent = batch.then(() => sent)
    }
    return this.#batchSent
  }

  /** False when the server would not take a packet of this size [MQTT5-3.2.2-15]. */
  write(message: OutgoingMessage, packetIdentifier: number, dup: boolean): boolean {
    const { qos, retain, topicName, payload, expiresAt } = message
    let { properties } = message
    if (expiresAt !== undefined && this.limits.version === 5) {
      const left = Math.ceil((expiresAt - this.#clock.wallNow()) / 1_000)
      properties = { ...properties, messageExpiryInterval: Math.max(1, left) }
    }
    const fields = { dup, qos, retain, topicName, packetIdentifier, properties, payload }
    const packet: Publish = { type: 'publish', ...fields }
    const isShort = topicName.length < shortestAliased
    const assigned = isShort ? undefined : this.#aliases?.assign(topicName)
    if (assigned === undefined) return this.connection.write(packet)
    packet.properties = { ...properties, topicAlias: assigned.alias }
    if (assigned.isKnown) packet.topicName = ''
    if (this.connection.write(packet)) return true
    // The alias that was to be announced can have been what made it too large.
    this.#aliases?.forget(topicName)
    return this.connection.write({ ...packet, topicName, properties })
  }
}
