import type { PacketWriter } from '../writer.ts'

export interface Pingreq {
  type: 'pingreq'
}

export interface Pingresp {
  type: 'pingresp'
}

// one object each: there is nothing in them to tell apart
export const pingreq: Pingreq = Object.freeze({ type: 'pingreq' })
export const pingresp: Pingresp = Object.freeze({ type: 'pingresp' })

/** The whole frame of a PINGREQ or PINGRESP. */
export function writePing(writer: PacketWriter, packet: Pingreq | Pingresp): void {
  writer.byte(packet.type === 'pingreq' ? 0xc0 : 0xd0)
  writer.byte(0)
}
