import {
  encodePacket,
  noProperties,
  type Publish,
  type PublishProperties,
  putVarint,
  type QoS,
  varintWidth,
} from '@busbar/protocol'
import type { Clock } from './clock.ts'
import { copyBytes } from './copy-bytes.ts'
import type { Delivery } from './delivery.ts'
import type { Message } from './message.ts'
import type { PlainRecord } from './packed-messages.ts'
import type { SendingConnection } from './sending-connection.ts'
import type { Slab } from './slab.ts'

const noBytes = new Uint8Array(0)

/** A packet of QoS 0 in the slab, which others may get, too. */
interface Written {
  readonly message: Message
  readonly isVersion5: boolean
  readonly retain: boolean
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** Larger frames are alone in their memory. */
const longestInSlab = 4_096

/** A Topic Alias adds its identifier and two bytes. */
const aliasBytes = 3
/** The two lengths in front of it may need a byte more each. */
const mostForAlias = aliasBytes + 2

/**
 * Encodes outgoing PUBLISH packets. What many subscribers get alike (QoS 0, nothing of their own in
 * it) is encoded once for each version and RETAIN flag of the message at hand.
 */
export class Frames {
  // the frame that was encoded last
  bytes: Uint8Array = noBytes
  start = 0
  end = 0

  readonly #clock: Clock
  readonly #slab: Slab
  /** In this turn. */
  #written: Written | undefined
  #message: Message | undefined
  readonly #shared: (Uint8Array | undefined)[] = [undefined, undefined, undefined, undefined]

  constructor(clock: Clock, slab: Slab) {
    this.#clock = clock
    this.#slab = slab
  }

  /**
   * Leaves the frame in `bytes`, from `start` to `end`, which stay as they are; false when the packet
   * would be larger than the client accepts [MQTT5-3.1.2-24].
   */
  encode(
    connection: SendingConnection,
    delivery: Delivery,
    packetIdentifier: number,
    dup: boolean,
  ): boolean {
    const { outboundAliases, maximumPacketSize } = connection
    const isPlain = delivery.subscriptionIdentifiers.length === 0 && outboundAliases === undefined
    if (delivery.message.properties === noProperties) {
      const size =
        isPlain && delivery.qos === 0
          ? this.#writeOnce(connection, delivery)
          : this.#writePlain(connection, delivery, packetIdentifier, dup)
      if (size >= 0) return size <= maximumPacketSize
    }
    let frame =
      isPlain && delivery.qos === 0
        ? this.#encodeOnce(connection, delivery)
        : this.#encode(connection, delivery, packetIdentifier, dup)
    if (frame.length > maximumPacketSize) return false
    // An alias is given only to what is sent: one that was dropped would not be known to the client.
    if (outboundAliases !== undefined && frame.length + mostForAlias <= maximumPacketSize) {
      frame = this.#encode(connection, delivery, packetIdentifier, dup, true)
    }
    this.bytes = frame
    this.start = 0
    this.end = frame.length
    return true
  }

  /** What was written for the message at hand is over. */
  endTurn(): void {
    this.#written = undefined
  }

  /** As `#writePlain` at QoS 0, unless the bytes are there already. */
  #writeOnce(connection: SendingConnection, delivery: Delivery): number {
    const { message, retain } = delivery
    const isVersion5 = connection.version === 5
    const known = this.#written
    if (known?.message === message && known.isVersion5 === isVersion5 && known.retain === retain) {
      this.bytes = known.bytes
      this.start = known.start
      this.end = known.end
      return known.end - known.start
    }
    const size = this.#writePlain(connection, delivery, 0, false)
    if (size >= 0 && size <= connection.maximumPacketSize) {
      const { bytes, start, end } = this
      this.#written = { message, isVersion5, retain, bytes, start, end }
    }
    return size
  }

