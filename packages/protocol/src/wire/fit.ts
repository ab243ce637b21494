import type { Packet } from '../packet.ts'
import type { ProtocolVersion } from '../version.ts'
import type { Puback, Pubcomp, Pubrec, Pubrel } from './packets/acks.ts'
import type { Auth } from './packets/auth.ts'
import type { Connack } from './packets/connack.ts'
import type { Disconnect } from './packets/disconnect.ts'
import type { Suback } from './packets/subscribe.ts'
import type { Unsuback } from './packets/unsubscribe.ts'
import { encodePacket } from './write-packet.ts'

/**
 * The bytes of a packet in at most `maximumPacketSize` bytes, fixed header included; undefined when
 * it cannot be that small. What explains a Reason Code is left out as far as needed: first the User
 * Properties, then the Reason String. `mayExplain` is false after Request Problem Information 0.
 */
export function fitPacket(
  packet: Packet,
  version: ProtocolVersion,
  maximumPacketSize: number,
  mayExplain: boolean,
): Uint8Array | undefined {
  if (version !== 5 || !isExplained(packet)) {
    const bytes = encodePacket(packet, version)
    return bytes.length <= maximumPacketSize ? bytes : undefined
  }
  // CONNACK and DISCONNECT explain whatever the client asked for [MQTT5-3.1.2-29].
  const mayStay = mayExplain || packet.type === 'connack' || packet.type === 'disconnect'
  const { reasonString, userProperties, ...needed } = packet.properties
  const withString = reasonString === undefined ? needed : { ...needed, reasonString }
  // [MQTT5-3.2.2-19] [MQTT5-3.2.2-20] [MQTT5-3.4.2-2] [MQTT5-3.4.2-3] and their likes in 3.5 to 3.15
  const choices = mayStay ? [packet.properties, withString, needed] : [needed]
  for (const properties of choices) {
    const bytes = encodePacket({ ...packet, properties } as Packet, version)
    if (bytes.length <= maximumPacketSize) return bytes
  }
  return undefined
}

/** The packets that can have a Reason String, whose User Properties explain it further. */
type Explained =
  | Connack
  | Puback
  | Pubrec
  | Pubrel
  | Pubcomp
  | Suback
  | Unsuback
  | Disconnect
  | Auth

const explained: ReadonlySet<Packet['type']> = new Set<Explained['type']>([
  'connack',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'suback',
  'unsuback',
  'disconnect',
  'auth',
])

function isExplained(packet: Packet): packet is Explained {
  return explained.has(packet.type)
}
