import {
  encodePacket,
  type Framer,
  noProperties,
  type ProtocolVersion,
  PublishInPlace,
  type QoS,
} from '@busbar/protocol'
import type { Connection } from './connection.ts'
import { copyBytes } from './copy-bytes.ts'
import { acknowledge, arrive, countPublish } from './inbound-publish.ts'
import { createMessage, type Message } from './message.ts'
import { copyPayload } from './payload.ts'
import type { Route, Target } from './route-cache.ts'
import { deliveryCode, deliveryTo } from './router.ts'
import type { Session, SessionConnection } from './session.ts'

/** The bytes of a PUBLISH on their way from one connection to others. */
export interface PassingFrame {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/**
 * PUBLISH with nothing but a topic and a payload, the most frequent packet of all, without an object
 * for it: its subscribers get the bytes that came, at QoS 1 and 2 with a Packet Identifier of their
 * own. Everything out of the ordinary is left to `inboundPublish`, whose steps these are.
 */
export class Forwarding {
  readonly places = new PublishInPlace()
  readonly #passing = new Passing()

  /** False when nothing has been done, and the packet has to be read and published. */
  forward(connection: Connection, session: Session, framer: Framer): boolean {
    const { core } = connection
    if (core.hooks.seesMessages) return false
    const version = connection.version as ProtocolVersion
    const { places } = this
    const { firstByte, bytes, bodyEnd: end } = framer
    if (!places.find(framer, version)) return false
    // Known bytes are a Topic Name that has been checked.
    const route = core.router.routeOf(bytes, places.topicStart, places.topicEnd)
    if (route?.targets === undefined) return false
    if (!core.access.allowsPlainly(session, 'publish', route.topicName)) return false
    const qos = ((firstByte >> 1) & 0b11) as QoS
    if (qos > core.config.mqtt.maximumQoS) return false
    try {
      if (qos > 0) return this.#forwardAcknowledged(connection, session, framer, route)
      countPublish(core, end - places.payloadStart)
      if (route.targets.length > 0) this.#passing.begin(connection, framer, places).to(route)
      return true
    } finally {
      this.#passing.release()
    }
  }

  #forwardAcknowledged(
    connection: Connection,
    session: Session,
    framer: Framer,
    route: Route,
  ): boolean {
    const { places } = this
    const { packetIdentifier, payloadStart } = places
    const qos = framer.firstByte === 0x32 ? 1 : 2
    // If one of them had to wait for the store, and the store failed, the publisher would send it
    // again to all of them.
    if (qos === 2 && session.isStored) return false
    const passing = this.#passing.begin(connection, framer, places)
    if (qos === 2 && !passing.isTakenBy(route)) return false
    const arrived = { qos, packetIdentifier, payloadBytes: framer.bodyEnd - payloadStart } as const
    const answer = arrive(connection, session, arrived)
    if (answer !== undefined) acknowledge(answer, passing.to(route))
    return true
  }
}

const nothing = new Uint8Array(0)

/** One message while it is given to its targets, which is over before the next one begins. */
class Passing implements PassingFrame {
  bytes: Uint8Array = nothing
  start = 0
  end = 0
  #qos: QoS = 0
  #connection!: Connection
  #identifierStart = 0
  #payloadStart = 0
  /** Made when a target needs them. */
  #message: Message | undefined
  // at QoS 0, for the two kinds of versions
  #forVersion3: PassingFrame | undefined
  #forVersion5: PassingFrame | undefined

  begin(connection: Connection, framer: Framer, places: PublishInPlace): this {
    framer.keep(connection.core.copy)
    this.bytes = framer.bytes
    this.start = framer.start
    this.end = framer.bodyEnd
    this.#qos = ((framer.firstByte >> 1) & 0b11) as QoS
    this.#connection = connection
    this.#identifierStart = places.topicEnd
    this.#payloadStart = places.payloadStart
    const isPlain = this.#qos === 0
    if (isPlain && connection.version === 5) this.#forVersion5 = this
    else if (isPlain) this.#forVersion3 = this
    return this
  }

