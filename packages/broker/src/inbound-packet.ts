import {
  type Connect,
  type Disconnect,
  type Packet,
  protocolError,
  ReasonCode,
} from '@busbar/protocol'
import { unaskedAuth } from './authentication.ts'
import { inboundConnect } from './connect.ts'
import type { Connection } from './connection.ts'
import { inboundPublish, inboundPubrel } from './inbound-publish.ts'
import type { Session } from './session.ts'
import { inboundSubscribe, inboundUnsubscribe } from './subscribe.ts'

/** A packet that has been read, for whoever deals with its type. */
export function inboundPacket(connection: Connection, packet: Packet): void {
  if (connection.state === 'connecting') return beforeConnack(connection, packet)
  const session = connection.session as Session
  switch (packet.type) {
    case 'publish':
      return inboundPublish(connection, session, packet)
    case 'puback':
      return session.sender.puback(packet.packetIdentifier, packet.reasonCode)
    case 'pubrec':
      return session.sender.pubrec(packet.packetIdentifier, packet.reasonCode)
    case 'pubrel':
      return inboundPubrel(connection, session, packet.packetIdentifier)
    case 'pubcomp':
      return session.sender.pubcomp(packet.packetIdentifier)
    case 'subscribe':
      return inboundSubscribe(connection, session, packet)
    case 'unsubscribe':
      return inboundUnsubscribe(connection, session, packet)
    case 'pingreq':
      connection.send({ type: 'pingresp' }) // [MQTT5-3.12.4-1]
      return
    case 'auth':
      return connection.authentication === undefined
        ? unaskedAuth()
        : connection.authentication.again(packet)
    case 'disconnect':
      return inboundDisconnect(connection, session, packet)
    case 'connect':
      throw protocolError('CONNECT came twice', 'MQTT5-3.1.0-2')
    default:
      throw protocolError(`${packet.type} is sent by servers only`, 'U5-2.1.2-a')
  }
}

function beforeConnack(connection: Connection, packet: Packet): void {
  if (connection.version === undefined) return inboundConnect(connection, packet as Connect)
  // [MQTT5-3.1.2-30] Everything else waits for CONNACK.
  if (packet.type === 'auth') return connection.authentication?.proceed(packet)
  if (packet.type === 'disconnect') return connection.close('client left during authentication')
  throw protocolError(`${packet.type} came before CONNACK`, 'MQTT5-3.1.2-30')
}

function inboundDisconnect(
  connection: Connection,
  session: Session,
  { reasonCode, properties }: Disconnect,
): void {
  const { sessions, wills } = connection.core
  const { sessionExpiryInterval } = properties
  if (sessionExpiryInterval !== undefined) sessions.changeExpiry(session, sessionExpiryInterval)
  const dropsWill = reasonCode === ReasonCode.NormalDisconnection && session.will !== undefined
  if (dropsWill) wills.cancel(session)
  connection.close('client disconnected', { dropsWill, isHeard: true })
}
