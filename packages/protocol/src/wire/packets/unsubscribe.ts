import { protocolError } from '../../errors.ts'
import { ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, UserProperty } from '../../version.ts'
import { noProperties, propertySet, readProperties, writeProperties } from '../properties.ts'
import { type PacketReader, readPacketIdentifier } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'
import type { AckProperties } from './acks.ts'

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

const unsubscribeProperties = propertySet<UnsubscribeProperties>('unsubscribe')
const unsubackProperties = propertySet<AckProperties>('ack')

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

export function readUnsuback(body: PacketReader, version: ProtocolVersion): Unsuback {
  const packetIdentifier = readPacketIdentifier(body)
  if (version !== 5) {
    return { type: 'unsuback', packetIdentifier, properties: noProperties, reasonCodes: [] }
  }
  const properties = readProperties(body, unsubackProperties, 'server')
  const reasonCodes = [...body.rest()]
  for (const reasonCode of reasonCodes) {
    if (codes.has(reasonCode)) continue
    throw protocolError(`UNSUBACK cannot have the Reason Code ${reasonCode}`, 'MQTT5-3.11.3-2')
  }
  if (reasonCodes.length === 0) throw protocolError('UNSUBACK has no Reason Code', 'MQTT5-3.11.3-1')
  return { type: 'unsuback', packetIdentifier, properties, reasonCodes }
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
    writeProperties(writer, unsubackProperties, packet.properties)
    for (const reasonCode of packet.reasonCodes) writer.byte(reasonCode)
  }
  writer.closeLength(start, 0, 0)
}
