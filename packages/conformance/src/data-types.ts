/** The protocol versions by their Protocol Level: 5.0, 3.1.1 and 3.1. */
export type Version = 5 | 4 | 3

/** A string, or the bytes of one, so that ill-formed text can be sent. */
export type Text = string | Uint8Array

/** What `concat` and `packet` put together: bytes, or one byte as a number. */
export type Part = Uint8Array | number

const encoder = new TextEncoder()

/** Bytes from hexadecimal text; spaces, which belong at field borders, are ignored. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s+/g, '')
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new Error(`not hex: ${text}`)
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** Hexadecimal text of bytes, one space between bytes, cut after `limit` bytes. */
export function toHex(bytes: Uint8Array, limit = Number.POSITIVE_INFINITY): string {
  const shown = Array.from(bytes.subarray(0, limit), (byte) => byte.toString(16).padStart(2, '0'))
  const rest = bytes.length - shown.length
  return rest > 0 ? `${shown.join(' ')} … (${bytes.length} bytes)` : shown.join(' ')
}

/** The bytes of text without any length in front. */
export function raw(text: Text): Uint8Array {
  return typeof text === 'string' ? encoder.encode(text) : text
}

export function concat(...parts: readonly Part[]): Uint8Array {
  const pieces = parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part))
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value)
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >> 16, value >> 8, value)
}

/** Variable Byte Integer in its shortest form. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low | 0x80 : low)
  } while (rest > 0)
  return Uint8Array.from(bytes)
}

/** UTF-8 String: two bytes of length and the bytes; Binary Data has the same form. */
export function utf8(text: Text): Uint8Array {
  const bytes = raw(text)
  return concat(u16(bytes.length), bytes)
}

/** A packet: its first byte, the Remaining Length of the parts, the parts. */
export function packet(firstByte: number, ...parts: readonly Part[]): Uint8Array {
  const body = concat(...parts)
  return concat(firstByte, varint(body.length), body)
}

/** Property Length and properties for 5.0; nothing for 3.x. */
export function propertiesFor(
  version: Version,
  properties: readonly Uint8Array[] = [],
): Uint8Array {
  if (version !== 5) return new Uint8Array()
  const bytes = concat(...properties)
  return concat(varint(bytes.length), bytes)
}

const byteProperty = (identifier: number) => (value: number) => Uint8Array.of(identifier, value)
const u16Property = (identifier: number) => (value: number) => concat(identifier, u16(value))
const u32Property = (identifier: number) => (value: number) => concat(identifier, u32(value))
const textProperty = (identifier: number) => (value: Text) => concat(identifier, utf8(value))

/** One builder for each of the 27 properties, and `raw` for what is not one. */
export const property = {
  payloadFormatIndicator: byteProperty(0x01),
  messageExpiryInterval: u32Property(0x02),
  contentType: textProperty(0x03),
  responseTopic: textProperty(0x08),
  correlationData: textProperty(0x09),
  subscriptionIdentifier: (value: number) => concat(0x0b, varint(value)),
  sessionExpiryInterval: u32Property(0x11),
  assignedClientIdentifier: textProperty(0x12),
  serverKeepAlive: u16Property(0x13),
  authenticationMethod: textProperty(0x15),
  authenticationData: textProperty(0x16),
  requestProblemInformation: byteProperty(0x17),
  willDelayInterval: u32Property(0x18),
  requestResponseInformation: byteProperty(0x19),
  responseInformation: textProperty(0x1a),
  serverReference: textProperty(0x1c),
  reasonString: textProperty(0x1f),
  receiveMaximum: u16Property(0x21),
  topicAliasMaximum: u16Property(0x22),
  topicAlias: u16Property(0x23),
  maximumQoS: byteProperty(0x24),
  retainAvailable: byteProperty(0x25),
  userProperty: (name: Text, value: Text) => concat(0x26, utf8(name), utf8(value)),
  maximumPacketSize: u32Property(0x27),
  wildcardSubscriptionAvailable: byteProperty(0x28),
  subscriptionIdentifierAvailable: byteProperty(0x29),
  sharedSubscriptionAvailable: byteProperty(0x2a),
  raw: (identifier: number, ...value: readonly Part[]) => concat(identifier, ...value),
}
