/** The Reason Codes of MQTT 5.0, table 2-6. One value can have several names. */
export const ReasonCode = {
  Success: 0x00,
  NormalDisconnection: 0x00,
  GrantedQoS0: 0x00,
  GrantedQoS1: 0x01,
  GrantedQoS2: 0x02,
  DisconnectWithWillMessage: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const

export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode]

/** From here on a Reason Code reports a failure (section 2.4). */
export const firstFailure = 0x80

/** The Connect Return Codes of MQTT 3.1 and 3.1.1, table 3.1. */
export const ConnectReturnCode = {
  Accepted: 0,
  UnacceptableProtocolVersion: 1,
  IdentifierRejected: 2,
  ServerUnavailable: 3,
  BadUserNameOrPassword: 4,
  NotAuthorized: 5,
} as const

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
  for (const [name, code] of Object.entries(ReasonCode)) {
    if (code === reasonCode) return words(name)
  }
  return `0x${reasonCode.toString(16).padStart(2, '0')}`
}

function words(name: string): string {
  const [first = '', ...others] = name.match(/QoS|[A-Z][a-z]+|\d/g) ?? []
  const lower = others.map((word) => (word === 'QoS' ? word : word.toLowerCase()))
  return [first, ...lower].join(' ').replace('Re auth', 'Re-auth')
}
