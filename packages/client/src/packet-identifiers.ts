import type { Identifiers } from '@busbar/protocol'

/** The last of them, and how many there are. */
const last = 65_535

/**
 * The Packet Identifiers in use, of which a client has one set: by far simpler than that of a broker
 * with many. They rotate, so that a late acknowledgement does not meet a new message.
 */
export class PacketIdentifiers implements Identifiers {
  readonly #used = new Set<number>()
  #latest = 0

  get isFull(): boolean {
    return this.#used.size === last
  }

  /** One that is not in use, and now is; 0 when all are. */
  take(): number {
    if (this.isFull) return 0
    do {
      this.#latest = (this.#latest % last) + 1 // never 0 [MQTT5-2.2.1-3]
    } while (this.#used.has(this.#latest))
    this.#used.add(this.#latest)
    return this.#latest
  }

  /** The rotation goes on behind it. */
  reserve(packetIdentifier: number): void {
    this.#used.add(packetIdentifier)
    this.#latest = packetIdentifier
  }

  release(packetIdentifier: number): void {
    this.#used.delete(packetIdentifier)
  }
}
