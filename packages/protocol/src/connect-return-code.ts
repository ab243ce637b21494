// The Connect Return Codes of MQTT 3.1 and 3.1.1, table 3.1.

export const Accepted = 0
export const UnacceptableProtocolVersion = 1
export const IdentifierRejected = 2
export const ServerUnavailable = 3
export const BadUserNameOrPassword = 4
export const NotAuthorized = 5