  /**
   * The packet that a subscriber gets nearly always, written to where its neighbours are: an object,
   * a writer and an array for each would cost more than the message. Of the properties it has those
   * that are the subscriber's own. Returns its size, or -1 where the topic is not ASCII.
   */
  #writePlain(
    connection: SendingConnection,
    delivery: Delivery,
    packetIdentifier: number,
    dup: boolean,
  ): number {
    const { message, qos, retain, subscriptionIdentifiers } = delivery
    const { payload } = message
    let { topicName } = message
    const isVersion5 = connection.version === 5
    let propertiesLength = isVersion5 ? identifiersWidth(subscriptionIdentifiers) : 0
    let length = 2 + topicName.length + (qos > 0 ? 2 : 0) + payload.length
    if (isVersion5) length += varintWidth(propertiesLength) + propertiesLength
    let size = 1 + varintWidth(length) + length
    if (size > connection.maximumPacketSize) return size
    if (!isAscii(topicName)) return -1
    // An alias is given only to what is sent: one that was dropped would not be known to the client.
    const mayAlias = size + mostForAlias <= connection.maximumPacketSize
    const alias = mayAlias ? connection.outboundAliases?.assign(topicName) : undefined
    if (alias !== undefined) {
      const width = varintWidth(propertiesLength)
      propertiesLength += aliasBytes
      length += aliasBytes + varintWidth(propertiesLength) - width
      if (alias.isKnown) {
        length -= topicName.length
        topicName = ''
      }
      size = 1 + varintWidth(length) + length
    }
    const bytes = size > longestInSlab ? new Uint8Array(size) : this.#slab.bytesFor(size)
    const start = size > longestInSlab ? 0 : this.#slab.take(size)
    let at = start
    bytes[at++] = publishByte(qos, retain, dup)
    at = putVarint(bytes, at, length)
    bytes[at++] = topicName.length >> 8
    bytes[at++] = topicName.length
    for (let i = 0; i < topicName.length; i++) bytes[at++] = topicName.charCodeAt(i)
    if (qos > 0) {
      bytes[at++] = packetIdentifier >> 8
      bytes[at++] = packetIdentifier
    }
    if (isVersion5) {
      at = putVarint(bytes, at, propertiesLength)
      at = putIdentifiers(bytes, at, subscriptionIdentifiers)
      if (alias !== undefined) at = putAlias(bytes, at, alias.alias)
    }
    bytes.set(payload, at)
    this.bytes = bytes
    this.start = start
    this.end = start + size
    return size
  }

  /** The packet of a packed message; false where it would be too large for the slab. */
  writeRecord(
    { version }: SendingConnection,
    record: PlainRecord,
    firstByte: number,
    packetIdentifier: number,
  ): boolean {
    const { topicBytes, payloadBytes } = record
    const isVersion5 = version === 5
    const identifierBytes = packetIdentifier > 0 ? 2 : 0
    const length = 2 + topicBytes + identifierBytes + (isVersion5 ? 1 : 0) + payloadBytes
    const size = 1 + varintWidth(length) + length
    if (size > longestInSlab) return false
    const bytes = this.#slab.bytesFor(size)
    const start = this.#slab.take(size)
    bytes[start] = firstByte
    let at = putVarint(bytes, start + 1, length)
    bytes[at++] = topicBytes >> 8
    bytes[at++] = topicBytes
    const payloadStart = record.start + topicBytes
    at = putBytes(bytes, at, record.bytes, record.start, payloadStart)
    if (packetIdentifier > 0) {
      bytes[at++] = packetIdentifier >> 8
      bytes[at++] = packetIdentifier
    }
    if (isVersion5) bytes[at++] = 0
    putBytes(bytes, at, record.bytes, payloadStart, payloadStart + payloadBytes)
    this.bytes = bytes
    this.start = start
    this.end = start + size
    return true
  }

  #encodeOnce(connection: SendingConnection, delivery: Delivery): Uint8Array {
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
    connection: SendingConnection,
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

/** Fewer bytes than this are copied sooner one by one than by a call. */
const fewBytes = 32

function putBytes(
  to: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > fewBytes) copyBytes(from, start, end, to, at)
  else for (let i = start; i < end; i++) to[at + i - start] = from[i] as number
  return at + end - start
}

/** The first byte of a PUBLISH. */
export function publishByte(qos: QoS, retain: boolean, dup: boolean): number {
  return 0x30 | (dup ? 0b1000 : 0) | (qos << 1) | (retain ? 1 : 0)
}

/** What Subscription Identifiers take among the properties. */
function identifiersWidth(identifiers: readonly number[]): number {
  let width = 0
  for (const identifier of identifiers) width += 1 + varintWidth(identifier)
  return width
}

function putIdentifiers(bytes: Uint8Array, start: number, identifiers: readonly number[]): number {
  let at = start
  for (const identifier of identifiers) {
    bytes[at++] = 0x0b
    at = putVarint(bytes, at, identifier)
  }
  return at
}

function putAlias(bytes: Uint8Array, at: number, alias: number): number {
  bytes[at] = 0x23
  bytes[at + 1] = alias >> 8
  bytes[at + 2] = alias
  return at + aliasBytes
}

/** Its characters are its bytes, and to copy them is faster than TextEncoder for what topics have. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
