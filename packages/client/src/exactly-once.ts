import {
  firstFailure,
  noProperties,
  type Publish,
  protocolError,
  ReasonCode,
  writeAck,
} from '@busbar/protocol'
import { Arrivals, Delivery } from './arrivals.ts'
import type { Connection } from './connection.ts'
import type { Receiver } from './receiver.ts'
import type { Subscription } from './subscription.ts'

/** QoS 2 as its receiver: what has come before, and is not released. */
export class ExactlyOnce {
  readonly #receiver: Receiver
  // for the Session
  /** Between PUBLISH and PUBREL; without a Delivery where the store has it from an earlier process. */
  readonly #held = new Map<number, Delivery | undefined>()
  // for the Network Connection
  /** Those whose PUBLISH has come on this one. */
  readonly #counted = new Set<number>()
  #allowance = 0
  #pubrecs: Arrivals

  constructor(receiver: Receiver) {
    this.#receiver = receiver
    for (const packetIdentifier of receiver.early?.held ?? []) {
      this.#held.set(packetIdentifier, undefined)
    }
    this.#pubrecs = this.#line()
  }

  /** What counts for our Receive Maximum. */
  get unfinished(): number {
    return this.#counted.size - this.#allowance
  }

  /** A Network Connection begins: without the Session nothing is held any more. */
  connected(sessionPresent: boolean): void {
    this.#counted.clear()
    this.#allowance = 0
    this.#pubrecs = this.#line()
    if (sessionPresent) return
    this.#held.clear()
    this.#receiver.journal?.add({ type: 'free-all' })
  }

  /** Whether its Packet Identifier is that of an exchange of QoS 2; the server is told so. */
  refuses({ packetIdentifier }: Publish): boolean {
    if (!this.#held.has(packetIdentifier)) return false
    this.#refuseInUse('puback', packetIdentifier)
    return true
  }

  /** PUBLISH of QoS 2 has come: delivered once, and answered again when it comes again [MQTT5-4.3.3-10]. */
  publish(packet: Publish, targets: readonly Subscription[]): void {
    const receiver = this.#receiver
    const { packetIdentifier } = packet
    receiver.check(packet)
    if (!this.#counted.has(packetIdentifier)) {
      if (this.#isOfQoS1(packetIdentifier)) return this.#refuseInUse('pubrec', packetIdentifier)
      receiver.checkWindow()
      this.#counted.add(packetIdentifier)
    }
    const known = this.#held.get(packetIdentifier)
    if (!this.#held.has(packetIdentifier)) {
      this.#held.set(packetIdentifier, receiver.deliver(packet, targets, this.#pubrecs))
    } else if (known === undefined || known.open === 0) {
      const delivery = new Delivery(packetIdentifier, 1)
      this.#pubrecs.push(delivery)
      delivery.settle(ReasonCode.Success)
    } else if (known.queue === undefined) {
      this.#pubrecs.push(known) // the application has it, and has not settled it yet
    }
    receiver.changed()
  }

  /** PUBREL has come: its identifier is free now [MQTT5-4.3.3-12]. */
  pubrel(packetIdentifier: number): void {
    const { connection, journal, receiveMaximum } = this.#receiver
    const isHeld = this.#held.delete(packetIdentifier)
    // The PUBLISH was sent on an earlier Network Connection, and the PUBCOMP may raise the sender's
    // quota all the same (U5-4.9-a): a sender that goes by that can be ahead by one for each.
    const isEarlier = !this.#counted.delete(packetIdentifier)
    if (isEarlier && this.#allowance < receiveMaximum) this.#allowance++
    if (isHeld) journal?.add({ type: 'free', packetIdentifier })
    // In the order in which the PUBREL packets came [MQTT5-4.3.3-11] [MQTT3-4.3.3-2].
    const reasonCode = isHeld ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound
    const properties = noProperties
    connection?.write({ type: 'pubcomp', packetIdentifier, reasonCode, properties }, writeAck)
  }

  #line(): Arrivals {
    const receiver = this.#receiver
    const { connection } = receiver
    const line = new Arrivals(receiver, (delivery) => this.#pubrec(connection, delivery))
    receiver.lines.push(line)
    return line
  }

  #pubrec(connection: Connection | undefined, delivery: Delivery): void {
    const { packetIdentifier } = delivery
    const { journal } = this.#receiver
    const reasonCode = connection?.version === 5 ? delivery.reasonCode : ReasonCode.Success
    const answer = () => {
      const properties = noProperties
      connection?.write({ type: 'pubrec', packetIdentifier, reasonCode, properties }, writeAck)
    }
    if (reasonCode >= firstFailure) {
      // The identifier means a new message from now on [MQTT5-4.3.3-9].
      this.#held.delete(packetIdentifier)
      this.#counted.delete(packetIdentifier)
      answer()
    } else if (journal === undefined) {
      answer()
    } else {
      journal.add({ type: 'hold', packetIdentifier }, answer)
    }
  }

  #isOfQoS1(packetIdentifier: number): boolean {
    let delivery = this.#receiver.lines[0]?.first
    while (delivery !== undefined && delivery.packetIdentifier !== packetIdentifier) {
      delivery = delivery.next
    }
    return delivery !== undefined
  }

  /** Of the other QoS; MQTT 3 has no such answer. */
  #refuseInUse(type: 'puback' | 'pubrec', packetIdentifier: number): void {
    const { connection } = this.#receiver
    if (connection?.version !== 5) {
      throw protocolError(`Packet Identifier ${packetIdentifier} is in use`)
    }
    const reasonCode = ReasonCode.PacketIdentifierInUse
    connection.write({ type, packetIdentifier, reasonCode, properties: noProperties }, writeAck)
  }
}
