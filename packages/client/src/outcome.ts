import { type Connack, type ConnackProperties, type Disconnect, ReasonCode } from '@busbar/protocol'
import { nameOfReasonCode } from '#platform'
import { ClientError, MqttConnectError } from './errors.ts'

/** Coming again would change nothing: a wrong name, password, option or address. */
const permanentRefusals: ReadonlySet<number> = new Set([
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
  ReasonCode.Banned,
  ReasonCode.BadAuthenticationMethod,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
])

/** Somebody wants us gone: another client of our name, an operator, a server that has moved. */
const terminalDisconnects: ReadonlySet<number> = new Set([
  ReasonCode.SessionTakenOver,
  ReasonCode.AdministrativeAction,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
])

/** How a Network Connection, or the attempt at one, has ended. */
export interface Ending {
  readonly error: ClientError
  /** Not to be tried again, unless somebody says so. */
  readonly isPermanent: boolean
}

/** The server is there and says no. A server that is not ready counts as gone for the first time. */
export function refused(reasonCode: number, { properties }: Connack, isFirst: boolean): Ending {
  const isUnavailable = reasonCode === ReasonCode.ServerUnavailable
  const isPermanent = permanentRefusals.has(reasonCode) || (isUnavailable && isFirst)
  const text = `the server refuses the connection: ${nameOfReasonCode(reasonCode)}`
  return { error: connectError(text, properties, reasonCode), isPermanent }
}

/** The server has said DISCONNECT. */
export function dismissed({ reasonCode, properties }: Disconnect): Ending {
  const text = `the server ends the connection: ${nameOf(reasonCode)}`
  const { reasonString } = properties
  const isPermanent = terminalDisconnects.has(reasonCode)
  const error = isPermanent
    ? connectError(text, properties, reasonCode)
    : new ClientError('transport-failed', text, { reasonCode, reasonString })
  return { error, isPermanent }
}

/** The network, our own deadline or the server's fault: worth another attempt. */
export function failed(error: ClientError): Ending {
  return { error, isPermanent: false }
}

export function permanent(error: ClientError): Ending {
  return { error, isPermanent: true }
}

function connectError(
  text: string,
  properties: Pick<ConnackProperties, 'reasonString'>,
  reasonCode: number,
): MqttConnectError {
  const { reasonString } = properties
  return new MqttConnectError(text, properties, { reasonCode, reasonString })
}

/** 0x00 is Success elsewhere. */
function nameOf(reasonCode: number): string {
  return reasonCode === 0 ? 'Normal disconnection' : nameOfReasonCode(reasonCode)
}
