import { noProperties, OutboundTopicAliases, type Publish } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { ClientError } from './errors.ts'
import type { Negotiated } from './options.ts'
import type { OutgoingMessage, PublishResult } from './outgoing-message.ts'
import {
  mayTakeAlias,
  plainResult,
  publishPacket,
  refusalOf,
  remainingSeconds,
  sizeBound,
} from './publish-packet.ts'

/** QoS 0: the system has taken the bytes. */
export const sent = plainResult('sent')

/** Messages onto one Network Connection, within the limits that the server has set for it. */
export class PublishWriter {
  readonly connection: Connection
  readonly limits: Negotiated
  readonly #clock: Clock
  readonly #aliases: OutboundTopicAliases
  #batch: Promise<void> | undefined
  #batchSent: Promise<PublishResult> | undefined

  constructor(
    connection: Connection,
    limits: Negotiated,
    { topicAliasMaximum, clock }: { readonly topicAliasMaximum: number; readonly clock: Clock },
  ) {
    this.connection = connection
    this.limits = limits
    this.#clock = clock
    this.#aliases = new OutboundTopicAliases(Math.min(limits.topicAliasMaximum, topicAliasMaximum))
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
    const { version, maximumPacketSize } = this.limits
    const packet = publishPacket(message, packetIdentifier, dup)
    if (version === 5 && message.expiresAt !== undefined) {
      const messageExpiryInterval = remainingSeconds(message.expiresAt, this.#clock.wallNow())
      packet.properties = { ...packet.properties, messageExpiryInterval }
    }
    // Near the limit there is no alias: the server must not miss the packet that announces it.
    const isNearLimit = sizeBound(packet) > maximumPacketSize
    if (!isNearLimit && mayTakeAlias(packet.topicName)) this.#takeAlias(packet)
    return this.connection.write(packet)
  }

  #takeAlias(packet: Publish): void {
    const assigned = this.#aliases.assign(packet.topicName)
    if (assigned === undefined) return
    const topicAlias = assigned.alias
    packet.properties =
      packet.properties === noProperties ? { topicAlias } : { ...packet.properties, topicAlias }
    if (assigned.isKnown) packet.topicName = ''
  }
}
