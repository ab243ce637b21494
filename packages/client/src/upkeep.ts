import {
  type Connack,
  firstFailure,
  InboundTopicAliases,
  type PacketReader,
  type Pubcomp,
  type Publish,
  type Pubrec,
  pingreq,
  protocolError,
  ReasonCode,
  readServerPacket,
  writePing,
} from '@busbar/protocol'
import type { Attempt, End } from './attempt.ts'
import { defaultTopicAliasMaximum } from './connect-packet.ts'
import type { Connection } from './connection.ts'
import type { Connector } from './connector.ts'
import { ClientError } from './errors.ts'
import { ExactlyOnce } from './exactly-once.ts'
import { ClientKeepAlive } from './keep-alive.ts'
import { Limits } from './limits.ts'
import { hasLimits } from './negotiate.ts'
import type { Negotiated, OutboxOptions } from './options.ts'
import { offlineOutcome, overflow } from './outbox-policy.ts'
import { outcomeOf } from './outcomes.ts'
import { OutgoingMessage, type PublishResult, plainResult } from './outgoing-message.ts'
import { awaitRoom } from './pressure.ts'
import { PublishWriter } from './publish-writer.ts'
import { offline } from './publisher.ts'
import { Recovery } from './recovery.ts'
import { requeue, resume, writePubrel } from './resumption.ts'
import type { Subscription } from './subscription.ts'
import { TopicMatching } from './topic-matching.ts'
import { Unsubscriber, Unsubscribing } from './unsubscriber.ts'

const puback = plainResult('puback')
const pubrec = plainResult('pubrec')
const pubcomp = plainResult('pubcomp')

/**
 * What keeps a client connected, and what its first messages do without: keep alive, refusals, QoS 2,
 * UNSUBSCRIBE, the limits of the server, and what follows the end of a connection. A page loads it behind
 * the first CONNACK, so that it is there when the network is not.
 */
export class Upkeep {
  readonly #client: Connector
  readonly #recovery: Recovery
  readonly #matching: TopicMatching
  readonly subscriptions: Unsubscriber
  // for the Network Connection
  #aliases: InboundTopicAliases

  constructor(client: Connector) {
    this.#client = client
    this.#aliases = this.#noAliases()
    this.#matching = new TopicMatching(client.session.subscriber)
    this.#recovery = new Recovery(client)
    this.subscriptions = new Unsubscriber(client.session)
  }

  /** CONNACK has come: what is left of an earlier Network Connection is taken up, before all else. */
  connected(connection: Connection, negotiated: Negotiated): void {
    const { clock, session, options } = this.#client
    const { publisher, receiver } = session
    const { sessionPresent, topicAliasMaximum } = negotiated
    publisher.writer = new PublishWriter(connection, topicAliasMaximum, clock)
    this.#aliases = this.#noAliases()
    if (receiver.early !== undefined) receiver.exactlyOnce ??= new ExactlyOnce(receiver)
    if (sessionPresent) resume(session, connection)
    else requeue(session, options)
    this.subscriptions.connected(connection, sessionPresent)
    for (const subscription of session.subscriber.byIdentifier.values()) {
      if (subscription.isFull) connection.hold(subscription)
    }
    session.limits = hasLimits(negotiated) ? new Limits(negotiated) : undefined
    session.connected(connection, negotiated)
  }

  /** What a connection needs to last; `since` is when it was there. */
  keep(attempt: Attempt, { keepAlive, topicAliasMaximum }: Negotiated, since: number): void {
    const { connection } = attempt
    const { clock, session } = this.#client
    const { publisher } = session
    if (attempt.state !== 'connected' || connection === undefined) return
    publisher.writer ??= new PublishWriter(connection, topicAliasMaximum, clock)
    publisher.pump()
    connection.keepAlive = new ClientKeepAlive({ seconds: keepAlive, since }, clock, {
      get isReading() {
        return connection.isReading
      },
      ping: () => void connection.write(pingreq, writePing),
      silent: () => {
        const text = 'the server does not answer PINGREQ'
        attempt.fail(new ClientError('transport-failed', text))
      },
    })
  }

  /** A packet that the first messages do without. Throws a ProtocolError for what may not come. */
  receive(attempt: Attempt, firstByte: number, body: PacketReader): void {
    if (attempt.state === 'ended') return
    const { publisher, receiver } = this.#client.session
    const packet = readServerPacket(firstByte, body, attempt.version)
    if (attempt.state === 'opening' && packet.type !== 'connack') {
      // [MQTT5-3.2.0-1] [MQTT3-3.2.0-1]
      throw protocolError(`${packet.type} comes before CONNACK`, 'MQTT5-3.2.0-1')
    }
    switch (packet.type) {
      case 'publish':
        return this.publish(packet)
      case 'pubrel':
        receiver.exactlyOnce ??= new ExactlyOnce(receiver)
        return receiver.exactlyOnce.pubrel(packet.packetIdentifier)
      case 'puback': {
        const message = this.#messageOf(packet.packetIdentifier, 1)
        if (message !== undefined) publisher.finish(message, outcomeOf(packet, puback))
        return
      }
      case 'pubrec':
        return this.#pubrec(packet)
      case 'pubcomp':
        return this.#pubcomp(packet)
      case 'suback':
        return this.subscriptions.suback(packet)
      case 'unsuback':
        return this.subscriptions.unsuback(packet)
      case 'pingresp':
        return attempt.connection?.keepAlive?.answered()
      case 'disconnect':
        return attempt.end({ disconnect: packet })
      case 'connack':
        return this.#refused(attempt, packet)
      default:
        throw protocolError(`${packet.type} comes out of turn`)
    }
  }

