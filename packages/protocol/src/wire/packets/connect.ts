import { malformed, ProtocolError, protocolError } from '../../errors.ts'
import { ReasonCode } from '../../reason-codes.ts'
import type { ProtocolVersion, QoS, UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import { noProperties, propertySet, readProperties, writeProperties } from '../properties.ts'
import type { PacketReader } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'

/** Section 3.1.2.11. */
export interface ConnectProperties {
  sessionExpiryInterval?: number
  receiveMaximum?: number
  maximumPacketSize?: number
  topicAliasMaximum?: number
  requestResponseInformation?: 0 | 1
  requestProblemInformation?: 0 | 1
  userProperties?: readonly UserProperty[]
  authenticationMethod?: string
  authenticationData?: Uint8Array
}

/** Section 3.1.3.2. */
export interface WillProperties {
  willDelayInterval?: number
  payloadFormatIndicator?: 0 | 1
  messageExpiryInterval?: number
  contentType?: string
  responseTopic?: string
  correlationData?: Uint8Array
  userProperties?: readonly UserProperty[]
}

export interface Will {
  topicName: string
  payload: Uint8Array
  qos: QoS
  retain: boolean
  properties: WillProperties
}

export interface Connect {
  type: 'connect'
  protocolVersion: ProtocolVersion
  clientIdentifier: string
  /** Clean Session in 3.1 and 3.1.1. */
  cleanStart: boolean
  /** 0 turns the mechanism off. */
  keepAliveSeconds: number
  properties: ConnectProperties
  will: Will | undefined
  username: string | undefined
  password: Uint8Array | undefined
}

const connectProperties = propertySet<ConnectProperties>(places.connect)
const willProperties = propertySet<WillProperties>(places.will)

/** The protocol name that goes with each level. */
const protocolNames: Readonly<Record<ProtocolVersion, string>> = {
  3: 'MQIsdp',
  4: 'MQTT',
  5: 'MQTT',
}

/** The longest Client Identifier of MQTT 3.1, in characters. */
const longestIdentifier31 = 23

/** The version is what the packet says. An error thrown here knows the level that was asked for. */
export function readConnect(flags: number, body: PacketReader): Connect {
  const name = body.utf8String()
  const level = body.byte()
  const version = versionOf(name, level)
  try {
    const packet = readConnectBody(body, version)
    if (flags !== 0 && version > 3) {
      throw malformed('reserved flags of CONNECT are set', 'MQTT5-2.1.3-1') // and [MQTT3-2.2.2-2]
    }
    if (!body.isAtEnd) throw malformed('CONNECT goes on after its last field', 'MQTT5-3.1.4-1') // and [MQTT3-3.1.4-1]
    checkClientIdentifier(packet)
    return packet
  } catch (error) {
    if (error instanceof ProtocolError) error.protocolLevel = level
    throw error
  }
}

function versionOf(name: string, level: number): ProtocolVersion {
  if (name === 'MQTT' && (level === 4 || level === 5)) return level
  if (name === 'MQIsdp' && level === 3) return level
  const error = new ProtocolError(
    ReasonCode.UnsupportedProtocolVersion,
    `protocol ${JSON.stringify(name.slice(0, 23))} level ${level} is not supported`,
    name === 'MQTT' ? 'MQTT5-3.1.2-2' : 'MQTT5-3.1.2-1', // and [MQTT3-3.1.2-1], [MQTT3-3.1.2-2]
  )
  const isKnownName = name === 'MQTT' || name === 'MQIsdp'
  // Bridges of Mosquitto set bit 7, and come again without it when refused in the form of 3.1.1.
  if (isKnownName || level >= 5) error.protocolLevel = level & 0x7f
  throw error
}

function readConnectBody(body: PacketReader, version: ProtocolVersion): Connect {
  const flags = body.byte()
  checkConnectFlags(flags, version)
  const keepAliveSeconds = body.u16()
  const properties =
    version === 5 ? readProperties(body, connectProperties, 'client') : noProperties
  checkAuthentication(properties)
  const clientIdentifier = body.utf8String()
  const will = (flags & 0b0000_0100) !== 0 ? readWill(flags, body, version) : undefined
  // 3.1 takes a credential whose flag is set, but which is not there, as absent.
  const mayBeMissing = version === 3
  const hasUsername = (flags & 0b1000_0000) !== 0 && !(mayBeMissing && body.isAtEnd)
  const username = hasUsername ? body.utf8String() : undefined
  const hasPassword = (flags & 0b0100_0000) !== 0 && !(mayBeMissing && body.isAtEnd)
  const password = hasPassword ? body.binary() : undefined
  return {
    type: 'connect',
    protocolVersion: version,
    clientIdentifier,
    cleanStart: (flags & 0b0000_0010) !== 0,
    keepAliveSeconds,
    properties,
    will,
    username,
    password,
  }
}

function checkConnectFlags(flags: number, version: ProtocolVersion): void {
  const willQoS = (flags >> 3) & 0b11
  if (willQoS === 3 && (flags & 0b0000_0100) !== 0) {
    throw malformed('Will QoS is 3', 'MQTT5-3.1.2-12') // and [MQTT3-3.1.2-14]
  }
  if (version === 3) return // which disregards what has no use
  if ((flags & 1) !== 0) throw malformed('reserved Connect Flag is set', 'MQTT5-3.1.2-3') // and [MQTT3-3.1.2-3]
  if ((flags & 0b0000_0100) === 0) {
    if (willQoS > 0) throw malformed('Will QoS without a Will', 'MQTT5-3.1.2-11') // and [MQTT3-3.1.2-13]
    if ((flags & 0b0010_0000) !== 0) throw malformed('Will Retain without a Will', 'MQTT5-3.1.2-13') // and [MQTT3-3.1.2-15]
  }
  if (version === 4 && (flags & 0b1100_0000) === 0b0100_0000) {
    throw malformed('CONNECT has a password without a user name', 'MQTT3-3.1.2-22')
  }
}

function checkAuthentication(properties: ConnectProperties): void {
  const { authenticationMethod, authenticationData } = properties
  if (authenticationMethod !== undefined || authenticationData === undefined) return
  throw protocolError('CONNECT has Authentication Data without a method')
}

function readWill(flags: number, body: PacketReader, version: ProtocolVersion): Will {
  const properties = version === 5 ? readProperties(body, willProperties, 'client') : noProperties
  const topicName = body.utf8String()
  return {
    topicName,
    payload: body.binary(),
    qos: ((flags >> 3) & 0b11) as QoS,
    retain: (flags & 0b0010_0000) !== 0,
    properties,
  }
}

/** After all else, since a malformed CONNECT is not answered in 3.1.1. */
function checkClientIdentifier(packet: Connect): void {
  const { protocolVersion, clientIdentifier, cleanStart } = packet
  const code = ReasonCode.ClientIdentifierNotValid
  if (
    protocolVersion === 3 &&
    (clientIdentifier === '' || clientIdentifier.length > longestIdentifier31)
  ) {
    throw new ProtocolError(code, 'Client Identifier of MQTT 3.1 has 1 to 23 characters')
  }
  if (protocolVersion === 4 && clientIdentifier === '' && !cleanStart) {
    throw new ProtocolError(
      code,
      'Client Identifier is empty without Clean Session',
      'MQTT3-3.1.3-8',
    )
  }
}

/** The whole frame, in the version that the packet names. */
export function writeConnect(writer: PacketWriter, packet: Connect): void {
  const { protocolVersion: version, will } = packet
  writer.byte(0x10)
  const start = writer.openLength(0)
  writer.utf8String(protocolNames[version])
  writer.byte(version)
  writer.byte(connectFlags(packet))
  writer.u16(packet.keepAliveSeconds)
  if (version === 5) writeProperties(writer, connectProperties, packet.properties)
  writer.utf8String(packet.clientIdentifier)
  if (will !== undefined) {
    if (version === 5) writeProperties(writer, willProperties, will.properties)
    writer.utf8String(will.topicName)
    writer.binary(will.payload)
  }
  if (packet.username !== undefined) writer.utf8String(packet.username)
  if (packet.password !== undefined) writer.binary(packet.password)
  writer.closeLength(start, 0, 0)
}

function connectFlags({ cleanStart, will, username, password }: Connect): number {
  const willFlags =
    will === undefined ? 0 : 0b0100 | (will.qos << 3) | (will.retain ? 0b10_0000 : 0)
  return (
    (username === undefined ? 0 : 0b1000_0000) |
    (password === undefined ? 0 : 0b0100_0000) |
    willFlags |
    (cleanStart ? 0b0010 : 0)
  )
}
