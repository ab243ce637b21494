import {
  firstFailure,
  Inbound,
  InboundTopicAliases,
  noProperties,
  type Publish,
  parseTopicName,
  protocolError,
  ReasonCode,
} from '@busbar/protocol'
import { defaultReceiveMaximum, defaultTopicAliasMaximum } from './connect-packet.ts'
import type { Connection } from './connection.ts'
import { Delivery, type DeliveryOwner } from './delivery.ts'
import type { EarlyMessages } from './earlier-session.ts'
import type { Journal } from './journal.ts'
import { Message } from './message.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import { Queue } from './queue.ts'
import type { Subscription } from './subscription.ts'

/** Without Receive Maximum a server may have all Packet Identifiers in use. */
const unlimited = 65_535
/** So many PUBACKs leave before the turn is over: the server has sent all it may, and waits for them. */
const acksAtOnce = 128

/** Who knows which subscriptions a message is for. */
interface Targets {
  targets(packet: Publish, topicName: string): readonly Subscription[]
}

/** Incoming messages: who gets them, and their acknowledgements in the order of arrival. */
export class Receiver implements DeliveryOwner {
  received = 0
  unclaimed = 0
  /** Where there is a store. */
  journal: Journal | undefined
  /** Where a Session of an earlier process may be taken up. */
  early: EarlyMessages | undefined
  readonly #receiveMaximum: number
  readonly #topicAliasMaximum: number
  readonly #subscriber: Targets
  // for the Session
  inbound = new Inbound()
  /** QoS 2 that the application has and has not settled, by Packet Identifier. */
  readonly #open = new Map<number, Delivery>()
  // for the Network Connection
  #connection: Connection | undefined
  #aliases = new InboundTopicAliases(0)
  #unacknowledged = [new Queue<Delivery>(), new Queue<Delivery>()] as const
  /** How many in each queue are done and wait for an earlier one. */
  readonly #done = [0, 0]
  #checkedTopic = ''
  #acknowledged = 0

  constructor(
    {
      receiveMaximum = defaultReceiveMaximum,
      topicAliasMaximum = defaultTopicAliasMaximum,
    }: ClientOptions,
    subscriber: Targets,
  ) {
    this.#receiveMaximum = receiveMaximum
    this.#topicAliasMaximum = topicAliasMaximum
    this.#subscriber = subscriber
  }

