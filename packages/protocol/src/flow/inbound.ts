import { ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'

/** A number for each of some Packet Identifiers. */
export interface IdentifierNumbers extends Iterable<[packetIdentifier: number, number: number]> {
  readonly size: number
  get(packetIdentifier: number): number | undefined
  set(packetIdentifier: number, number: number): unknown
  delete(packetIdentifier: number): boolean
}

// What is known of a Packet Identifier, in one number.
/** For the Session: of QoS 2, between PUBLISH and PUBREL. */
const held = 1
/** For the Network Connection: of QoS 2, has come on this one and is unfinished. */
const counted = 2
/** For the Network Connection: of QoS 1, for each time that it has come and is not acknowledged. */
const unacknowledged = 4

/**
 * Messages of QoS 1 and 2 as their receiver sees them: which have come before, and how many are
 * unfinished, which our Receive Maximum limits.
 */
export class Inbound {
  /** Made when needed, since many Sessions publish nothing but QoS 0. */
  #known: IdentifierNumbers | undefined
  readonly #create: () => IdentifierNumbers
  #heldCount = 0
  // for the Network Connection
  #unfinished = 0
  /** One of QoS 1 that is not in the table: most are acknowledged before the next one comes. 0: none. */
  #latest = 0
  #receiveMaximum = 0
  #allowance = 0

  /** `create`: where Packet Identifiers are kept. */
  constructor(create: () => IdentifierNumbers = () => new Map()) {
    this.#create = create
  }

  get size(): number {
    return this.#heldCount
  }

  /** A Network Connection begins: all counts start anew, held identifiers stay. */
  connected(receiveMaximum: number): void {
    const identifiers = [...this.identifiers()]
    this.#known = undefined
    this.#heldCount = 0
    for (const packetIdentifier of identifiers) this.restore(packetIdentifier)
    this.#unfinished = 0
    this.#latest = 0
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
      this.#unfinished--
      return
    }
    const known = this.#numberOf(packetIdentifier)
    if (known < unacknowledged) return
    this.#unfinished--
    this.#note(packetIdentifier, known - unacknowledged)
  }

  /** PUBREC is sent with a failure: the identifier means a new message from now [MQTT5-4.3.3-9]. */
  refused(packetIdentifier: number): void {
    this.#forget(packetIdentifier)
  }

  /**
   * PUBREL has arrived. True: the identifier was held and is free now [MQTT5-4.3.3-12], PUBCOMP.
   * False: it is not known, PUBCOMP with Reason Code 0x92.
   */
  pubrel(packetIdentifier: number): boolean {
    const known = this.#forget(packetIdentifier)
    // The PUBLISH was sent on an earlier Network Connection, and the PUBCOMP may raise the sender's
    // quota all the same (U5-4.9-a): a sender that goes by that can be ahead by one for each.
    if ((known & counted) === 0 && this.#allowance < this.#receiveMaximum) this.#allowance++
    return (known & held) !== 0
  }

  /** Whether the identifier is that of a QoS 2 message waiting for its PUBREL. */
  has(packetIdentifier: number): boolean {
    return (this.#numberOf(packetIdentifier) & held) !== 0
  }

  /** At start-up: a held identifier from the store. */
  restore(packetIdentifier: number): void {
    const known = this.#numberOf(packetIdentifier)
    if ((known & held) !== 0) return
    this.#heldCount++
    this.#note(packetIdentifier, known | held)
  }

  /** The held identifiers. */
  *identifiers(): Iterable<number> {
    for (const [packetIdentifier, known] of this.#known ?? []) {
      if ((known & held) !== 0) yield packetIdentifier
    }
  }

  #publishQoS1(packetIdentifier: number): 'new' | 'in-use' {
    if (this.#heldCount > 0 && this.has(packetIdentifier)) return 'in-use'
    this.#checkWindow()
    // One that comes twice is two messages, and each gets its PUBACK [MQTT5-4.3.2-4].
    const earlier = this.#latest
    if (earlier !== 0) this.#note(earlier, this.#numberOf(earlier) + unacknowledged)
    this.#latest = packetIdentifier
    this.#unfinished++
    return 'new'
  }

  #publishQoS2(packetIdentifier: number): 'new' | 'repeated' | 'in-use' {
    const known = this.#numberOf(packetIdentifier)
    if ((known & counted) !== 0) return 'repeated'
    if (packetIdentifier === this.#latest || known >= unacknowledged) return 'in-use'
    this.#checkWindow()
    this.#unfinished++
    this.#note(packetIdentifier, held | counted)
    if ((known & held) !== 0) return 'repeated'
    this.#heldCount++
    return 'new'
  }

  #numberOf(packetIdentifier: number): number {
    return this.#known?.get(packetIdentifier) ?? 0
  }

  #note(packetIdentifier: number, known: number): void {
    this.#known ??= this.#create()
    if (known === 0) this.#known.delete(packetIdentifier)
    else this.#known.set(packetIdentifier, known)
  }

  /** Ends an exchange of QoS 2; what was known of it. */
  #forget(packetIdentifier: number): number {
    const known = this.#numberOf(packetIdentifier)
    if ((known & (held | counted)) === 0) return known
    if ((known & held) !== 0) this.#heldCount--
    if ((known & counted) !== 0) this.#unfinished--
    this.#note(packetIdentifier, known & ~(held | counted))
    return known
  }

  #checkWindow(): void {
    if (this.#unfinished < this.#receiveMaximum + this.#allowance) return
    throw new ProtocolError(
      ReasonCode.ReceiveMaximumExceeded,
      `more than ${this.#receiveMaximum} PUBLISH packets are unfinished`,
      'MQTT5-3.3.4-7',
    )
  }
}
