import { noProperties, ProtocolError, type Publish, ReasonCode, writeAck } from '@busbar/protocol'
import { Arrivals, Delivery, type Window } from './arrivals.ts'
import { defaultReceiveMaximum } from './connect-packet.ts'
import type { Connection } from './connection.ts'
import type { EarlyMessages } from './earlier-session.ts'
import type { ExactlyOnce } from './exactly-once.ts'
import type { Journal } from './journal.ts'
import { Message } from './message.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import type { Session } from './session.ts'
import type { Counts } from './statistics.ts'
import type { Subscription } from './subscription.ts'
import { isTopicName, topicNameRule } from './topic-text.ts'

/** Without Receive Maximum a server may have all Packet Identifiers in use. */
const unlimited = 65_535
/** So many PUBACKs leave before the turn is over: the server has sent all it may, and waits for them. */
const acksAtOnce = 128

/** Incoming messages: who gets them, and the acknowledgements of QoS 1. */
export class Receiver implements Window {
  readonly counts: Counts
  /** Where there is a store. */
  journal: Journal | undefined
  /** Where a Session of an earlier process may be taken up. */
  early: EarlyMessages | undefined
  /** Where QoS 2 was received. */
  exactlyOnce: ExactlyOnce | undefined
  readonly #session: Session
  readonly #receiveMaximum: number
  // for the Network Connection
  /** What waits for its PUBACK, and behind it for its PUBREC. */
  lines: Arrivals[] = []
  #checkedTopic = ''
  #acknowledged = 0

  constructor({ receiveMaximum = defaultReceiveMaximum }: ClientOptions, session: Session) {
    this.#session = session
    this.counts = session.counts
    this.#receiveMaximum = receiveMaximum
  }

  connected(connection: Connection, { sessionPresent }: Negotiated): void {
    this.lines = [new Arrivals(this, (delivery) => this.#puback(connection, delivery))]
    this.exactlyOnce?.connected(sessionPresent)
    this.early?.connected()
  }

  disconnected(): void {
    for (const line of this.lines) line.takeAll()
  }

  /** A message of QoS 0 or 1 has come, with its Topic Name, for these subscriptions. */
  publish(packet: Publish, targets: readonly Subscription[]): void {
    this.check(packet)
    if (packet.qos === 0) return void this.deliver(packet, targets, undefined)
    if (this.exactlyOnce?.refuses(packet) === true) return
    this.checkWindow()
    this.deliver(packet, targets, this.lines[0])
    this.changed()
  }

  check({ topicName }: Publish): void {
    this.counts.received++
    // Most messages have the topic of the one before.
    if (topicName !== this.#checkedTopic && !isTopicName(topicName)) {
      throw new ProtocolError(ReasonCode.TopicNameInvalid, topicNameRule, 'MQTT5-3.3.2-2')
    }
    this.#checkedTopic = topicName
  }

  /** Throws a ProtocolError for more than Receive Maximum unfinished ones [MQTT5-3.3.4-7] (U5-3.3.4-c). */
  checkWindow(): void {
    const unfinished = (this.lines[0] as Arrivals).size + (this.exactlyOnce?.unfinished ?? 0)
    if (unfinished < this.receiveMaximum) return
    const text = `more than ${this.receiveMaximum} PUBLISH packets are unfinished`
    throw new ProtocolError(ReasonCode.ReceiveMaximumExceeded, text, 'MQTT5-3.3.4-7')
  }

  /** Hands a message to its subscriptions; with a line it stands in that until it is acknowledged. */
  deliver(
    packet: Publish,
    targets: readonly Subscription[],
    line: Arrivals | undefined,
  ): Delivery | undefined {
    const delivery = line && new Delivery(packet.packetIdentifier, Math.max(1, targets.length))
    if (delivery !== undefined) line?.push(delivery)
    for (const target of targets) target.push(new Message(packet, delivery))
    if (targets.length > 0) return delivery
    const message = new Message(packet, delivery)
    if (delivery === undefined || this.early?.keep(packet, message) !== true) {
      this.counts.unclaimed++
      message.ack()
    }
    return delivery
  }

  get connection(): Connection | undefined {
    return this.#session.connection
  }

  /** How many of QoS 1 and 2 the server may have unfinished. */
  get receiveMaximum(): number {
    return this.#session.connection?.version === 5 ? this.#receiveMaximum : unlimited
  }

  get isFull(): boolean {
    let size = 0
    for (const line of this.lines) size += line.size
    return size >= this.#receiveMaximum
  }

  /** 3.1.1 has no Receive Maximum: there we stop reading instead. */
  changed(): void {
    const { connection } = this.#session
    if (this.isFull) for (const line of this.lines) line.release()
    if (connection?.version !== 4) return
    if (this.isFull) connection.hold(this)
    else connection.release(this)
  }

  #puback(connection: Connection, { packetIdentifier, reasonCode }: Delivery): void {
    const properties = noProperties
    connection.write({ type: 'puback', packetIdentifier, reasonCode, properties }, writeAck)
    if (++this.#acknowledged % acksAtOnce === 0) connection.flush()
  }
}
