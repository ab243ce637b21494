import { malformed } from '../errors.ts'
import type { Packet } from '../packet.ts'
import type { ProtocolVersion } from '../version.ts'
import { checkFlags, wrongType } from './fixed-header.ts'
import { readAck } from './packets/acks.ts'
import { type Auth, readAuth } from './packets/auth.ts'
import { readConnack } from './packets/connack.ts'
import { readDisconnect } from './packets/disconnect.ts'
import { pingresp } from './packets/ping.ts'
import { readPublish } from './packets/publish.ts'
import { readSuback } from './packets/subscribe.ts'
import { readUnsuback } from './packets/unsubscribe.ts'
import type { PacketReader } from './reader.ts'

/** `readPacket` for what a server sends but AUTH, so that a client need not carry the rest. */
export function readServerPacket(
  firstByte: number,
  body: PacketReader,
  version: ProtocolVersion,
): Packet {
  return whole(readBody(firstByte, body, version), body)
}

/** The same for AUTH, whose flags have to be right. */
export function readServerAuth(body: PacketReader): Auth {
  return whole(readAuth(body, 'server'), body)
}

function whole<P extends Packet>(packet: P, body: PacketReader): P {
  if (!body.isAtEnd) throw malformed(`${packet.type} goes on after its last field`)
  return packet
}

function readBody(firstByte: number, body: PacketReader, version: ProtocolVersion): Packet {
  const from = 'server'
  const type = firstByte >> 4
  const flags = firstByte & 0b1111
  if (type === 3) return readPublish(flags, body, version, from)
  checkFlags(type, flags, version)
  switch (type) {
    case 2:
      return readConnack(body, version)
    case 4:
      return readAck('puback', body, version, from)
    case 5:
      return readAck('pubrec', body, version, from)
    case 6:
      return readAck('pubrel', body, version, from)
    case 7:
      return readAck('pubcomp', body, version, from)
    case 9:
      return readSuback(body, version)
    case 11:
      return readUnsuback(body, version)
    case 13:
      return pingresp
    case 14:
      if (version === 5) return readDisconnect(body, version, from)
  }
  throw wrongType(type, version, from)
}
