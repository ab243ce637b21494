import { malformed } from '../errors.ts'
import type { Packet } from '../packet.ts'
import type { ProtocolVersion } from '../version.ts'
import { checkFlags, wrongType } from './fixed-header.ts'
import { readAck } from './packets/acks.ts'
import { authFirstByte, readAuth } from './packets/auth.ts'
import { readConnect } from './packets/connect.ts'
import { readDisconnect } from './packets/disconnect.ts'
import { pingreq } from './packets/ping.ts'
import { readPublish } from './packets/publish.ts'
import { readSubscribe } from './packets/subscribe.ts'
import { readUnsubscribe } from './packets/unsubscribe.ts'
import type { Sender } from './properties.ts'
import type { PacketReader } from './reader.ts'
import { readServerAuth, readServerPacket } from './server-packet.ts'

/**
 * Reads one packet, whose fixed header a Framer has taken off. Binary fields are views of the bytes
 * that are read. Throws ProtocolError, and nothing else, for whatever is not a packet that `from`
 * may send in this version; for CONNECT the version is what the packet says.
 */
export function readPacket(
  firstByte: number,
  body: PacketReader,
  version: ProtocolVersion,
  from: Sender,
): Packet {
  if (from === 'server') {
    const isAuth = firstByte === authFirstByte && version === 5
    return isAuth ? readServerAuth(body) : readServerPacket(firstByte, body, version)
  }
  const packet = readBody(firstByte, body, version)
  if (!body.isAtEnd) throw malformed(`${packet.type} goes on after its last field`)
  return packet
}

function readBody(firstByte: number, body: PacketReader, version: ProtocolVersion): Packet {
  const from = 'client'
  const type = firstByte >> 4
  const flags = firstByte & 0b1111
  if (type === 3) return readPublish(flags, body, version, from)
  checkFlags(type, flags, version)
  switch (type) {
    case 1:
      return readConnect(flags, body)
    case 4:
      return readAck('puback', body, version, from)
    case 5:
      return readAck('pubrec', body, version, from)
    case 6:
      return readAck('pubrel', body, version, from)
    case 7:
      return readAck('pubcomp', body, version, from)
    case 8:
      return readSubscribe(body, version)
    case 10:
      return readUnsubscribe(body, version)
    case 12:
      return pingreq
    case 14:
      return readDisconnect(body, version, from)
    case 15:
      if (version === 5) return readAuth(body, from)
  }
  throw wrongType(type, version, from)
}
