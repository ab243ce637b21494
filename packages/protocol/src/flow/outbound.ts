import { firstFailure } from '../reason-codes.ts'
import { InFlight } from './in-flight.ts'
import { PacketIdentifiers } from './packet-identifiers.ts'

/** A message of QoS 1 or 2 on its way to the peer. */
export interface OutboundEntry<M> {
  readonly packetIdentifier: number
  readonly qos: 1 | 2
  message: M
  /** released: PUBREC has arrived, and PUBREL is due or sent. */
  state: 'published' | 'released'
}

/** What a PUBREC leads to: PUBREL, the end of the exchange, or PUBREL with Reason Code 0x92. */
export interface PubrecOutcome<M> {
  readonly outcome: 'release' | 'finished' | 'unknown'
  readonly entry?: OutboundEntry<M>
}

interface Entry<M> extends OutboundEntry<M> {
  /** The number of the Network Connection that has carried its last packet. */
  connection: number
  /** Whether it has taken of the quota of that Network Connection. */
  hasQuota: boolean
  previous: Entry<M> | undefined
  next: Entry<M> | undefined
}

/**
 * Messages of QoS 1 and 2 as their sender sees them: Packet Identifiers, the peer's Receive Maximum
 * and what is sent again when a Session is resumed. Nothing is sent again before that
 * [MQTT5-4.4.0-1].
 */
export class Outbound<M> {
  // for the Session; both are made for the first message, since many Sessions never have one
  /** In the order of first transmission [MQTT5-4.6.0-1]. */
  #entries: InFlight<Entry<M>> | undefined
  #identifiers: PacketIdentifiers | undefined
  // for the Network Connection
  #connection = 0
  #quota = 0
  #nextResend: Entry<M> | undefined

  /** A client shares the identifiers with its SUBSCRIBE and UNSUBSCRIBE (U5-2.2.1-a). */
  constructor(identifiers?: PacketIdentifiers) {
    this.#identifiers = identifiers
  }

  get size(): number {
    return this.#entries?.size ?? 0
  }

  /** A Network Connection begins, and everything unfinished is due again [MQTT5-4.4.0-1]. */
  connected(receiveMaximum: number): void {
    this.#connection++
    this.#quota = receiveMaximum // [MQTT5-4.9.0-1]
    this.#nextResend = this.#due(this.#entries?.first)
  }

  /**
   * The next entry to send again, in the order of first transmission: PUBLISH with DUP when it is
   * published, PUBREL when it is released [MQTT5-4.3.3-6]. Undefined when nothing is left, or when
   * a PUBLISH must wait for quota.
   */
  nextResend(): OutboundEntry<M> | undefined {
    const entry = this.#nextResend
    if (entry === undefined) return undefined
    const needsQuota = entry.state === 'published'
    if (needsQuota && this.#quota === 0) return undefined // [MQTT5-4.9.0-2]
    if (needsQuota) this.#quota--
    entry.hasQuota = needsQuota
    entry.connection = this.#connection
    this.#nextResend = this.#due(entry.next)
    return entry
  }

  /** Whether something is still to be sent again, which goes before anything new. */
  get isResending(): boolean {
    return this.#nextResend !== undefined
  }

  /** Whether a new PUBLISH of QoS 1 or 2 may leave now. */
  get hasRoom(): boolean {
    return this.#quota > 0 && this.#nextResend === undefined && this.#identifiers?.isFull !== true
  }

  /** Takes an identifier and quota for a new message; only while `hasRoom`. */
  publish(message: M, qos: 1 | 2): OutboundEntry<M> {
    if (!this.hasRoom) throw new Error('publish() without room')
    this.#identifiers ??= new PacketIdentifiers()
    const entry: Entry<M> = {
      packetIdentifier: this.#identifiers.take(), // [MQTT5-4.3.2-1] [MQTT5-4.3.3-1]
      qos,
      message,
      state: 'published',
      connection: this.#connection,
      hasQuota: true,
      previous: undefined,
      next: undefined,
    }
    this.#quota-- // [MQTT5-4.9.0-2]
    this.#keep(entry)
    return entry
  }

  /** The entry that is finished, whatever the Reason Code; undefined for one that is unknown. */
  puback(packetIdentifier: number): OutboundEntry<M> | undefined {
    const entry = this.#entries?.get(packetIdentifier)
    return entry?.qos === 1 ? this.#finish(entry) : undefined
  }

  /** A failure ends the exchange [MQTT5-4.4.0-2], anything else releases it [MQTT5-4.3.3-4]. */
  pubrec(packetIdentifier: number, reasonCode: number): PubrecOutcome<M> {
    const entry = this.#entries?.get(packetIdentifier)
    if (entry?.qos !== 2) return { outcome: 'unknown' }
    if (reasonCode >= firstFailure) return { outcome: 'finished', entry: this.#finish(entry) }
    entry.state = 'released'
    if (entry.connection !== this.#connection) this.#answerEarly(entry)
    return { outcome: 'release', entry }
  }

  /** The entry that is finished; undefined for one that is unknown or not released. */
  pubcomp(packetIdentifier: number): OutboundEntry<M> | undefined {
    const entry = this.#entries?.get(packetIdentifier)
    return entry?.state === 'released' ? this.#finish(entry) : undefined
  }

  /**
   * Gives up one that cannot be sent, as when it is larger than the peer's Maximum Packet Size: it
   * counts as finished [MQTT5-3.1.2-25].
   */
  discard(packetIdentifier: number): OutboundEntry<M> | undefined {
    const entry = this.#entries?.get(packetIdentifier)
    return entry && this.#finish(entry)
  }

  /** At start-up: an entry from the store. They come in the order of first transmission. */
  restore(stored: OutboundEntry<M>): void {
    const { packetIdentifier, qos, message, state } = stored
    this.#identifiers ??= new PacketIdentifiers()
    this.#identifiers.reserve(packetIdentifier)
    const entry: Entry<M> = {
      packetIdentifier,
      qos,
      message,
      state,
      connection: 0,
      hasQuota: false,
      previous: undefined,
      next: undefined,
    }
    this.#keep(entry)
  }

  /** In the order of first transmission. */
  unfinished(): Iterable<OutboundEntry<M>> {
    return this.#entries ?? []
  }

  #keep(entry: Entry<M>): void {
    this.#entries ??= new InFlight()
    this.#entries.add(entry)
  }

  #finish(entry: Entry<M>): OutboundEntry<M> {
    if (entry === this.#nextResend) this.#nextResend = this.#due(entry.next)
    this.#entries?.delete(entry)
    this.#identifiers?.release(entry.packetIdentifier)
    // What took no quota here gives none back, so it never rises above its start value (U5-4.9-a).
    if (entry.hasQuota && entry.connection === this.#connection) this.#quota++
    return entry
  }

  /** A PUBREC came for what was not yet sent again here: the PUBREL that follows is all it needs. */
  #answerEarly(entry: Entry<M>): void {
    entry.connection = this.#connection
    entry.hasQuota = false
    if (entry === this.#nextResend) this.#nextResend = this.#due(entry.next)
  }

  /** The first from there on that was not sent on this Network Connection. */
  #due(from: Entry<M> | undefined): Entry<M> | undefined {
    let entry = from
    while (entry !== undefined && entry.connection === this.#connection) entry = entry.next
    return entry
  }
}
