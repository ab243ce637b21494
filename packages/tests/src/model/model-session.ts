import { Inbound, Outbound, PacketIdentifiers, type Publish } from '@busbar/protocol'
import type { MessageName } from './payload.ts'

/** A message between PUBLISH and its last acknowledgement. */
export interface Unfinished {
  readonly message: MessageName
  readonly publish: Publish
  /** The last time. */
  sentAt: number
}

/** What a ModelClient keeps from one Network Connection to the next. */
export class ModelSession {
  readonly identifiers = new PacketIdentifiers()
  readonly outbound = new Outbound<Unfinished>(this.identifiers)
  readonly inbound = new Inbound()
  /** What QoS 2 identifiers between PUBLISH and PUBREL stand for. */
  readonly held = new Map<number, MessageName>()

  /** Messages that wait for something from the broker. */
  get size(): number {
    return this.outbound.size + this.inbound.size
  }

  /** Whether the PUBREC of a message that was sent is still due. */
  isPublished(packetIdentifier: number): boolean {
    for (const entry of this.outbound.unfinished()) {
      if (entry.packetIdentifier === packetIdentifier) return entry.state === 'published'
    }
    return false
  }
}
