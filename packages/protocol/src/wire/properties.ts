import { malformed, ProtocolError, protocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import {
  ack,
  auth,
  connack,
  connect,
  disconnect,
  everywhere,
  message,
  publish,
  subscribe,
  will,
} from './places.ts'
import type { PacketReader } from './reader.ts'
import type { PacketWriter } from './writer.ts'

/** The two ends of a Network Connection. */
export type Sender = 'client' | 'server'

/** What every packet without properties shares; frozen, so that nobody adds to all of them. */
export const noProperties: Readonly<Record<never, never>> = Object.freeze({})

/** The data types of section 1.5, by what reads and writes them; a pair is two strings. */
type DataType = 'byte' | 'u16' | 'u32' | 'varint' | 'utf8String' | 'binary' | 'pair'

/** What a value has to be beyond its type; throws a ProtocolError. */
type Check = (value: never) => void

function zeroOrOne(value: number): void {
  if (value > 1) throw protocolError(`property of 0 or 1 is ${value}`)
}

function positive(value: number): void {
  if (value === 0) throw protocolError('property that counts from 1 is 0')
}

function alias(value: number): void {
  if (value > 0) return
  throw new ProtocolError(ReasonCode.TopicAliasInvalid, 'Topic Alias is 0', 'MQTT5-3.3.2-8')
}

function topicName(value: string): void {
  if (value === '') throw protocolError('Response Topic is empty', 'MQTT5-4.7.3-1')
  if (!/[+#]/.test(value)) return
  throw protocolError('Response Topic has a wildcard', 'MQTT5-3.3.2-14')
}

interface Row {
  readonly identifier: number
  readonly name: string
  readonly type: DataType
  readonly check: Check | undefined
  readonly repeats: boolean
  /** The only end that may send it, where there is one. */
  readonly sender: Sender | undefined
  readonly statement: string | undefined
}

const repeated: readonly string[] = ['subscriptionIdentifiers', 'userProperties']

/** Table 2-4, section 2.2.2.2. */
const table: readonly (readonly [
  identifier: number,
  name: string,
  places: number,
  type: DataType,
  check?: Check | undefined,
  sender?: Sender,
  statement?: string,
])[] = [
  [0x01, 'payloadFormatIndicator', message, 'byte', zeroOrOne],
  [0x02, 'messageExpiryInterval', message, 'u32'],
  [0x03, 'contentType', message, 'utf8String'],
  [0x08, 'responseTopic', message, 'utf8String', topicName],
  [0x09, 'correlationData', message, 'binary'],
  [0x0b, 'subscriptionIdentifier', subscribe, 'varint', positive],
  [0x0b, 'subscriptionIdentifiers', publish, 'varint', positive, 'server', 'MQTT5-3.3.4-6'],
  [0x11, 'sessionExpiryInterval', connect | connack, 'u32'],
  [0x11, 'sessionExpiryInterval', disconnect, 'u32', undefined, 'client', 'MQTT5-3.14.2-2'],
  [0x12, 'assignedClientIdentifier', connack, 'utf8String'],
  [0x13, 'serverKeepAlive', connack, 'u16'],
  [0x15, 'authenticationMethod', connect | connack | auth, 'utf8String'],
  [0x16, 'authenticationData', connect | connack | auth, 'binary'],
  [0x17, 'requestProblemInformation', connect, 'byte', zeroOrOne],
  [0x18, 'willDelayInterval', will, 'u32'],
  [0x19, 'requestResponseInformation', connect, 'byte', zeroOrOne],
  [0x1a, 'responseInformation', connack, 'utf8String'],
  [0x1c, 'serverReference', connack, 'utf8String'],
  [0x1c, 'serverReference', disconnect, 'utf8String', undefined, 'server'],
  [0x1f, 'reasonString', connack | ack | disconnect | auth, 'utf8String'],
  [0x21, 'receiveMaximum', connect | connack, 'u16', positive],
  [0x22, 'topicAliasMaximum', connect | connack, 'u16'],
  [0x23, 'topicAlias', publish, 'u16', alias],
  [0x24, 'maximumQoS', connack, 'byte', zeroOrOne],
  [0x25, 'retainAvailable', connack, 'byte', zeroOrOne],
  [0x26, 'userProperties', everywhere, 'pair'],
  [0x27, 'maximumPacketSize', connect | connack, 'u32', positive],
  [0x28, 'wildcardSubscriptionAvailable', connack, 'byte', zeroOrOne],
  [0x29, 'subscriptionIdentifierAvailable', connack, 'byte', zeroOrOne],
  [0x2a, 'sharedSubscriptionAvailable', connack, 'byte', zeroOrOne],
]

/** The rows of one place; `T` names their values. */
export interface PropertySet<T> {
  readonly rows: readonly Row[]
  /** Indexed by Property Identifier. */
  readonly byIdentifier: readonly (Row | undefined)[]
  readonly of?: T
}

export function propertySet<T>(place: number): PropertySet<T> {
  const rows: Row[] = []
  const byIdentifier: (Row | undefined)[] = new Array(0x2b).fill(undefined)
  for (const [identifier, name, places, type, check, sender, statement] of table) {
    if ((places & place) === 0) continue
    const repeats = repeated.includes(name)
    const row = { identifier, name, type, check, repeats, sender, statement }
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
    const value = section[row.type]()
    row.check?.(value as never)
    if (!row.repeats) {
      if (earlier !== undefined) throw protocolError(`${row.name} comes twice`)
      properties[row.name] = value
    } else if (earlier === undefined) {
      properties[row.name] = [value]
    } else {
      ;(earlier as unknown[]).push(value)
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
  writer[row.type](value as never)
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
  const name = `0x${identifier.toString(16)}`
  return malformed(`property ${name} is unknown or does not belong here`, 'U5-2.2.2-a')
}

function wrongSender({ name, sender, statement }: Row): ProtocolError {
  return protocolError(`${name} is for the ${sender} to send`, statement)
}
