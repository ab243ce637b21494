import { malformed, protocolError } from '../../errors.ts'
import type { ProtocolVersion, QoS, UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import {
  noProperties,
  propertySet,
  readProperties,
  type Sender,
  writeProperties,
} from '../properties.ts'
import { type PacketReader, readPacketIdentifier } from '../reader.ts'
import { PacketWriter } from '../writer.ts'

/** Section 3.3.2.3. */
export interface PublishProperties {
  /** 1 where the payload is UTF-8. */
  payloadFormatIndicator?: 0 | 1
  /** In seconds. */
  messageExpiryInterval?: number
  /** Stands for the Topic Name on one connection. */
  topicAlias?: number
  /** Where an answer is to go. */
  responseTopic?: string
  /** What the answer is to bring along. */
  correlationData?: Uint8Array
  /** Names and values of the application. */
  userProperties?: readonly UserProperty[]
  /** From the server: the subscriptions that it is for. */
  subscriptionIdentifiers?: readonly number[]
  /** What the payload is, such as `application/json`. */
  contentType?: string
}

export interface Publish {
  type: 'publish'
  dup: boolean
  qos: QoS
  retain: boolean
  /** Empty where a Topic Alias stands for it. Not checked as a Topic Name yet. */
  topicName: string
  /** 0 at QoS 0, which has none [MQTT5-2.2.1-2]. */
  packetIdentifier: number
  properties: PublishProperties
  /** A view of the bytes that were read: copy it to keep it. */
  payload: Uint8Array
}

const publishProperties = propertySet<PublishProperties>(places.publish)

export function readPublish(
  flags: number,
  body: PacketReader,
  version: ProtocolVersion,
  from: Sender,
): Publish {
  const qos = (flags >> 1) & 0b11
  if (qos === 3) throw malformed('PUBLISH has both QoS bits set', 'MQTT5-3.3.1-4') // and [MQTT3-3.3.1-4]
  const packet = readPublishFields(flags, body, version, from)
  if (packet.dup && qos === 0) throw malformed('PUBLISH of QoS 0 has DUP set', 'MQTT5-3.3.1-2') // and [MQTT3-3.3.1-2]
  if (packet.topicName === '' && version === 5 && packet.properties.topicAlias === undefined) {
    throw protocolError('PUBLISH has neither Topic Name nor Topic Alias', 'U5-3.3.2-a')
  }
  return packet
}

/** The same where the flags are known to be right; the Topic Name may be empty. */
export function readPublishFields(
  flags: number,
  body: PacketReader,
  version: ProtocolVersion,
  from: Sender,
): Publish {
  const qos = ((flags >> 1) & 0b11) as QoS
  return {
    type: 'publish',
    // 3.1 gives DUP a meaning above QoS 0 only.
    dup: (flags & 0b1000) !== 0 && (qos > 0 || version > 3),
    qos,
    retain: (flags & 0b0001) !== 0,
    topicName: from === 'server' ? readLikelyTopic(body) : body.utf8String(),
    packetIdentifier: qos > 0 ? readPacketIdentifier(body) : 0,
    properties: version === 5 ? readProperties(body, publishProperties, from) : noProperties,
    payload: body.rest(),
  }
}

// Of all clients in this process: it is nothing but compared.
let latestTopic = ''

/** What a client receives has the topic of the message before, most of the time. */
function readLikelyTopic(body: PacketReader): string {
  latestTopic = body.knownString(latestTopic)
  return latestTopic
}

/** Throws a RangeError for properties that the wire cannot hold. */
export function checkPublishProperties(properties: PublishProperties): void {
  writeProperties(new PacketWriter(), publishProperties, properties)
}

/** The whole frame. */
export function writePublish(
  writer: PacketWriter,
  packet: Publish,
  version: ProtocolVersion,
): void {
  writePublishHead(writer, packet, version)
  writer.raw(packet.payload)
}

/** The frame up to its payload, which the Remaining Length counts already. */
export function writePublishHead(
  writer: PacketWriter,
  packet: Publish,
  version: ProtocolVersion,
): void {
  const { dup, qos, retain, topicName, packetIdentifier, properties, payload } = packet
  writer.byte(0x30 | (dup ? 0b1000 : 0) | (qos << 1) | (retain ? 1 : 0))
  const expected = payload.length + topicName.length + 4
  const start = writer.openLength(expected)
  writer.utf8String(topicName)
  if (qos > 0) writer.u16(packetIdentifier) // none at QoS 0 [MQTT5-2.2.1-2]
  if (version === 5) writeProperties(writer, publishProperties, properties)
  writer.closeLength(start, expected, payload.length)
}
