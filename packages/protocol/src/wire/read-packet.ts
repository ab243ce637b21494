import { malformed, type ProtocolError, protocolError } from '../errors.ts'
import type { Packet } from '../packet.ts'
import type { ProtocolVersion } from '../version.ts'
import { readAck } from './packets/acks.ts'
import { readAuth } from './packets/auth.ts'
import { readConnack } from './packets/connack.ts'
import { readConnect } from './packets/connect.ts'
import { readDisconnect } from './packets/disconnect.ts'
import { pingreq, pingresp } from './packets/ping.ts'
import { readPublish } from './packets/publish.ts'
import { readSuback, readSubscribe } from './packets/subscribe.ts'
import { readUnsuback, readUnsubscribe } from './packets/unsubscribe.ts'
import type { Sender } from './properties.ts'
import type { PacketReader } from './reader.ts'

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
  const packet = readBody(firstByte, body, version, from)
  if (!body.isAtEnd) throw malformed(`${packet.type} goes on after its last field`)
  return packet
}

function readBody(
  firstByte: number,
  body: PacketReader,
  version: ProtocolVersion,
  from: Sender,
): Packet {
  const type = firstByte >> 4
  const flags = firstByte & 0b1111
  if (type === 3) return readPublish(flags, body, version, from)
  checkFlags(type, flags, version)
  checkDirection(type, version, from)
  switch (type) {
    case 1:
      return readConnect(flags, body)
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
    case 8:
      return readSubscribe(body, version)
    case 9:
      return readSuback(body, version)
    case 10:
      return readUnsubscribe(body, version)
    case 11:
      return readUnsuback(body, version)
    case 12:
      return pingreq
    case 13:
      return pingresp
    case 14:
      return readDisconnect(body, version, from)
    default:
      return readAuth(body, from)
  }
}

/** Table 2-2: the flags of each type; CONNECT's depend on the version that it names. */
const fixedFlags: readonly (number | undefined)[] = [
  ...[undefined, undefined, 0, undefined, 0, 0, 0b0010, 0],
  ...[0b0010, 0, 0b0010, 0, 0, 0, 0, 0],
]

const flagStatements: Readonly<Record<number, string>> = {
  6: 'MQTT5-3.6.1-1',
  8: 'MQTT5-3.8.1-1',
  10: 'MQTT5-3.10.1-1',
  14: 'MQTT5-3.14.1-1',
  15: 'MQTT5-3.15.1-1',
}

function checkFlags(type: number, flags: number, version: ProtocolVersion): void {
  const due = fixedFlags[type]
  if (due === undefined || flags === due) return
  // 3.1 sends PUBREL, SUBSCRIBE and UNSUBSCRIBE at QoS 1, may repeat them with DUP, and does not
  // use the other flags.
  if (version === 3 && (flags & due) === due && (due === 0 || (flags & 0b0100) === 0)) return
  const statement = flagStatements[type] ?? 'MQTT5-2.1.3-1' // and [MQTT3-2.2.2-2]
  throw malformed(`flags of packet type ${type} are ${flags}, not ${due}`, statement)
}

const clientOnly = [1, 8, 10, 12]
const serverOnly = [2, 9, 11, 13]

/** Table 2-1. */
function checkDirection(type: number, version: ProtocolVersion, from: Sender): void {
  if (type === 0 || (type === 15 && version !== 5)) {
    throw malformed(`packet type ${type} is forbidden`, 'U5-2.1.2-a')
  }
  const isServers = serverOnly.includes(type)
  const isClients = clientOnly.includes(type) || (type === 14 && version !== 5)
  if (from === 'client' ? isServers : isClients) throw wrongDirection(type, from)
}

function wrongDirection(type: number, from: Sender): ProtocolError {
  return protocolError(`packet type ${type} does not come from a ${from}`, 'U5-2.1.2-a')
}
