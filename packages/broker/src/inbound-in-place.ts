import { type Framer, noProperties, type ProtocolVersion, type QoS } from '@busbar/protocol'
import type { Connection } from './connection.ts'
import { inboundPublish, inboundPubrel } from './inbound-publish.ts'
import type { Session } from './session.ts'

/**
 * The packets that make up nearly all traffic, without reading them into objects first: PUBLISH of a
 * known topic without properties, and acknowledgements of success. False when nothing has been done,
 * and the packet has to be read.
 */
export function inboundInPlace(connection: Connection, session: Session, framer: Framer): boolean {
  switch (framer.firstByte) {
    case 0x30:
      return connection.core.forwarding.forward(connection, session, framer)
    case 0x32:
    case 0x34:
      return (
        connection.core.forwarding.forward(connection, session, framer) ||
        publish(connection, session, framer)
      )
    case 0x40:
    case 0x50:
    case 0x62:
    case 0x70:
      return acknowledgement(connection, session, framer)
    default:
      return false
  }
}

function publish(connection: Connection, session: Session, framer: Framer): boolean {
  const { core } = connection
  const version = connection.version as ProtocolVersion
  const { firstByte, bytes, bodyEnd: end } = framer
  const places = core.forwarding.places
  if (!places.find(framer, version)) return false
  // Known bytes are a Topic Name that has been checked.
  const route = core.router.routeOf(bytes, places.topicStart, places.topicEnd)
  if (route === undefined) return false
  const { packetIdentifier, payloadStart } = places
  const qos = ((firstByte >> 1) & 0b11) as QoS
  const payload = bytes.subarray(payloadStart, end)
  const { topicName } = route
  const fields = { type: 'publish', dup: false, retain: false, properties: noProperties } as const
  inboundPublish(
    connection,
    session,
    { ...fields, qos, topicName, packetIdentifier, payload },
    route,
  )
  return true
}

/** Two bytes, the Packet Identifier, mean success in all versions (U5-3.4.2-a). */
function acknowledgement(connection: Connection, session: Session, framer: Framer): boolean {
  const { firstByte, bytes, bodyStart, bodyEnd } = framer
  if (bodyEnd - bodyStart !== 2) return false
  const packetIdentifier = ((bytes[bodyStart] as number) << 8) | (bytes[bodyStart + 1] as number)
  if (packetIdentifier === 0) return false
  if (firstByte === 0x40) session.sender.puback(packetIdentifier, 0)
  else if (firstByte === 0x50) session.sender.pubrec(packetIdentifier, 0)
  else if (firstByte === 0x62) inboundPubrel(connection, session, packetIdentifier)
  else session.sender.pubcomp(packetIdentifier)
  return true
}
