import {
  concat,
  type Part,
  packet,
  propertiesFor,
  raw,
  type Text,
  u16,
  utf8,
  type Version,
  varint,
} from './data-types.ts'

/** A Will as CONNECT carries it; QoS 0 and not retained unless said otherwise. */
export interface WillFields {
  readonly topic: Text
  readonly payload?: Text
  readonly qos?: 0 | 1 | 2 | 3
  readonly retain?: boolean
  readonly properties?: readonly Uint8Array[]
}

/** The fields of a CONNECT, each with the ordinary value as its default. */
export interface ConnectFields {
  readonly version: Version
  readonly clientId?: Text
  /** Clean Start, in 3.x Clean Session; set unless said otherwise. */
  readonly clean?: boolean
  /** Seconds, 60 by default. */
  readonly keepAlive?: number
  readonly properties?: readonly Uint8Array[]
  readonly will?: WillFields
  readonly username?: Text
  readonly password?: Text
  /** The Connect Flags instead of those that follow from the other fields. */
  readonly flags?: number
  readonly protocolName?: Text
  readonly protocolLevel?: number
}

/** The Connect Flags that follow from the fields. */
export function connectFlags(fields: ConnectFields): number {
  const { will } = fields
  return (
    (fields.username === undefined ? 0 : 0x80) |
    (fields.password === undefined ? 0 : 0x40) |
    (will?.retain ? 0x20 : 0) |
    ((will?.qos ?? 0) << 3) |
    (will === undefined ? 0 : 0x04) |
    ((fields.clean ?? true) ? 0x02 : 0)
  )
}

export function connect(fields: ConnectFields): Uint8Array {
  const { version, will } = fields
  const payload: Part[] = [utf8(fields.clientId ?? '')]
  if (will !== undefined) {
    payload.push(
      propertiesFor(version, will.properties),
      utf8(will.topic),
      utf8(will.payload ?? ''),
    )
  }
  if (fields.username !== undefined) payload.push(utf8(fields.username))
  if (fields.password !== undefined) payload.push(utf8(fields.password))
  return packet(
    0x10,
    utf8(fields.protocolName ?? (version === 3 ? 'MQIsdp' : 'MQTT')),
    fields.protocolLevel ?? version,
    fields.flags ?? connectFlags(fields),
    u16(fields.keepAlive ?? 60),
    propertiesFor(version, fields.properties),
    ...payload,
  )
}

/** The fields of a PUBLISH; the Packet Identifier is written for QoS 1, 2 and 3. */
export interface PublishFields {
  readonly version: Version
  readonly topic?: Text
  readonly payload?: Text
  readonly qos?: 0 | 1 | 2 | 3
  readonly retain?: boolean
  readonly dup?: boolean
  readonly packetId?: number
  readonly properties?: readonly Uint8Array[]
}

export function publish(fields: PublishFields): Uint8Array {
  const qos = fields.qos ?? 0
  return packet(
    0x30 | (fields.dup ? 8 : 0) | (qos << 1) | (fields.retain ? 1 : 0),
    utf8(fields.topic ?? ''),
    qos > 0 ? u16(fields.packetId ?? 1) : new Uint8Array(),
    propertiesFor(fields.version, fields.properties),
    raw(fields.payload ?? ''),
  )
}

/** A Topic Filter with the byte of options behind it, 0 by default. */
export interface FilterFields {
  readonly filter: Text
  readonly options?: number
}

/** The fields of a SUBSCRIBE. */
export interface SubscribeFields {
  readonly version: Version
  readonly packetId?: number
  readonly filters: readonly FilterFields[]
  readonly properties?: readonly Uint8Array[]
}

export function subscribe(fields: SubscribeFields): Uint8Array {
  return packet(
    0x82,
    u16(fields.packetId ?? 1),
    propertiesFor(fields.version, fields.properties),
    ...fields.filters.map(({ filter, options }) => concat(utf8(filter), options ?? 0)),
  )
}

/** The fields of an UNSUBSCRIBE. */
export interface UnsubscribeFields {
  readonly version: Version
  readonly packetId?: number
  readonly filters: readonly Text[]
  readonly properties?: readonly Uint8Array[]
}

export function unsubscribe(fields: UnsubscribeFields): Uint8Array {
  return packet(
    0xa2,
    u16(fields.packetId ?? 1),
    propertiesFor(fields.version, fields.properties),
    ...fields.filters.map(utf8),
  )
}

/** Without a Reason Code the 2-byte form, which is that of 3.x too; without properties the 3-byte form. */
type Acknowledgement = (
  packetId: number,
  reasonCode?: number,
  properties?: readonly Uint8Array[],
) => Uint8Array

const acknowledgement =
  (firstByte: number): Acknowledgement =>
  (packetId, reasonCode, properties) =>
    packet(firstByte, u16(packetId), ...reasonAndProperties(reasonCode, properties))

function reasonAndProperties(
  reasonCode: number | undefined,
  properties: readonly Uint8Array[] | undefined,
): readonly Part[] {
  if (reasonCode === undefined && properties === undefined) return []
  if (properties === undefined) return [reasonCode ?? 0]
  const bytes = concat(...properties)
  return [reasonCode ?? 0, varint(bytes.length), bytes]
}

export const puback: Acknowledgement = acknowledgement(0x40)
export const pubrec: Acknowledgement = acknowledgement(0x50)
export const pubrel: Acknowledgement = acknowledgement(0x62)
export const pubcomp: Acknowledgement = acknowledgement(0x70)

/** DISCONNECT; `E0 00` without arguments, which is all that 3.x has. */
export function disconnect(reasonCode?: number, properties?: readonly Uint8Array[]): Uint8Array {
  return packet(0xe0, ...reasonAndProperties(reasonCode, properties))
}

export function auth(reasonCode?: number, properties?: readonly Uint8Array[]): Uint8Array {
  return packet(0xf0, ...reasonAndProperties(reasonCode, properties))
}

export const pingreq: Uint8Array = Uint8Array.of(0xc0, 0x00)
