import { protocolError } from '../../errors.ts'
import { ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, UserProperty } from '../../version.ts'
import {
  hasProperties,
  noProperties,
  propertySet,
  readProperties,
  type Sender,
  writeProperties,
} from '../properties.ts'
import { type PacketReader, readPacketIdentifier } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'

/** Sections 3.4.2.2, 3.5.2.2, 3.6.2.2, 3.7.2.2, 3.9.2.1 and 3.11.2.1. */
export interface AckProperties {
  reasonString?: string
  userProperties?: readonly UserProperty[]
}

interface Ack<T> {
  type: T
  packetIdentifier: number
  /** Always 0 in 3.1 and 3.1.1. */
  reasonCode: number
  properties: AckProperties
}

export type Puback = Ack<'puback'>
export type Pubrec = Ack<'pubrec'>
export type Pubrel = Ack<'pubrel'>
export type Pubcomp = Ack<'pubcomp'>

type AnyAck = Puback | Pubrec | Pubrel | Pubcomp

const ackProperties = propertySet<AckProperties>('ack')

/** Sections 3.4.2.1 and 3.5.2.1; No matching subscribers comes from a server only. */
const publishCodes: ReadonlySet<number> = new Set([
  ReasonCode.Success,
  ReasonCode.NoMatchingSubscribers,
  ReasonCode.UnspecifiedError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketIdentifierInUse,
  ReasonCode.QuotaExceeded,
  ReasonCode.PayloadFormatInvalid,
])

/** Sections 3.6.2.1 and 3.7.2.1. */
const releaseCodes: ReadonlySet<number> = new Set([
  ReasonCode.Success,
  ReasonCode.PacketIdentifierNotFound,
])

const kinds = {
  puback: { firstByte: 0x40, codes: publishCodes, statement: 'MQTT5-3.4.2-1' },
  pubrec: { firstByte: 0x50, codes: publishCodes, statement: 'MQTT5-3.5.2-1' },
  pubrel: { firstByte: 0x62, codes: releaseCodes, statement: 'MQTT5-3.6.2-1' },
  pubcomp: { firstByte: 0x70, codes: releaseCodes, statement: 'MQTT5-3.7.2-1' },
} as const

export function readAck<T extends AnyAck['type']>(
  type: T,
  body: PacketReader,
  version: ProtocolVersion,
  from: Sender,
): Ack<T> {
  const packetIdentifier = readPacketIdentifier(body)
  // Cut off after the Packet Identifier or after the Reason Code, in 5.0 only (U5-3.4.2-a).
  const reasonCode = version === 5 && !body.isAtEnd ? body.byte() : ReasonCode.Success
  const properties =
    version === 5 && !body.isAtEnd ? readProperties(body, ackProperties, from) : noProperties
  if (reasonCode !== ReasonCode.Success) checkReasonCode(type, reasonCode, from)
  return { type, packetIdentifier, reasonCode, properties }
}

function checkReasonCode(type: AnyAck['type'], reasonCode: number, from: Sender): void {
  const { codes, statement } = kinds[type]
  const isServers = reasonCode === ReasonCode.NoMatchingSubscribers
  if (codes.has(reasonCode) && !(isServers && from === 'client')) return
  throw protocolError(`${type} cannot have the Reason Code ${reasonCode}`, statement)
}

/** The whole frame, in the shortest form that its Reason Code and properties allow. */
export function writeAck(writer: PacketWriter, packet: AnyAck, version: ProtocolVersion): void {
  const { type, packetIdentifier, reasonCode, properties } = packet
  writer.byte(kinds[type].firstByte)
  const isLong = version === 5 && hasProperties(properties)
  if (isLong) {
    const start = writer.openLength(0)
    writer.u16(packetIdentifier)
    writer.byte(reasonCode)
    writeProperties(writer, ackProperties, properties)
    writer.closeLength(start, 0, 0)
  } else {
    const hasCode = version === 5 && reasonCode !== ReasonCode.Success
    writer.byte(hasCode ? 3 : 2)
    writer.u16(packetIdentifier)
    if (hasCode) writer.byte(reasonCode)
  }
}
