import * as ConnectReturnCode from './connect-return-code.ts'
import * as ReasonCode from './reason-code.ts'

export { ConnectReturnCode, ReasonCode }

/** From here on a Reason Code reports a failure (section 2.4). */
export const firstFailure = 0x80

const returnCodes: ReadonlyMap<number, number> = new Map<number, number>([
  [ReasonCode.Success, ConnectReturnCode.Accepted],
  [ReasonCode.UnsupportedProtocolVersion, ConnectReturnCode.UnacceptableProtocolVersion],
  [ReasonCode.ClientIdentifierNotValid, ConnectReturnCode.IdentifierRejected],
  [ReasonCode.ServerUnavailable, ConnectReturnCode.ServerUnavailable],
  [ReasonCode.ServerBusy, ConnectReturnCode.ServerUnavailable],
  [ReasonCode.BadUserNameOrPassword, ConnectReturnCode.BadUserNameOrPassword],
  [ReasonCode.NotAuthorized, ConnectReturnCode.NotAuthorized],
  [ReasonCode.Banned, ConnectReturnCode.NotAuthorized],
  [ReasonCode.BadAuthenticationMethod, ConnectReturnCode.NotAuthorized],
])

/**
 * What a 3.x client is told instead of a Reason Code; undefined where no return code fits and the
 * connection is closed without CONNACK [MQTT3-3.2.2-6].
 */
export function connectReturnCode(reasonCode: number): number | undefined {
  return returnCodes.get(reasonCode)
}

/** The name of a Reason Code for logs and Reason Strings, such as `Packet too large`. */
export function reasonCodeName(reasonCode: number): string {
  // The last one, because the names of a module come by the alphabet: 0x00 is Success.
  const named = Object.entries(ReasonCode).reverse()
  const entry = named.find(([, code]) => code === reasonCode)
  return entry === undefined ? `0x${reasonCode.toString(16).padStart(2, '0')}` : words(entry[0])
}

function words(name: string): string {
  const [first = '', ...others] = name.match(/QoS|[A-Z][a-z]+|\d/g) ?? []
  const lower = others.map((word) => (word === 'QoS' ? word : word.toLowerCase()))
  return [first, ...lower].join(' ').replace('Re auth', 'Re-auth')
}