  /** Lets go of the message, which may be large: the next one may be long in coming. */
  release(): void {
    this.bytes = nothing
    this.#message = undefined
    this.#forVersion3 = undefined
    this.#forVersion5 = undefined
  }

  /** Returns the Reason Code for the publisher. */
  to({ targets, topicName }: Route): number {
    const { core } = this.#connection
    const all = targets as readonly Target[]
    let delivered = 0
    let lost = 0
    for (let at = 0; at < all.length; at++) {
      const target = all[at] as Target
      if (
        this.#isTaken(target, topicName) &&
        this.#pass(target, topicName, at === all.length - 1)
      ) {
        delivered++
        continue
      }
      const outcome = core.publishing.deliver(
        target.session,
        deliveryTo(target, this.#asMessage(topicName)),
      )
      if (outcome === 'delivered') delivered++
      else if (outcome === 'lost') lost++
    }
    return deliveryCode(delivered, lost)
  }

  /** All of its targets take it as it is, and at once. */
  isTakenBy({ targets, topicName }: Route): boolean {
    return (targets as readonly Target[]).every((target) => this.#isTaken(target, topicName))
  }

  #isTaken(target: Target, topicName: string): boolean {
    const { session, subscriptionIdentifiers } = target
    const { connection: receiver } = session
    if (receiver?.takesFrames !== true || subscriptionIdentifiers.length > 0) return false
    const { core, version } = this.#connection
    if (!core.access.allowsPlainly(session, 'receive', topicName)) return false
    if (this.#qos === 0 || target.qos === 0) return session.sender.takesPassing(0)
    const isSame = (receiver.version === 5) === (version === 5)
    return (
      isSame &&
      this.end - this.start <= receiver.maximumPacketSize &&
      session.sender.takesPassing(this.#qos)
    )
  }

  /** False when it is larger than the client accepts. */
  #pass({ session, qos: granted }: Target, topicName: string, isLast: boolean): boolean {
    const receiver = session.connection as SessionConnection
    const payloadBytes = this.end - this.#payloadStart
    const qos = granted < this.#qos ? granted : this.#qos // [MQTT5-3.8.4-8]
    if (qos === 0) return receiver.forward(this.#plain(receiver, topicName), payloadBytes)
    // The last one may have the bytes that came: nobody needs them any more as they are.
    const frame = isLast ? this : this.#copy()
    const { bytes, start } = frame
    const packetIdentifier = session.sender.pass(qos, payloadBytes)
    const at = start + this.#identifierStart - this.start
    bytes[start] = 0x30 | (qos << 1)
    bytes[at] = packetIdentifier >> 8
    bytes[at + 1] = packetIdentifier
    return receiver.forward(frame, payloadBytes)
  }

  #copy(): PassingFrame {
    const size = this.end - this.start
    const { bytes, start } = this.#connection.core.slab.room(size)
    copyBytes(this.bytes, this.start, this.end, bytes, start)
    return { bytes, start, end: start + size }
  }

  /** At QoS 0: 5.0 has a byte more, the length of the properties. */
  #plain({ version }: SessionConnection, topicName: string): PassingFrame {
    if (version === 5) {
      this.#forVersion5 ??= this.#encode(topicName, 5)
      return this.#forVersion5
    }
    this.#forVersion3 ??= this.#encode(topicName, 4)
    return this.#forVersion3
  }

  #encode(topicName: string, version: ProtocolVersion): PassingFrame {
    const payload = this.bytes.subarray(this.#payloadStart, this.end)
    const fields = { dup: false, qos: 0, retain: false, packetIdentifier: 0 } as const
    const packet = {
      type: 'publish',
      ...fields,
      topicName,
      properties: noProperties,
      payload,
    } as const
    const bytes = encodePacket(packet, version)
    return { bytes, start: 0, end: bytes.length }
  }

  #asMessage(topicName: string): Message {
    if (this.#message !== undefined) return this.#message
    const { readAt, clientIdentifier: publisher } = this.#connection
    const payload = copyPayload(this.bytes, this.#payloadStart, this.end)
    const qos = this.#qos
    this.#message = createMessage(
      { topicName, payload, qos, retain: false, properties: noProperties, publisher },
      readAt,
    )
    return this.#message
  }
}
