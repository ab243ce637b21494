import { malformed, ProtocolError, protocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import type { UserProperty } from '../version.ts'
import type { PacketReader } from './reader.ts'
import type { PacketWriter } from './writer.ts'

/** The two ends of a Network Connection. */
export type Sender = 'client' | 'server'

/** What every packet without properties shares; frozen, so that nobody adds to all of them. */
export const noProperties: Readonly<Record<never, never>> = Object.freeze({})

interface DataType<T> {
  read(section: PacketReader): T
  write(writer: PacketWriter, value: T): void
}

const u16: DataType<number> = {
  read: (section) => section.u16(),
  write: (writer, value) => writer.u16(value),
}

const u32: DataType<number> = {
  read: (section) => section.u32(),
  write: (writer, value) => writer.u32(value),
}

const text: DataType<string> = {
  read: (section) => section.utf8String(),
  write: (writer, value) => writer.utf8String(value),
}

const binary: DataType<Uint8Array> = {
  read: (section) => section.binary(),
  write: (writer, value) => writer.binary(value),
}

const pair: DataType<UserProperty> = {
  read: (section) => [section.utf8String(), section.utf8String()],
  write(writer, value) {
    writer.utf8String(value[0])
    writer.utf8String(value[1])
  },
}

const zeroOrOne: DataType<number> = {
  read(section) {
    const value = section.byte()
    if (value > 1) throw protocolError(`property of 0 or 1 is ${value}`)
    return value
  },
  write: (writer, value) => writer.byte(value),
}

const positiveU16: DataType<number> = {
  read: (section) => positive(section.u16()),
  write: (writer, value) => writer.u16(value),
}

const positiveU32: DataType<number> = {
  read: (section) => positive(section.u32()),
  write: (writer, value) => writer.u32(value),
}

const positiveVarint: DataType<number> = {
  read: (section) => positive(section.varint()),
  write: (writer, value) => writer.varint(value),
}

const alias: DataType<number> = {
  read(section) {
    const value = section.u16()
    if (value > 0) return value
    throw new ProtocolError(ReasonCode.TopicAliasInvalid, 'Topic Alias is 0', 'MQTT5-3.3.2-8')
  },
  write: (writer, value) => writer.u16(value),
}

const topicName: DataType<string> = {
  read(section) {
    const value = section.utf8String()
    if (value === '') throw protocolError('Response Topic is empty', 'MQTT5-4.7.3-1')
    if (!/[+#]/.test(value)) return value
    throw protocolError('Response Topic has a wildcard', 'MQTT5-3.3.2-14')
  },
  write: (writer, value) => writer.utf8String(value),
}

function positive(value: number): number {
  if (value === 0) throw protocolError('property that counts from 1 is 0')
  return value
}

/** A packet, or the Will inside CONNECT; `ack` is each of the six acknowledgements. */
type Place =
  | 'connect'
  | 'will'
  | 'connack'
  | 'publish'
  | 'ack'
  | 'subscribe'
  | 'unsubscribe'
  | 'disconnect'
  | 'auth'

interface Row {
  readonly identifier: number
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: the rows have values of different types
  readonly type: DataType<any>
  readonly repeats: boolean
  /** The only end that may send it, where there is one. */
  readonly sender: Sender | undefined
  readonly statement: string | undefined
}

type Variation = Partial<Pick<Row, 'repeats' | 'sender' | 'statement'>>

/** Table 2-4, section 2.2.2.2. */
const table: readonly (readonly [
  identifier: number,
  name: string,
  type: Row['type'],
  places: readonly Place[] | 'everywhere',
  variation?: Variation,
])[] = [
  [0x01, 'payloadFormatIndicator', zeroOrOne, ['publish', 'will']],
  [0x02, 'messageExpiryInterval', u32, ['publish', 'will']],
  [0x03, 'contentType', text, ['publish', 'will']],
  [0x08, 'responseTopic', topicName, ['publish', 'will']],
  [0x09, 'correlationData', binary, ['publish', 'will']],
  [0x0b, 'subscriptionIdentifier', positiveVarint, ['subscribe']],
  [
    0x0b,
    'subscriptionIdentifiers',
    positiveVarint,
    ['publish'],
    { repeats: true, sender: 'server', statement: 'MQTT5-3.3.4-6' },
  ],
  [0x11, 'sessionExpiryInterval', u32, ['connect', 'connack']],
  [
    0x11,
    'sessionExpiryInterval',
    u32,
    ['disconnect'],
    { sender: 'client', statement: 'MQTT5-3.14.2-2' },
  ],
  [0x12, 'assignedClientIdentifier', text, ['connack']],
  [0x13, 'serverKeepAlive', u16, ['connack']],
  [0x15, 'authenticationMethod', text, ['connect', 'connack', 'auth']],
  [0x16, 'authenticationData', binary, ['connect', 'connack', 'auth']],
  [0x17, 'requestProblemInformation', zeroOrOne, ['connect']],
  [0x18, 'willDelayInterval', u32, ['will']],
  [0x19, 'requestResponseInformation', zeroOrOne, ['connect']],
  [0x1a, 'responseInformation', text, ['connack']],
  [0x1c, 'serverReference', text, ['connack']],
  [0x1c, 'serverReference', text, ['disconnect'], { sender: 'server' }],
  [0x1f, 'reasonString', text, ['connack', 'ack', 'disconnect', 'auth']],
  [0x21, 'receiveMaximum', positiveU16, ['connect', 'connack']],
  [0x22, 'topicAliasMaximum', u16, ['connect', 'connack']],
  [0x23, 'topicAlias', alias, ['publish']],
  [0x24, 'maximumQoS', zeroOrOne, ['connack']],
  [0x25, 'retainAvailable', zeroOrOne, ['connack']],
  [0x26, 'userProperties', pair, 'everywhere', { repeats: true }],
  [0x27, 'maximumPacketSize', positiveU32, ['connect', 'connack']],
  [0x28, 'wildcardSubscriptionAvailable', zeroOrOne, ['connack']],
  [0x29, 'subscriptionIdentifierAvailable', zeroOrOne, ['connack']],
  [0x2a, 'sharedSubscriptionAvailable', zeroOrOne, ['connack']],
]

/** The rows of one place; `T` names their values. */
export interface PropertySet<T> {
  readonly rows: readonly Row[]
  /** Indexed by Property Identifier. */
  readonly byIdentifier: readonly (Row | undefined)[]
  readonly of?: T
}

export function propertySet<T>(place: Place): PropertySet<T> {
  const rows: Row[] = []
  const byIdentifier: (Row | undefined)[] = new Array(0x2b).fill(undefined)
  for (const [identifier, name, type, places, variation] of table) {
    if (places !== 'everywhere' && !places.includes(place)) continue
    const { repeats = false, sender, statement } = variation ?? {}
    const row = { identifier, name, type, repeats, sender, statement }
    rows.push(row)
    byIdentifier[identifier] = row
  }
  return { rows, byIdentifier }
}

/** Property Length and the properties, which must be of this set and from an end that may send them. */
export function readProperties<T extends object>(
  body: PacketReader,
  set: PropertySet<T>,
  from: Sender,
): T {
  const length = body.varint()
  if (length === 0) return noProperties as T
  const section = body.slice(length)
  const { byIdentifier } = set
  const properties: Record<string, unknown> = {}
  while (!section.isAtEnd) {
    const identifier = section.varint()
    const row = identifier < byIdentifier.length ? byIdentifier[identifier] : undefined
    if (row === undefined) throw misplaced(identifier)
    if (row.sender !== undefined && row.sender !== from) throw wrongSender(row)
    const earlier = properties[row.name]
    if (!row.repeats) {
      if (earlier !== undefined) throw protocolError(`${row.name} comes twice`)
      properties[row.name] = row.type.read(section)
    } else if (earlier === undefined) {
      properties[row.name] = [row.type.read(section)]
    } else {
      ;(earlier as unknown[]).push(row.type.read(section))
    }
  }
  return properties as T
}

/** Property Length and those properties that belong to this set, in the order of the table. */
export function writeProperties<T extends object>(
  writer: PacketWriter,
  set: PropertySet<T>,
  properties: T,
): void {
  if (properties === noProperties) {
    writer.byte(0) // [MQTT5-2.2.2-1]
    return
  }
  const start = writer.openLength(0)
  for (const row of set.rows) {
    const value = properties[row.name as keyof T] as unknown
    if (value === undefined) continue
    if (row.repeats) {
      for (const each of value as readonly unknown[]) writeProperty(writer, row, each)
    } else {
      writeProperty(writer, row, value)
    }
  }
  writer.closeLength(start, 0, 0)
}

function writeProperty(writer: PacketWriter, row: Row, value: unknown): void {
  writer.byte(row.identifier)
  row.type.write(writer, value)
}

/** Whether there is anything to write; the short forms of acknowledgements depend on it. */
export function hasProperties(properties: object): boolean {
  for (const name in properties) {
    const value = properties[name as keyof typeof properties] as unknown
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) return true
  }
  return false
}

function misplaced(identifier: number): ProtocolError {
  const name = `0x${identifier.toString(16).padStart(2, '0')}`
  return malformed(`property ${name} is unknown or does not belong here`, 'U5-2.2.2-a')
}

function wrongSender({ name, sender, statement }: Row): ProtocolError {
  return protocolError(`${name} is for the ${sender} to send`, statement)
}
