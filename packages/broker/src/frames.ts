import { encodePacket, type Publish, type PublishProperties } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { Message } from './message.ts'
import type { Delivery } from './session.ts'

/** A Topic Alias adds its identifier and two bytes. */
const aliasBytes = 3

/**
 * Encodes outgoing PUBLISH packets. What many subscribers get alike (QoS 0, nothing of their own in
 * it) is encoded once for each version and RETAIN flag of the message at hand.
 */
export class Frames {
  readonly #clock: Clock
  #message: Message | undefined
  readonly #shared: (Uint8Array | undefined)[] = [undefined, undefined, undefined, undefined]

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Undefined when the packet would be larger than the client accepts [MQTT5-3.1.2-24]. */
  encode(
    connection: Connection,
    delivery: Delivery,
    packetIdentifier: number,
    dup: boolean,
  ): Uint8Array | undefined {
    const { outboundAliases, maximumPacketSize } = connection
    const isShared =
      delivery.qos === 0 &&
      delivery.subscriptionIdentifiers.length === 0 &&
      outboundAliases === undefined
    const frame = isShared
      ? this.#encodeOnce(connection, delivery)
      : this.#encode(connection, delivery, packetIdentifier, dup)
    if (frame.length > maximumPacketSize) return undefined
    // An alias is given only to what is sent: one that was dropped would not be known to the client.
    if (outboundAliases === undefined || frame.length + aliasBytes > maximumPacketSize) return frame
    return this.#encode(connection, delivery, packetIdentifier, dup, true)
  }

  #encodeOnce(connection: Connection, delivery: Delivery): Uint8Array {
    const { message } = delivery
    if (this.#message !== message) {
      this.#message = message
      this.#shared.fill(undefined)
    }
    const which = (connection.version === 5 ? 2 : 0) + (delivery.retain ? 1 : 0)
    const known = this.#shared[which]
    // The remaining expiry changes with time.
    if (known !== undefined && message.expiresAt === Number.POSITIVE_INFINITY) return known
    const frame = this.#encode(connection, delivery, 0, false)
    this.#shared[which] = frame
    return frame
  }

  #encode(
    connection: Connection,
    delivery: Delivery,
    packetIdentifier: number,
    dup: boolean,
    mayAlias = false,
  ): Uint8Array {
    const { message, qos, retain, subscriptionIdentifiers } = delivery
    const version = connection.version ?? 5
    const { topicName, payload } = message
    const publish: Publish = {
      type: 'publish',
      dup,
      qos,
      retain,
      topicName,
      packetIdentifier,
      // Towards 3.x they are lost, and nothing else (U5-3.3.4-e).
      properties: version === 5 ? this.#properties(message, subscriptionIdentifiers) : {},
      payload,
    }
    const alias = mayAlias ? connection.outboundAliases?.assign(topicName) : undefined
    if (alias !== undefined) {
      publish.properties = { ...publish.properties, topicAlias: alias.alias }
      if (alias.isKnown) publish.topicName = ''
    }
    return encodePacket(publish, version)
  }

  #properties(message: Message, subscriptionIdentifiers: readonly number[]): PublishProperties {
    const { properties, arrivedAt } = message
    const { messageExpiryInterval } = properties
    if (messageExpiryInterval === undefined && subscriptionIdentifiers.length === 0) {
      return properties
    }
    const copy: PublishProperties = { ...properties }
    if (messageExpiryInterval !== undefined) {
      // Less the whole time spent here [MQTT5-3.3.2-6]; what was sent before may have run out since.
      const spentSeconds = Math.floor((this.#clock.now() - arrivedAt) / 1_000)
      copy.messageExpiryInterval = Math.max(0, messageExpiryInterval - spentSeconds)
    }
    if (subscriptionIdentifiers.length > 0) copy.subscriptionIdentifiers = subscriptionIdentifiers
    return copy
  }
}
