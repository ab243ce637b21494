import { type PacketStream, readPublish } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { Limits } from './limits.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { Publisher, type Undelivered } from './publisher.ts'
import { Receiver } from './receiver.ts'
import { Subscriber } from './subscriber.ts'
import type { Subscription } from './subscription.ts'
import { Unanswered } from './unanswered.ts'
import type { Unsubscribing } from './unsubscriber.ts'
import type { Upkeep } from './upkeep.ts'

/** What has a Packet Identifier until it is answered. */
export type Exchange = OutgoingMessage | Subscription | Unsubscribing

/** Runs it with what a page loads behind CONNACK: now, or when that is there. */
export type Later = (run: (upkeep: Upkeep) => void) => void

/** What the parts of a Session share. */
export interface Shared {
  readonly unanswered: Unanswered<Exchange>
  readonly clock: Clock
  readonly undelivered: Undelivered
  readonly later: Later
}

/** What outlives a Network Connection: both directions of messages, and the subscriptions. */
export class Session {
  readonly unanswered = new Unanswered<Exchange>()
  readonly publisher: Publisher
  readonly receiver: Receiver
  readonly subscriber: Subscriber

  constructor(options: ClientOptions, owner: Omit<Shared, 'unanswered'>) {
    const shared = { ...owner, unanswered: this.unanswered }
    this.subscriber = new Subscriber(shared)
    this.publisher = new Publisher(options, shared)
    this.receiver = new Receiver(options, this.subscriber)
  }

  connected(connection: Connection, negotiated: Negotiated, limits: Limits | undefined): void {
    const { receiver, subscriber, publisher } = this
    subscriber.limits = limits
    publisher.limits = limits
    receiver.connected(connection, negotiated)
    // Subscriptions first: what is waiting to be sent may be long.
    subscriber.connected(connection, negotiated)
    publisher.connected(connection, negotiated)
  }

  disconnected(): void {
    const { receiver, subscriber, publisher } = this
    receiver.disconnected()
    subscriber.connection = undefined
    publisher.connection = undefined
  }

  /** Takes a packet where it is of those that the first messages of a page bring; false for any other. */
  take(frame: PacketStream, version: 4 | 5): boolean {
    const { firstByte, bytes, bodyStart, bodyEnd } = frame
    if (firstByte >> 4 === 3 && (firstByte & 0b0100) === 0) {
      // QoS 0 or 1
      this.receiver.publish(readPublish(firstByte & 0b1111, frame.body(), version, 'server'))
      return true
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
