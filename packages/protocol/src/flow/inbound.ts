import { ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'

/**
 * Messages of QoS 1 and 2 as their receiver sees them: which have come before, and how many are
 * unfinished, which our Receive Maximum limits.
 */
export class Inbound {
  // for the Session: identifiers of QoS 2 between PUBLISH and PUBREL; as the others, made when needed
  #held: Set<number> | undefined
  // for the Network Connection
  /** QoS 1: how often an identifier has come and is not acknowledged. */
  #unacknowledged: Map<number, number> | undefined
  #unacknowledgedCount = 0
  /** One of them that is not in the map: most are acknowledged before the next one comes. 0: none. */
  #latest = 0
  /** QoS 2: the held identifiers that have come on this Network Connection. */
  #counted: Set<number> | undefined
  #receiveMaximum = 0
  #allowance = 0

  get size(): number {
    return this.#held?.size ?? 0
  }

  /** A Network Connection begins: all counts start anew, held identifiers stay. */
  connected(receiveMaximum: number): void {
    this.#unacknowledged = undefined
    this.#unacknowledgedCount = 0
    this.#latest = 0
    this.#counted = undefined
    this.#receiveMaximum = receiveMaximum
    this.#allowance = 0
  }

  /**
   * A PUBLISH of QoS 1 or 2 has arrived. Throws a ProtocolError with Reason Code 0x93 for more than
   * Receive Maximum unfinished ones [MQTT5-3.3.4-7] (U5-3.3.4-c).
   * - new: deliver it.
   * - repeated, QoS 2 only: answer with PUBREC again and do not deliver it [MQTT5-4.3.3-10].
   * - in-use: the identifier belongs to an unfinished exchange of the other QoS. PUBACK or PUBREC
   *   with Reason Code 0x91; MQTT 3 has no such answer. Nothing is held or counted.
   */
  publish(packetIdentifier: number, qos: 1 | 2): 'new' | 'repeated' | 'in-use' {
    return qos === 1 ? this.#publishQoS1(packetIdentifier) : this.#publishQoS2(packetIdentifier)
  }

  /** PUBACK is sent, whatever its Reason Code. */
  acknowledged(packetIdentifier: number): void {
    if (packetIdentifier === this.#latest) {
      this.#latest = 0
      this.#unacknowledgedCount--
      return
    }
    const times = this.#unacknowledged?.get(packetIdentifier)
    if (times === undefined) return
    this.#unacknowledgedCount--
    if (times === 1) this.#unacknowledged?.delete(packetIdentifier)
    else this.#unacknowledged?.set(packetIdentifier, times - 1)
  }

  /** PUBREC is sent with a failure: the identifier means a new message from now [MQTT5-4.3.3-9]. */
  refused(packetIdentifier: number): void {
    this.#held?.delete(packetIdentifier)
    this.#counted?.delete(packetIdentifier)
  }

  /**
   * PUBREL has arrived. True: the identifier was held and is free now [MQTT5-4.3.3-12], PUBCOMP.
   * False: it is not known, PUBCOMP with Reason Code 0x92.
   */
  pubrel(packetIdentifier: number): boolean {
    const isHeld = this.#held?.delete(packetIdentifier) === true
    // The PUBLISH was sent on an earlier Network Connection, and the PUBCOMP may raise the sender's
    // quota all the same (U5-4.9-a): a sender that goes by that can be ahead by one for each.
    const isCounted = this.#counted?.delete(packetIdentifier) === true
    if (!isCounted && this.#allowance < this.#receiveMaximum) this.#allowance++
    return isHeld
  }

  /** Whether the identifier is that of a QoS 2 message waiting for its PUBREL. */
  has(packetIdentifier: number): boolean {
    return this.#held?.has(packetIdentifier) === true
  }

  /** At start-up: a held identifier from the store. */
  restore(packetIdentifier: number): void {
    this.#held ??= new Set()
    this.#held.add(packetIdentifier)
  }

  /** The held identifiers. */
  identifiers(): Iterable<number> {
    return this.#held ?? []
  }

  #publishQoS1(packetIdentifier: number): 'new' | 'in-use' {
    if (this.has(packetIdentifier)) return 'in-use'
    this.#checkWindow()
    // One that comes twice is two messages, and each gets its PUBACK [MQTT5-4.3.2-4].
    if (this.#latest !== 0) {
      this.#unacknowledged ??= new Map()
      const times = this.#unacknowledged.get(this.#latest) ?? 0
      this.#unacknowledged.set(this.#latest, times + 1)
    }
    this.#latest = packetIdentifier
    this.#unacknowledgedCount++
    return 'new'
  }

  #publishQoS2(packetIdentifier: number): 'new' | 'repeated' | 'in-use' {
    this.#counted ??= new Set()
    if (this.#counted.has(packetIdentifier)) return 'repeated'
    const isOther =
      packetIdentifier === this.#latest || this.#unacknowledged?.has(packetIdentifier) === true
    if (isOther) return 'in-use'
    this.#checkWindow()
    this.#counted.add(packetIdentifier)
    if (this.has(packetIdentifier)) return 'repeated'
    this.restore(packetIdentifier)
    return 'new'
  }

  #checkWindow(): void {
    const open = this.#unacknowledgedCount + (this.#counted?.size ?? 0)
    if (open < this.#receiveMaximum + this.#allowance) return
    throw new ProtocolError(
      ReasonCode.ReceiveMaximumExceeded,
      `more than ${this.#receiveMaximum} PUBLISH packets are unfinished`,
      'MQTT5-3.3.4-7',
    )
  }
}
