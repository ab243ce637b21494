import { ReasonCode } from './reason-codes.ts'

/** The peer's fault: it ends the Network Connection, and nothing but that. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  /** What a 5.0 peer is told in CONNACK or DISCONNECT. */
  readonly reasonCode: number
  /** The normative statement that was broken, such as `MQTT5-3.3.1-4`. */
  readonly statement: string | undefined
  /** The protocol level that a faulty CONNECT named, where it could be read. */
  protocolLevel: number | undefined

  constructor(reasonCode: number, message: string, statement?: string) {
    super(message)
    this.reasonCode = reasonCode
    this.statement = statement
  }
}

/** Bytes that cannot be parsed by the rules of the standard (Reason Code 0x81). */
export function malformed(message: string, statement?: string): ProtocolError {
  return new ProtocolError(ReasonCode.MalformedPacket, message, statement)
}

/** Well-formed, but not allowed here or now (Reason Code 0x82). */
export function protocolError(message: string, statement?: string): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, message, statement)
}
