import type { Packet } from '../packet.ts'
import type { ProtocolVersion } from '../version.ts'
import { writeAck } from './packets/acks.ts'
import { writeAuth } from './packets/auth.ts'
import { writeConnack } from './packets/connack.ts'
import { writeConnect } from './packets/connect.ts'
import { writeDisconnect } from './packets/disconnect.ts'
import { writePing } from './packets/ping.ts'
import { type Publish, writePublish, writePublishHead } from './packets/publish.ts'
import { writeSuback, writeSubscribe } from './packets/subscribe.ts'
import { writeUnsuback, writeUnsubscribe } from './packets/unsubscribe.ts'
import { PacketWriter } from './writer.ts'

// Reused by every call of encodePacket, unless one packet has made it large.
const smallScratch = 4_096
const largestScratch = 65_536
let scratch = new PacketWriter(smallScratch)

/** The bytes of one packet, which are the caller's alone. Throws like `writePacket`. */
export function encodePacket(packet: Packet, version: ProtocolVersion): Uint8Array {
  scratch.truncate(0)
  const bytes =
    packet.type === 'publish' ? encodePublish(packet, version) : encodeSmall(packet, version)
  if (scratch.capacity > largestScratch) scratch = new PacketWriter(smallScratch)
  return bytes
}

function encodeSmall(packet: Packet, version: ProtocolVersion): Uint8Array {
  writeBody(scratch, packet, version)
  return scratch.view().slice()
}

/** The payload is copied once, into its place. */
function encodePublish(packet: Publish, version: ProtocolVersion): Uint8Array {
  writePublishHead(scratch, packet, version)
  const head = scratch.view()
  const bytes = new Uint8Array(head.length + packet.payload.length)
  bytes.set(head)
  bytes.set(packet.payload, head.length)
  return bytes
}

/**
 * Appends one packet. Throws a RangeError, and leaves the writer as it was, for a value that the
 * wire cannot hold: text over 65,535 bytes or with U+0000, a number outside its field.
 */
export function writePacket(writer: PacketWriter, packet: Packet, version: ProtocolVersion): void {
  const start = writer.length
  try {
    writeBody(writer, packet, version)
  } catch (error) {
    writer.truncate(start)
    throw error
  }
}

function writeBody(writer: PacketWriter, packet: Packet, version: ProtocolVersion): void {
  switch (packet.type) {
    case 'publish':
      return writePublish(writer, packet, version)
    case 'connect':
      return writeConnect(writer, packet)
    case 'connack':
      return writeConnack(writer, packet, version)
    case 'subscribe':
      return writeSubscribe(writer, packet, version)
    case 'suback':
      return writeSuback(writer, packet, version)
    case 'unsubscribe':
      return writeUnsubscribe(writer, packet, version)
    case 'unsuback':
      return writeUnsuback(writer, packet, version)
    case 'pingreq':
    case 'pingresp':
      return writePing(writer, packet)
    case 'disconnect':
      return writeDisconnect(writer, packet, version)
    case 'auth':
      return writeAuth(writer, packet)
    default:
      return writeAck(writer, packet, version)
  }
}
