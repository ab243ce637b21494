import type { Packet } from '../packet.ts'
import type { ProtocolVersion } from '../version.ts'
import { writeAck } from './packets/acks.ts'
import { writeConnect } from './packets/connect.ts'
import { writeDisconnect } from './packets/disconnect.ts'
import { writePing } from './packets/ping.ts'
import { writePublish } from './packets/publish.ts'
import { writeSubscribe } from './packets/subscribe.ts'
import { writeUnsubscribe } from './packets/unsubscribe.ts'
import type { PacketWriter } from './writer.ts'

/** What a client may send but AUTH, which few do. */
export type ClientPacket = Exclude<
  Packet,
  { type: 'connack' | 'suback' | 'unsuback' | 'pingresp' | 'auth' }
>

/** `writePacket` for what a client sends, so that a client need not carry the rest. */
export function writeClientPacket(
  writer: PacketWriter,
  packet: ClientPacket,
  version: ProtocolVersion,
): void {
  const start = writer.length
  try {
    writeBody(writer, packet, version)
  } catch (error) {
    writer.truncate(start)
    throw error
  }
}

function writeBody(writer: PacketWriter, packet: ClientPacket, version: ProtocolVersion): void {
  switch (packet.type) {
    case 'publish':
      return writePublish(writer, packet, version)
    case 'connect':
      return writeConnect(writer, packet)
    case 'subscribe':
      return writeSubscribe(writer, packet, version)
    case 'unsubscribe':
      return writeUnsubscribe(writer, packet, version)
    case 'pingreq':
      return writePing(writer, packet)
    case 'disconnect':
      return writeDisconnect(writer, packet, version)
    default:
      return writeAck(writer, packet, version)
  }
}