  /** Any PUBLISH, with a Topic Alias, of QoS 2, for more than one subscription or for none. */
  publish(packet: Publish): void {
    const { receiver } = this.#client.session
    const { topicAlias } = packet.properties
    // Before all else, since an alias is learnt even from what is not delivered.
    packet.topicName = this.#aliases.resolve(packet.topicName, topicAlias)
    const targets = this.targets(packet)
    if (packet.qos < 2) return receiver.publish(packet, targets)
    receiver.exactlyOnce ??= new ExactlyOnce(receiver)
    receiver.exactlyOnce.publish(packet, targets)
  }

  /** Whom a message is for. */
  targets(packet: Publish): readonly Subscription[] {
    return this.#matching.targets(packet)
  }

  /** A message that the outbox has no room for, where its caller is not to wait. */
  overflow(message: OutgoingMessage, whenFull: OutboxOptions['whenFull']): void {
    overflow(this.#client.session.publisher, message, whenFull)
  }

  /** What becomes of QoS 0 without a connection. */
  offlineOutcome(policy: OutboxOptions['qos0WhileOffline']): PublishResult | undefined {
    return offlineOutcome(this.#client.session.publisher, policy)
  }

  /** A subscription has no room for more of QoS 0. */
  awaitRoom(subscription: Subscription): void {
    awaitRoom(subscription, this.#client.clock)
  }

  /** Resolves when it is time for the next attempt, or when the client has stopped. */
  async after(attempt: Attempt, end: End): Promise<void> {
    this.disconnected()
    await this.#recovery.after(attempt, end)
  }

  /** The next attempt begins now, as when the network has come back. */
  wake(): void {
    this.#recovery.wake()
  }

  /** The Network Connection is gone: what was about it alone is settled. */
  disconnected(): void {
    const { session, options } = this.#client
    const { publisher, receiver, unanswered } = session
    receiver.early?.disconnected()
    for (const [packetIdentifier, exchange] of unanswered) {
      if (exchange instanceof OutgoingMessage) continue
      unanswered.delete(packetIdentifier)
      if (exchange instanceof Unsubscribing) exchange.answered.resolve()
    }
    if (options.outbox?.qos0WhileOffline === 'keep') return
    for (const message of publisher.waitingQoS0.takeAll()) {
      if (message.isTold) publisher.line(message)
      else publisher.end(message, offline())
    }
  }

  #refused(attempt: Attempt, packet: Connack): void {
    if (attempt.state === 'connected') throw protocolError('CONNACK comes twice', 'MQTT5-3.2.0-2')
    const { older } = this.#client
    const reasonCode = older?.reasonCodeOf(packet.reasonCode) ?? packet.reasonCode
    attempt.end({ refusal: packet, reasonCode })
  }

  #noAliases(): InboundTopicAliases {
    const { topicAliasMaximum = defaultTopicAliasMaximum } = this.#client.options
    return new InboundTopicAliases(topicAliasMaximum)
  }

  /** A failure ends the exchange [MQTT5-4.4.0-2], anything else releases it [MQTT5-4.3.3-4]. */
  #pubrec(packet: Pubrec): void {
    const { packetIdentifier, reasonCode } = packet
    const { connection, publisher } = this.#client.session
    const { journal } = publisher
    const message = this.#messageOf(packetIdentifier, 2)
    const release = (code: number) => writePubrel(connection, packetIdentifier, code)
    // An answer to what is not known here, so that the server can let go of it.
    if (message === undefined) return release(ReasonCode.PacketIdentifierNotFound)
    if (reasonCode >= firstFailure) return publisher.finish(message, outcomeOf(packet, pubrec))
    message.isReleased = true
    message.queue?.remove(message) // it came for what was not sent again yet
    if (journal === undefined) release(ReasonCode.Success)
    else journal.progress(message, () => release(ReasonCode.Success))
  }

  #pubcomp(packet: Pubcomp): void {
    const message = this.#messageOf(packet.packetIdentifier, 2)
    if (message?.isReleased !== true) return
    // 0x92 says that the server has forgotten it: it was released all the same.
    const isKnown = packet.reasonCode !== ReasonCode.PacketIdentifierNotFound
    const reason = isKnown ? packet : { ...packet, reasonCode: 0 }
    this.#client.session.publisher.finish(message, outcomeOf(reason, pubcomp))
  }

  /** An unfinished message of this QoS. */
  #messageOf(packetIdentifier: number, qos: 1 | 2): OutgoingMessage | undefined {
    const exchange = this.#client.session.unanswered.get(packetIdentifier)
    return exchange instanceof OutgoingMessage && exchange.qos === qos ? exchange : undefined
  }
}
