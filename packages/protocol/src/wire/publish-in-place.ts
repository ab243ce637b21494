import type { ProtocolVersion } from '../version.ts'
import type { Framer } from './framer.ts'

/**
 * Where the fields of an ordinary PUBLISH are, for a receiver that makes no packet of each: that
 * costs more than all the rest of forwarding it. One object serves for all packets of a receiver.
 */
export class PublishInPlace {
  topicStart = 0
  topicEnd = 0
  /** 0 at QoS 0. */
  packetIdentifier = 0
  payloadStart = 0

  /**
   * Finds the fields of the current packet of a framer. False for everything out of the ordinary, such
   * as properties, an empty topic, DUP, RETAIN and all faults: `readPacket` decides then. The bytes of
   * the topic are not checked.
   */
  find(
    { firstByte, bytes, bodyStart: start, bodyEnd: end }: Framer,
    version: ProtocolVersion,
  ): boolean {
    const isQoS0 = firstByte === 0x30
    if (!isQoS0 && firstByte !== 0x32 && firstByte !== 0x34) return false
    const topicStart = start + 2
    if (topicStart > end) return false
    const topicEnd = topicStart + (((bytes[start] as number) << 8) | (bytes[start + 1] as number))
    const identifierEnd = isQoS0 ? topicEnd : topicEnd + 2
    const payloadStart = version === 5 ? identifierEnd + 1 : identifierEnd
    if (topicEnd === topicStart || payloadStart > end) return false
    if (version === 5 && bytes[identifierEnd] !== 0) return false // there are properties
    this.packetIdentifier = isQoS0
      ? 0
      : ((bytes[topicEnd] as number) << 8) | (bytes[topicEnd + 1] as number)
    if (!isQoS0 && this.packetIdentifier === 0) return false
    this.topicStart = topicStart
    this.topicEnd = topicEnd
    this.payloadStart = payloadStart
    return true
  }
}
