import { property, type Text, type Version } from './data-types.ts'
import {
  pingreq,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  disconnect as writeDisconnect,
  subscribe as writeSubscribe,
  unsubscribe as writeUnsubscribe,
} from './packets.ts'
import { type Expected, RawPeer } from './raw-peer.ts'
import type { Received } from './received.ts'
import type { Wire } from './wire.ts'

/** The options of a subscription; QoS 2 unless said otherwise, so that messages keep theirs. */
export interface SubscribeOptions {
  readonly qos?: 0 | 1 | 2
  readonly noLocal?: boolean
  readonly retainAsPublished?: boolean
  readonly retainHandling?: 0 | 1 | 2
  /** The Subscription Identifier. */
  readonly identifier?: number
  readonly properties?: readonly Uint8Array[]
  readonly packetId?: number
  /** The codes that SUBACK must have; each filter granted at its QoS by default. */
  readonly codes?: readonly number[]
}

/** What a PUBLISH has beside topic and payload. */
export interface PublishOptions {
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
  readonly dup?: boolean
  readonly properties?: readonly Uint8Array[]
  readonly packetId?: number
}

/** The byte behind a Topic Filter. */
export function subscriptionOptions(options: SubscribeOptions = {}): number {
  return (
    (options.qos ?? 2) |
    (options.noLocal ? 0x04 : 0) |
    (options.retainAsPublished ? 0x08 : 0) |
    ((options.retainHandling ?? 0) << 4)
  )
}

/** A peer whose CONNECT the Server has accepted. */
export class ConnectedPeer extends RawPeer {
  readonly clientId: string
  /** The topics on which this peer published retained messages. */
  readonly retainedTopics = new Set<Text>()
  #connack: Received | undefined
  #lastPacketId = 0

  constructor(wire: Wire, version: Version, clientId: string) {
    super(wire, version)
    this.clientId = clientId
  }

  /** The CONNACK that accepted the connection. */
  get connack(): Received {
    if (this.#connack === undefined) throw new Error('no CONNACK yet')
    return this.#connack
  }

  get sessionPresent(): boolean {
    return this.connack.sessionPresent
  }

  /** Sends CONNECT and waits for the CONNACK that accepts it. */
  async accept(connect: Uint8Array): Promise<void> {
    this.send(connect)
    this.#connack = await this.expect('connack', { reasonCode: 0 }, 5_000)
  }

  /** A Packet Identifier that this peer has not used yet. */
  nextPacketId(): number {
    this.#lastPacketId += 1
    return this.#lastPacketId
  }

  /** Sends SUBSCRIBE and gives its SUBACK; messages that come before it stay for later. */
  async subscribe(
    filter: Text | readonly Text[],
    options: SubscribeOptions = {},
  ): Promise<Received> {
    const filters = typeof filter === 'string' || filter instanceof Uint8Array ? [filter] : filter
    const { identifier, properties = [] } = options
    const packetId = options.packetId ?? this.nextPacketId()
    const own = identifier === undefined ? [] : [property.subscriptionIdentifier(identifier)]
    const byte = subscriptionOptions(options)
    this.send(
      writeSubscribe({
        version: this.version,
        packetId,
        filters: filters.map((each) => ({ filter: each, options: byte })),
        properties: [...own, ...properties],
      }),
    )
    const reasonCodes = options.codes ?? filters.map(() => options.qos ?? 2)
    return await this.pick('suback', { packetId, reasonCodes })
  }

  /** Sends UNSUBSCRIBE and gives its UNSUBACK. */
  async unsubscribe(...filters: readonly Text[]): Promise<Received> {
    const packetId = this.nextPacketId()
    this.send(writeUnsubscribe({ version: this.version, packetId, filters }))
    return await this.pick('unsuback', { packetId })
  }

  /** Sends PUBLISH alone, without waiting for what answers it; gives its Packet Identifier. */
  sendPublish(topic: Text, payload: Text = '', options: PublishOptions = {}): number {
    const packetId = options.packetId ?? ((options.qos ?? 0) > 0 ? this.nextPacketId() : 0)
    if (options.retain && topic.length > 0) this.retainedTopics.add(topic)
    this.send(publish({ version: this.version, topic, payload, ...options, packetId }))
    return packetId
  }

  /**
   * Publishes, and for QoS 1 and 2 completes the exchange. Gives the first acknowledgement, of
   * which a code of 80 or more ends a QoS 2 exchange; undefined for QoS 0.
   */
  async publish(
    topic: Text,
    payload: Text = '',
    options: PublishOptions = {},
  ): Promise<Received | undefined> {
    const packetId = this.sendPublish(topic, payload, options)
    if (options.qos === 1) return await this.pick('puback', { packetId })
    if (options.qos !== 2) return undefined
    const received = await this.pick('pubrec', { packetId })
    if (received.reasonCode < 0x80) {
      this.send(pubrel(packetId))
      await this.pick('pubcomp', { packetId, reasonCode: 0 })
    }
    return received
  }

  /** The next `count` messages, each acknowledged by its QoS unless `acknowledge` is false. */
  async take(
    count: number,
    { acknowledge = true, timeoutMs = 2_000 } = {},
  ): Promise<readonly Received[]> {
    const messages: Received[] = []
    while (messages.length < count) {
      const message = await this.pick('publish', {}, timeoutMs)
      if (acknowledge) await this.acknowledge(message)
      messages.push(message)
    }
    return messages
  }

  /** The next message, which has these fields; acknowledged. */
  async message(fields: Expected = {}, timeoutMs = 2_000): Promise<Received> {
    const message = await this.pick('publish', fields, timeoutMs)
    await this.acknowledge(message)
    return message
  }

  /** PUBACK for a message of QoS 1, the whole exchange for QoS 2. */
  async acknowledge({ qos, packetId }: Received): Promise<void> {
    if (qos === 1) this.send(puback(packetId))
    if (qos !== 2) return
    this.send(pubrec(packetId))
    await this.pick('pubrel', { packetId })
    this.send(pubcomp(packetId))
  }

  /**
   * PINGREQ and PINGRESP: the Server has handled what was sent before on this connection. Other
   * connections may lag.
   */
  async ping(): Promise<void> {
    this.send(pingreq)
    await this.pick('pingresp')
  }

  /** No message comes for `ms`, and the connection still answers. */
  async expectNoMessage(ms = 1_000): Promise<void> {
    await this.expectNothing(ms)
    await this.ping()
  }

  /** Sends DISCONNECT and waits until the connection is closed, by the Server or by this side. */
  async disconnect(reasonCode?: number, properties?: readonly Uint8Array[]): Promise<void> {
    this.send(writeDisconnect(reasonCode, properties))
    this.end()
    await this.closed
  }
}
