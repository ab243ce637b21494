import { protocolError } from '../../errors.ts'
import { ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import { noProperties, propertySet, readProperties, writeProperties } from '../properties.ts'
import { type PacketReader, readPacketIdentifier } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'
import { type AckProperties, ackProperties } from './acks.ts'
import { readCodes } from './codes.ts'

/** Section 3.10.2.1. */
export interface UnsubscribeProperties {
  userProperties?: readonly UserProperty[]
}

export interface Unsubscribe {
  type: 'unsubscribe'
  packetIdentifier: number
  properties: UnsubscribeProperties
  /** At least one, as they were sent [MQTT5-3.10.3-2]. */
  topicFilters: readonly string[]
}

export interface Unsuback {
  type: 'unsuback'
  packetIdentifier: number
  properties: AckProperties
  /** One for each Topic Filter, in their order; not written in 3.1 and 3.1.1. */
  reasonCodes: readonly number[]
}

const unsubscribeProperties = propertySet<UnsubscribeProperties>(places.unsubscribe)

/** Section 3.11.3. */
const codes: ReadonlySet<number> = new Set([
  ReasonCode.Success,
  ReasonCode.NoSubscriptionExisted,
  ReasonCode.UnspecifiedError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.TopicFilterInvalid,
  ReasonCode.PacketIdentifierInUse,
])

export function readUnsubscribe(body: PacketReader, version: ProtocolVersion): Unsubscribe {
  const packetIdentifier = readPacketIdentifier(body)
  const properties =
    version === 5 ? readProperties(body, unsubscribeProperties, 'client') : noProperties
  const topicFilters: string[] = []
  while (!body.isAtEnd) topicFilters.push(body.utf8String())
  if (topicFilters.length === 0) {
    throw protocolError('UNSUBSCRIBE has no Topic Filter', 'MQTT5-3.10.3-2') // and [MQTT3-3.10.3-2]
  }
  return { type: 'unsubscribe', packetIdentifier, properties, topicFilters }
}

/** The whole frame. */
export function writeUnsubscribe(
  writer: PacketWriter,
  packet: Unsubscribe,
  version: ProtocolVersion,
): void {
  writer.byte(0xa2)
  const start = writer.openLength(0)
  writer.u16(packet.packetIdentifier)
  if (version === 5) writeProperties(writer, unsubscribeProperties, packet.properties)
  for (const topicFilter of packet.topicFilters) writer.utf8String(topicFilter)
  writer.closeLength(start, 0, 0)
}

const dueCodes = {
  type: 'unsuback',
  codes,
  statement: 'MQTT5-3.11.3-2',
  ofNone: 'MQTT5-3.11.3-1',
} as const

export function readUnsuback(body: PacketReader, version: ProtocolVersion): Unsuback {
  if (version !== 5) {
    const packetIdentifier = readPacketIdentifier(body)
    return { type: 'unsuback', packetIdentifier, properties: noProperties, reasonCodes: [] }
  }
  return readCodes(body, version, dueCodes)
}

/** The whole frame; 3.1 and 3.1.1 have no Reason Codes in it. */
export function writeUnsuback(
  writer: PacketWriter,
  packet: Unsuback,
  version: ProtocolVersion,
): void {
  writer.byte(0xb0)
  const start = writer.openLength(0)
  writer.u16(packet.packetIdentifier)
  if (version === 5) {
    writeProperties(writer, ackProperties, packet.properties)
    for (const reasonCode of packet.reasonCodes) writer.byte(reasonCode)
  }
  writer.closeLength(start, 0, 0)
}
