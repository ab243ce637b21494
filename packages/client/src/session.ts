import { type Packet, protocolError } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import { PacketIdentifiers } from './packet-identifiers.ts'
import { Publisher, type Undelivered } from './publisher.ts'
import { Receiver } from './receiver.ts'
import { Subscriber } from './subscriber.ts'

/** What outlives a Network Connection: both directions of messages, and the subscriptions. */
export class Session {
  readonly publisher: Publisher
  readonly receiver: Receiver
  readonly subscriber: Subscriber

  constructor(options: ClientOptions, clock: Clock, undelivered: Undelivered) {
    // Shared by PUBLISH, SUBSCRIBE and UNSUBSCRIBE (U5-2.2.1-a).
    const identifiers = new PacketIdentifiers()
    this.subscriber = new Subscriber(identifiers, clock)
    this.publisher = new Publisher(options, { identifiers, clock, undelivered })
    this.receiver = new Receiver(options, this.subscriber)
    this.subscriber.added = () => this.receiver.claim()
  }

  connected(connection: Connection, limits: Negotiated): void {
    this.receiver.connected(connection, limits)
    // Subscriptions first: what is waiting to be sent may be long.
    this.subscriber.connected(connection, limits)
    this.publisher.connected(connection, limits)
  }

  disconnected(): void {
    this.receiver.disconnected()
    this.subscriber.disconnected()
    this.publisher.disconnected()
  }

  /** A packet that is not about the connection itself. */
  packet(packet: Packet): void {
    switch (packet.type) {
      case 'publish':
        return this.receiver.publish(packet)
      case 'puback':
      case 'pubrec':
      case 'pubcomp': {
        const { packetIdentifier, reasonCode, properties } = packet
        return this.publisher[packet.type](packetIdentifier, reasonCode, properties)
      }
      case 'pubrel':
        return this.receiver.pubrel(packet.packetIdentifier)
      case 'suback':
        return this.subscriber.suback(packet)
      case 'unsuback':
        return this.subscriber.unsuback(packet)
      default:
        throw protocolError(`${packet.type} comes out of turn`)
    }
  }
}
