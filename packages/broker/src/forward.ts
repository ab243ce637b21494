import {
  encodePacket,
  type Framer,
  noProperties,
  type ProtocolVersion,
  PublishInPlace,
} from '@busbar/protocol'
import type { Connection } from './connection.ts'
import { createMessage, type Message } from './message.ts'
import { copyPayload } from './payload.ts'
import type { Route, Target } from './route-cache.ts'
import { deliveryTo } from './router.ts'
import type { Session } from './session.ts'

/** The bytes of a PUBLISH of QoS 0 on their way from one connection to others. */
export interface PassingFrame {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/**
 * PUBLISH of QoS 0 with nothing but a topic and a payload, the most frequent packet of all, without
 * an object for it: its subscribers get the bytes that came. Everything out of the ordinary is left
 * to `inboundPublish`, whose steps these are.
 */
export class Forwarding {
  readonly places = new PublishInPlace()

  /** False when nothing has been done, and the packet has to be read and published. */
  forward(connection: Connection, session: Session, framer: Framer): boolean {
    const { core } = connection
    if (core.hooks.seesMessages) return false
    const version = connection.version as ProtocolVersion
    const { places } = this
    const { bytes, bodyStart: start, bodyEnd: end } = framer
    if (!places.find(framer.firstByte, bytes, { start, end, version })) return false
    // Known bytes are a Topic Name that has been checked.
    const route = core.router.routeOf(bytes, places.topicStart, places.topicEnd)
    if (route?.targets === undefined) return false
    if (!core.access.allowsPlainly(session, 'publish', route.topicName)) return false
    core.statistics.publishReceived++
    core.statistics.publishBytesReceived += end - places.payloadStart
    if (route.targets.length > 0) new Passing(connection, framer, places.payloadStart).to(route)
    return true
  }
}

/** One message while it is given to its targets. */
class Passing implements PassingFrame {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly #connection: Connection
  readonly #payloadStart: number
  /** Made when a target needs them. */
  #message: Message | undefined
  #otherVersion: PassingFrame | undefined

  constructor(connection: Connection, framer: Framer, payloadStart: number) {
    framer.keep(connection.core.copy)
    this.bytes = framer.bytes
    this.start = framer.start
    this.end = framer.bodyEnd
    this.#connection = connection
    this.#payloadStart = payloadStart
  }

  to(route: Route): void {
    const { core, version } = this.#connection
    const { topicName } = route
    const payloadLength = this.end - this.#payloadStart
    for (const target of route.targets as readonly Target[]) {
      const { session } = target
      const { connection: receiver } = session
      const isPlain = receiver?.takesFrames === true && target.subscriptionIdentifiers.length === 0
      const isAllowed = isPlain && core.access.allowsPlainly(session, 'receive', topicName)
      if (isAllowed && !session.hasQueuedQoS0) {
        const isSame = (receiver.version === 5) === (version === 5)
        const frame = isSame ? this : this.#translated(topicName)
        if (receiver.forward(frame, payloadLength)) continue
      }
      core.deliver(session, deliveryTo(target, this.#asMessage(topicName)))
    }
  }

  /** For the other kind of version: 5.0 has a byte more, the length of the properties. */
  #translated(topicName: string): PassingFrame {
    if (this.#otherVersion !== undefined) return this.#otherVersion
    const payload = this.bytes.subarray(this.#payloadStart, this.end)
    const fields = { dup: false, qos: 0, retain: false, packetIdentifier: 0 } as const
    const bytes = encodePacket(
      { type: 'publish', ...fields, topicName, properties: noProperties, payload },
      this.#connection.version === 5 ? 4 : 5,
    )
    this.#otherVersion = { bytes, start: 0, end: bytes.length }
    return this.#otherVersion
  }

  #asMessage(topicName: string): Message {
    if (this.#message !== undefined) return this.#message
    const { readAt, clientIdentifier } = this.#connection
    const payload = copyPayload(this.bytes.subarray(this.#payloadStart, this.end))
    const fields = { qos: 0, retain: false, properties: noProperties } as const
    const whole = { topicName, payload, ...fields, publisher: clientIdentifier }
    this.#message = createMessage(whole, readAt)
    return this.#message
  }
}