  connected(connection: Connection, { version, sessionPresent }: Negotiated): void {
    if (!sessionPresent) this.#forgetSession()
    this.#connection = connection
    this.inbound.connected(version === 5 ? this.#receiveMaximum : unlimited)
    this.#aliases = new InboundTopicAliases(version === 5 ? this.#topicAliasMaximum : 0)
  }

  disconnected(): void {
    this.#connection = undefined
    this.early?.disconnected()
    for (const queue of this.#unacknowledged) {
      for (const item of queue.takeAll()) item.isQueued = false
    }
    this.#done.fill(0)
  }

  /** There is a new subscription. */
  claim(): void {
    this.early?.offer((packet, message) => {
      const [target] = this.#subscriber.targets(packet, message.topicName)
      target?.push(message)
      return target !== undefined
    })
  }

  giveUpEarly(): void {
    this.unclaimed += this.early?.giveUp() ?? 0
  }

  publish(packet: Publish): void {
    this.received++
    // Before all else, since an alias is learnt even from what is not delivered.
    const topicName = this.#aliases.resolve(packet.topicName, packet.properties.topicAlias)
    this.#check(topicName)
    if (packet.qos === 0) this.#deliver(packet, topicName, undefined)
    else this.#publishAcknowledged(packet, topicName, packet.qos)
  }

  pubrel(packetIdentifier: number): void {
    const isHeld = this.inbound.pubrel(packetIdentifier)
    const known = isHeld ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound
    const reasonCode = this.#connection?.version === 5 ? known : ReasonCode.Success
    if (isHeld) this.journal?.add({ type: 'free', packetIdentifier })
    // In the order in which the PUBREL packets came [MQTT5-4.3.3-11] [MQTT3-4.3.3-2].
    this.#connection?.write({
      type: 'pubcomp',
      packetIdentifier,
      reasonCode,
      properties: noProperties,
    })
  }

  settled(delivery: Delivery): void {
    if (delivery.qos === 2 && delivery.state === 'done') {
      this.#open.delete(delivery.packetIdentifier)
    }
    if (!delivery.isQueued) return // of an earlier Network Connection
    if (delivery.state === 'done') this.#done[delivery.qos - 1] = this.#doneOf(delivery.qos) + 1
    this.#acknowledge(delivery.qos)
  }

  #publishAcknowledged(packet: Publish, topicName: string, qos: 1 | 2): void {
    const { packetIdentifier } = packet
    const kind = this.inbound.publish(packetIdentifier, qos)
    if (kind === 'in-use') return this.#refuseInUse(packetIdentifier, qos)
    const known = qos === 2 ? this.#open.get(packetIdentifier) : undefined
    if (kind === 'new') {
      const delivery = new Delivery(packetIdentifier, qos, this)
      if (qos === 2) this.#open.set(packetIdentifier, delivery)
      this.#enqueue(delivery)
      this.#deliver(packet, topicName, delivery)
    } else if (known !== undefined && known.state === 'open') {
      this.#enqueue(known) // the application has it, and has not settled it yet
    } else {
      this.#open.delete(packetIdentifier)
      const delivery = new Delivery(packetIdentifier, qos, this).share()
      this.#enqueue(delivery)
      delivery.settle(ReasonCode.Success)
    }
    this.#limitWindow()
  }

  #deliver(packet: Publish, topicName: string, delivery: Delivery | undefined): void {
    const targets = this.#subscriber.targets(packet, topicName)
    if (targets.length === 0) {
      delivery?.share()
      const message = new Message(packet, topicName, delivery)
      if (delivery !== undefined && this.early?.keep(packet, message) === true) return
      this.unclaimed++
      return message.ack()
    }
    // All of them before any, lest the first settle it for all.
    if (delivery !== undefined) for (const _ of targets) delivery.share()
    for (const target of targets) target.push(new Message(packet, topicName, delivery))
  }

  #enqueue(delivery: Delivery): void {
    if (delivery.isQueued) return
    delivery.isQueued = true
    this.#queueOf(delivery.qos).push(delivery)
  }

  /** Sends what is due, in the order in which the messages came [MQTT5-4.6.0-2] [MQTT5-4.6.0-3]. */
  #acknowledge(qos: 1 | 2): void {
    const queue = this.#queueOf(qos)
    for (let head = queue.first; head !== undefined; head = queue.first) {
      // An abandoned one leaves only when one behind it has to, or the window is full.
      if (head.state === 'open') break
      if (head.state === 'abandoned' && this.#doneOf(qos) === 0 && !this.#isFull) break
      queue.remove(head)
      head.isQueued = false
      if (head.state === 'done') this.#done[qos - 1] = this.#doneOf(qos) - 1
      else this.unclaimed++
      this.#send(head)
    }
    this.#limitWindow()
  }

  #send({ packetIdentifier, qos, reasonCode }: Delivery): void {
    const connection = this.#connection
    if (connection === undefined) return
    const code = connection.version === 5 ? reasonCode : ReasonCode.Success
    if (qos === 1) {
      this.inbound.acknowledged(packetIdentifier)
      connection.write({
        type: 'puback',
        packetIdentifier,
        reasonCode: code,
        properties: noProperties,
      })
      if (++this.#acknowledged % acksAtOnce === 0) connection.flush()
      return
    }
    const answer = () => {
      if (connection !== this.#connection) return
      connection.write({
        type: 'pubrec',
        packetIdentifier,
        reasonCode: code,
        properties: noProperties,
      })
    }
    if (code >= firstFailure) {
      this.inbound.refused(packetIdentifier)
      answer()
    } else if (this.journal === undefined) {
      answer()
    } else {
      this.journal.add({ type: 'hold', packetIdentifier }, answer)
    }
  }

  #refuseInUse(packetIdentifier: number, qos: 1 | 2): void {
    if (this.#connection?.version !== 5) {
      throw protocolError(`Packet Identifier ${packetIdentifier} is in use`)
    }
    const type = qos === 1 ? 'puback' : 'pubrec'
    const reasonCode = ReasonCode.PacketIdentifierInUse
    this.#connection.write({ type, packetIdentifier, reasonCode, properties: noProperties })
  }

  /** 3.1.1 has no Receive Maximum: there we stop reading instead. */
  #limitWindow(): void {
    const connection = this.#connection
    if (connection === undefined) return
    if (this.#isFull) {
      for (const qos of [1, 2] as const) {
        if (this.#queueOf(qos).first?.state === 'abandoned') return this.#acknowledge(qos)
      }
    }
    if (connection.version === 5) return
    if (this.#isFull) connection.hold('window')
    else connection.release('window')
  }

  get #isFull(): boolean {
    const [one, two] = this.#unacknowledged
    return one.size + two.size >= this.#receiveMaximum
  }

  #queueOf(qos: 1 | 2): Queue<Delivery> {
    return this.#unacknowledged[qos === 1 ? 0 : 1]
  }

  #doneOf(qos: 1 | 2): number {
    return this.#done[qos - 1] as number
  }

  /** Most messages have the topic of the one before. */
  #check(topicName: string): void {
    if (topicName === this.#checkedTopic) return
    parseTopicName(topicName)
    this.#checkedTopic = topicName
  }

  #forgetSession(): void {
    this.inbound = new Inbound()
    this.#open.clear()
    this.journal?.add({ type: 'free-all' })
  }
}
