import { malformed, ProtocolError, protocolError } from '../../errors.ts'
import { ConnectReturnCode, ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import { noProperties, propertySet, readProperties, writeProperties } from '../properties.ts'
import type { PacketReader } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'
import { wrongReasonCode } from './reason.ts'

/** Section 3.2.2.3. */
export interface ConnackProperties {
  sessionExpiryInterval?: number
  receiveMaximum?: number
  maximumQoS?: 0 | 1
  retainAvailable?: 0 | 1
  maximumPacketSize?: number
  assignedClientIdentifier?: string
  topicAliasMaximum?: number
  reasonString?: string
  userProperties?: readonly UserProperty[]
  wildcardSubscriptionAvailable?: 0 | 1
  subscriptionIdentifierAvailable?: 0 | 1
  sharedSubscriptionAvailable?: 0 | 1
  serverKeepAlive?: number
  responseInformation?: string
  serverReference?: string
  authenticationMethod?: string
  authenticationData?: Uint8Array
}

export interface Connack {
  type: 'connack'
  /** Not written to a 3.1 client, whose byte is reserved. */
  sessionPresent: boolean
  /** A Reason Code in 5.0, a Connect Return Code (0 to 5) in 3.1 and 3.1.1. */
  reasonCode: number
  properties: ConnackProperties
}

const connackProperties = propertySet<ConnackProperties>(places.connack)

/** Table 3-1, section 3.2.2.2. */
const codes: ReadonlySet<number> = new Set([
  ReasonCode.Success,
  ReasonCode.UnspecifiedError,
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
  ReasonCode.ServerUnavailable,
  ReasonCode.ServerBusy,
  ReasonCode.Banned,
  ReasonCode.BadAuthenticationMethod,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.QuotaExceeded,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
  ReasonCode.ConnectionRateExceeded,
])

export function readConnack(body: PacketReader, version: ProtocolVersion): Connack {
  const flags = body.byte()
  // 3.1 reserves the whole byte and does not say that it is 0.
  if (flags > 1 && version > 3) {
    throw malformed('reserved bits of the Connect Acknowledge Flags are set', 'MQTT5-3.2.2-1')
  }
  const sessionPresent = flags === 1 && version > 3
  const reasonCode = body.byte()
  if (version === 5 && body.isAtEnd) checkOldServer(reasonCode)
  const properties = readConnackProperties(body, version)
  checkReasonCode(reasonCode, version)
  if (sessionPresent && reasonCode !== 0) {
    throw protocolError('CONNACK refuses with Session Present', 'MQTT5-3.2.2-6') // and [MQTT3-3.2.2-4]
  }
  return { type: 'connack', sessionPresent, reasonCode, properties }
}

/** The properties, behind the flags and the Reason Code. */
export function readConnackProperties(
  body: PacketReader,
  version: ProtocolVersion,
): ConnackProperties {
  return version === 5 ? readProperties(body, connackProperties, 'server') : noProperties
}

/** A server that knows no 5.0 refuses in the form that it knows [MQTT3-3.1.2-2]. */
function checkOldServer(reasonCode: number): void {
  if (reasonCode !== ConnectReturnCode.UnacceptableProtocolVersion) return
  const code = ReasonCode.UnsupportedProtocolVersion
  throw new ProtocolError(code, 'the server does not speak MQTT 5.0')
}

function checkReasonCode(reasonCode: number, version: ProtocolVersion): void {
  const isKnown =
    version === 5 ? codes.has(reasonCode) : reasonCode <= ConnectReturnCode.NotAuthorized
  if (isKnown) return
  throw wrongReasonCode('connack', reasonCode, 'MQTT5-3.2.2-8')
}

/** The whole frame. */
export function writeConnack(
  writer: PacketWriter,
  packet: Connack,
  version: ProtocolVersion,
): void {
  writer.byte(0x20)
  const start = writer.openLength(0)
  writer.byte(packet.sessionPresent && version > 3 ? 1 : 0)
  writer.byte(packet.reasonCode)
  if (version === 5) writeProperties(writer, connackProperties, packet.properties)
  writer.closeLength(start, 0, 0)
}
