import { type PacketStream, readPublishFields } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { Limits } from './limits.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { Publisher, type Undelivered } from './publisher.ts'
import { Receiver } from './receiver.ts'
import { Counts } from './statistics.ts'
import { Subscriber } from './subscriber.ts'
import type { Subscription } from './subscription.ts'
import { Unanswered } from './unanswered.ts'
import type { Unsubscribing } from './unsubscriber.ts'
import type { Upkeep } from './upkeep.ts'

/** What has a Packet Identifier until it is answered. */
export type Exchange = OutgoingMessage | Subscription | Unsubscribing

/** What outlives a Network Connection: both directions of messages, and the subscriptions. */
export class Session {
  readonly clock: Clock
  readonly undelivered: Undelivered
  readonly unanswered = new Unanswered<Exchange>()
  readonly counts = new Counts()
  readonly publisher: Publisher
  readonly receiver: Receiver
  readonly subscriber: Subscriber
  /** What the first messages do without, once it is there. */
  upkeep: Upkeep | undefined
  /** What is left to do then. */
  readonly #later: ((upkeep: Upkeep) => void)[] = []
  /** What the server has said that it does not take. */
  limits: Limits | undefined
  // for the Network Connection
  connection: Connection | undefined

  constructor(options: ClientOptions, clock: Clock, undelivered: Undelivered) {
    this.clock = clock
    this.undelivered = undelivered
    this.subscriber = new Subscriber(this)
    this.publisher = new Publisher(options, this)
    this.receiver = new Receiver(options, this)
  }

  /** Runs it with what the first messages do without: now, or when that is there. */
  later(run: (upkeep: Upkeep) => void): void {
    if (this.upkeep === undefined) this.#later.push(run)
    else run(this.upkeep)
  }

  /** It is there now. */
  complete(upkeep: Upkeep): void {
    this.upkeep = upkeep
    for (const run of this.#later.splice(0)) run(upkeep)
  }

  /** CONNACK has come; what is resumed is prepared. */
  connected(connection: Connection, negotiated: Negotiated): void {
    this.connection = connection
    this.receiver.connected(connection, negotiated)
    // Subscriptions first: what is waiting to be sent may be long.
    this.subscriber.connected(negotiated)
    this.publisher.connected(negotiated)
  }

  disconnected(): void {
    this.connection = undefined
    this.receiver.disconnected()
  }

  /** Takes a packet where it is of those that the first messages of a page bring; false for any other. */
  take(frame: PacketStream, version: 4 | 5): boolean {
    const { firstByte, bytes, bodyStart, bodyEnd } = frame
    // QoS 0, or 1 with or without DUP
    if ((firstByte & 0xf4) === 0x30 && (firstByte & 0b1010) !== 0b1000) {
      const packet = readPublishFields(firstByte & 0b1111, frame.body(), version, 'server')
      const targets = this.subscriber.targets(packet)
      if (targets !== undefined) this.receiver.publish(packet, targets)
      else this.upkeep?.publish(packet)
      return (targets ?? this.upkeep) !== undefined
    }
    const packetIdentifier = ((bytes[bodyStart] as number) << 8) | (bytes[bodyStart + 1] as number)
    if (firstByte === 0x40 && bodyEnd - bodyStart === 2 && packetIdentifier > 0) {
      this.publisher.puback(packetIdentifier) // without a Reason Code, as most are
      return true
    }
    // Without properties, as most are.
    const codesStart = bodyStart + (version === 5 ? 3 : 2)
    if (firstByte !== 0x90 || (version === 5 && bytes[bodyStart + 2] !== 0)) return false
    return this.subscriber.suback(packetIdentifier, bytes.subarray(codesStart, bodyEnd))
  }
}
