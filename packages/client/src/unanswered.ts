/** The last of the Packet Identifiers, and how many there are. */
const last = 65_535

/**
 * What is unanswered, by its Packet Identifier: PUBLISH, SUBSCRIBE and UNSUBSCRIBE share them
 * (U5-2.2.1-a). They rotate, so that a late acknowledgement does not meet a new message.
 */
export class Unanswered<T> extends Map<number, T> {
  /** Where the rotation is: what comes from a store sets it. */
  latest = 0

  get isFull(): boolean {
    return this.size === last
  }

  /** Keeps it under an identifier that was not in use; there has to be one. */
  take(exchange: T): number {
    do {
      this.latest = (this.latest % last) + 1 // never 0 [MQTT5-2.2.1-3]
    } while (this.has(this.latest))
    this.set(this.latest, exchange)
    return this.latest
  }
}
