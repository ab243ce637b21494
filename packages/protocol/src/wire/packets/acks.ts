import { ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import { propertySet, type Sender } from '../properties.ts'
import { type PacketReader, readPacketIdentifier } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'
import { type Reason, readReason, writeReason, wrongReasonCode } from './reason.ts'

/** Sections 3.4.2.2, 3.5.2.2, 3.6.2.2, 3.7.2.2, 3.9.2.1 and 3.11.2.1. */
export interface AckProperties {
  reasonString?: string
  userProperties?: readonly UserProperty[]
}

/** The Reason Code is always 0 in 3.1 and 3.1.1. */
interface Ack<T> extends Reason<AckProperties> {
  type: T
  packetIdentifier: number
}

export type Puback = Ack<'puback'>
export type Pubrec = Ack<'pubrec'>
export type Pubrel = Ack<'pubrel'>
export type Pubcomp = Ack<'pubcomp'>

type AnyAck = Puback | Pubrec | Pubrel | Pubcomp

export const ackProperties = propertySet<AckProperties>(places.ack)

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

// Apart from what is read, so that who only writes need not carry that.
const firstBytes = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const

const readable = {
  puback: { codes: publishCodes, statement: 'MQTT5-3.4.2-1' },
  pubrec: { codes: publishCodes, statement: 'MQTT5-3.5.2-1' },
  pubrel: { codes: releaseCodes, statement: 'MQTT5-3.6.2-1' },
  pubcomp: { codes: releaseCodes, statement: 'MQTT5-3.7.2-1' },
} as const

export function readAck<T extends AnyAck['type']>(
  type: T,
  body: PacketReader,
  version: ProtocolVersion,
  from: Sender,
): Ack<T> {
  const packetIdentifier = readPacketIdentifier(body)
  const { reasonCode, properties } = readReason(body, version, { set: ackProperties, from })
  if (reasonCode !== ReasonCode.Success) checkReasonCode(type, reasonCode, from)
  return { type, packetIdentifier, reasonCode, properties }
}

function checkReasonCode(type: AnyAck['type'], reasonCode: number, from: Sender): void {
  const { codes, statement } = readable[type]
  const isServers = reasonCode === ReasonCode.NoMatchingSubscribers
  if (codes.has(reasonCode) && !(isServers && from === 'client')) return
  throw wrongReasonCode(type, reasonCode, statement)
}

/** The whole frame, in the shortest form that its Reason Code and properties allow. */
export function writeAck(writer: PacketWriter, packet: AnyAck, version: ProtocolVersion): void {
  writer.byte(firstBytes[packet.type])
  const start = writer.openLength(0)
  writer.u16(packet.packetIdentifier)
  writeReason(writer, version, ackProperties, packet)
  writer.closeLength(start, 0, 0)
}
