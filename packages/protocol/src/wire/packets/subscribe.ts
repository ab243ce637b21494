import { malformed, protocolError } from '../../errors.ts'
import { ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, QoS, UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import { noProperties, propertySet, readProperties, writeProperties } from '../properties.ts'
import { type PacketReader, readPacketIdentifier } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'
import { type AckProperties, ackProperties } from './acks.ts'
import { readCodes } from './codes.ts'

/** Section 3.8.2.1. */
export interface SubscribeProperties {
  subscriptionIdentifier?: number
  userProperties?: readonly UserProperty[]
}

/** Section 3.8.3.1; in 3.x all but the QoS is 0. */
export interface SubscriptionOptions {
  qos: QoS
  noLocal: boolean
  retainAsPublished: boolean
  retainHandling: 0 | 1 | 2
}

export interface SubscriptionRequest {
  /** As it was sent, `$share/…` included; not checked as a Topic Filter yet. */
  topicFilter: string
  options: SubscriptionOptions
}

export interface Subscribe {
  type: 'subscribe'
  packetIdentifier: number
  properties: SubscribeProperties
  /** At least one [MQTT5-3.8.3-2]. */
  subscriptions: readonly SubscriptionRequest[]
}

export interface Suback {
  type: 'suback'
  packetIdentifier: number
  properties: AckProperties
  /** One for each Topic Filter, in their order [MQTT5-3.9.3-1]. */
  reasonCodes: readonly number[]
}

const subscribeProperties = propertySet<SubscribeProperties>(places.subscribe)

/** Section 3.9.3; 3.1 cannot refuse, and 3.1.1 has one code for that [MQTT3-3.9.3-2]. */
const codes: Readonly<Record<ProtocolVersion, ReadonlySet<number>>> = {
  3: new Set([ReasonCode.GrantedQoS0, ReasonCode.GrantedQoS1, ReasonCode.GrantedQoS2]),
  4: new Set([
    ReasonCode.GrantedQoS0,
    ReasonCode.GrantedQoS1,
    ReasonCode.GrantedQoS2,
    ReasonCode.UnspecifiedError,
  ]),
  5: new Set([
    ReasonCode.GrantedQoS0,
    ReasonCode.GrantedQoS1,
    ReasonCode.GrantedQoS2,
    ReasonCode.UnspecifiedError,
    ReasonCode.ImplementationSpecificError,
    ReasonCode.NotAuthorized,
    ReasonCode.TopicFilterInvalid,
    ReasonCode.PacketIdentifierInUse,
    ReasonCode.QuotaExceeded,
    ReasonCode.SharedSubscriptionsNotSupported,
    ReasonCode.SubscriptionIdentifiersNotSupported,
    ReasonCode.WildcardSubscriptionsNotSupported,
  ]),
}

export function readSubscribe(body: PacketReader, version: ProtocolVersion): Subscribe {
  const packetIdentifier = readPacketIdentifier(body)
  const properties =
    version === 5 ? readProperties(body, subscribeProperties, 'client') : noProperties
  const subscriptions: SubscriptionRequest[] = []
  while (!body.isAtEnd) subscriptions.push(readSubscription(body, version))
  if (subscriptions.length === 0) {
    throw protocolError('SUBSCRIBE has no Topic Filter', 'MQTT5-3.8.3-2') // and [MQTT3-3.8.3-3]
  }
  return { type: 'subscribe', packetIdentifier, properties, subscriptions }
}

function readSubscription(body: PacketReader, version: ProtocolVersion): SubscriptionRequest {
  const topicFilter = body.utf8String()
  const options = readOptions(body.byte(), version)
  if (options.noLocal && topicFilter.startsWith('$share/')) {
    throw protocolError('No Local is set on a Shared Subscription', 'MQTT5-3.8.3-4')
  }
  return { topicFilter, options }
}

function readOptions(byte: number, version: ProtocolVersion): SubscriptionOptions {
  const reserved = version === 5 ? 0b1100_0000 : version === 4 ? 0b1111_1100 : 0 // 3.1 ignores them
  if ((byte & reserved) !== 0) {
    throw malformed('reserved bits of the Subscription Options are set', 'MQTT5-3.8.3-5')
  }
  const qos = byte & 0b11
  const retainHandling = version === 5 ? (byte >> 4) & 0b11 : 0
  if (qos === 3) throw protocolError('SUBSCRIBE asks for QoS 3', 'U5-3.8.3-a')
  if (retainHandling === 3) throw protocolError('Retain Handling is 3', 'U5-3.8.3-a')
  return {
    qos: qos as QoS,
    noLocal: version === 5 && (byte & 0b0100) !== 0,
    retainAsPublished: version === 5 && (byte & 0b1000) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  }
}

/** The whole frame. */
export function writeSubscribe(
  writer: PacketWriter,
  packet: Subscribe,
  version: ProtocolVersion,
): void {
  writer.byte(0x82)
  const start = writer.openLength(0)
  writer.u16(packet.packetIdentifier)
  if (version === 5) writeProperties(writer, subscribeProperties, packet.properties)
  for (const { topicFilter, options } of packet.subscriptions) {
    writer.utf8String(topicFilter)
    writer.byte(version === 5 ? optionsByte(options) : options.qos)
  }
  writer.closeLength(start, 0, 0)
}

function optionsByte(options: SubscriptionOptions): number {
  const { qos, noLocal, retainAsPublished, retainHandling } = options
  return qos | (noLocal ? 0b0100 : 0) | (retainAsPublished ? 0b1000 : 0) | (retainHandling << 4)
}

export function readSuback(body: PacketReader, version: ProtocolVersion): Suback {
  const statement = 'MQTT5-3.9.3-2' // and [MQTT3-3.9.3-2]
  const due = { type: 'suback', codes: codes[version], statement, ofNone: 'MQTT5-3.8.4-6' } as const
  return readCodes(body, version, due)
}

/** The whole frame. */
export function writeSuback(writer: PacketWriter, packet: Suback, version: ProtocolVersion): void {
  writer.byte(0x90)
  const start = writer.openLength(0)
  writer.u16(packet.packetIdentifier)
  if (version === 5) writeProperties(writer, ackProperties, packet.properties)
  for (const reasonCode of packet.reasonCodes) writer.byte(reasonCode)
  writer.closeLength(start, 0, 0)
}
