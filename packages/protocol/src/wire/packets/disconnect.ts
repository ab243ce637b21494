import { ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import { propertySet, type Sender } from '../properties.ts'
import type { PacketReader } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'
import { type Reason, readReason, writeReason, wrongReasonCode } from './reason.ts'

/** Section 3.14.2.2. */
export interface DisconnectProperties {
  /** Sent by clients only [MQTT5-3.14.2-2]. */
  sessionExpiryInterval?: number
  reasonString?: string
  userProperties?: readonly UserProperty[]
  /** Sent by servers only. */
  serverReference?: string
}

/** The Reason Code is always 0 in 3.1 and 3.1.1. */
export interface Disconnect extends Reason<DisconnectProperties> {
  type: 'disconnect'
}

const disconnectProperties = propertySet<DisconnectProperties>(places.disconnect)

/** Table 3-10: what both ends may send. */
const fromBoth: ReadonlySet<number> = new Set([
  ReasonCode.NormalDisconnection,
  ReasonCode.UnspecifiedError,
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.BadAuthenticationMethod, // in table 2-6, but not in table 3-10
  ReasonCode.TopicNameInvalid,
  ReasonCode.ReceiveMaximumExceeded,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.MessageRateTooHigh,
  ReasonCode.QuotaExceeded,
  ReasonCode.AdministrativeAction,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.QoSNotSupported, // a server's in table 3-10, a client's in section 3.3.4
])

/** And one of them only. */
const fromOne: Readonly<Record<Sender, ReadonlySet<number>>> = {
  client: new Set([ReasonCode.DisconnectWithWillMessage]),
  server: new Set([
    ReasonCode.NotAuthorized,
    ReasonCode.ServerBusy,
    ReasonCode.ServerShuttingDown,
    ReasonCode.KeepAliveTimeout,
    ReasonCode.SessionTakenOver,
    ReasonCode.TopicFilterInvalid,
    ReasonCode.RetainNotSupported,
    ReasonCode.UseAnotherServer,
    ReasonCode.ServerMoved,
    ReasonCode.SharedSubscriptionsNotSupported,
    ReasonCode.ConnectionRateExceeded,
    ReasonCode.MaximumConnectTime,
    ReasonCode.SubscriptionIdentifiersNotSupported,
    ReasonCode.WildcardSubscriptionsNotSupported,
  ]),
}

export function readDisconnect(
  body: PacketReader,
  version: ProtocolVersion,
  from: Sender,
): Disconnect {
  const { reasonCode, properties } = readReason(body, version, { set: disconnectProperties, from })
  if (!fromBoth.has(reasonCode) && !fromOne[from].has(reasonCode)) {
    throw wrongReasonCode('disconnect', reasonCode, 'MQTT5-3.14.2-1')
  }
  return { type: 'disconnect', reasonCode, properties }
}

/** The whole frame, in the shortest form that its Reason Code and properties allow. */
export function writeDisconnect(
  writer: PacketWriter,
  packet: Disconnect,
  version: ProtocolVersion,
): void {
  writer.byte(0xe0)
  const start = writer.openLength(0)
  writeReason(writer, version, disconnectProperties, packet)
  writer.closeLength(start, 0, 0)
}
