import {
  type Connack,
  type Connect,
  Framer,
  InboundTopicAliases,
  largestPacket,
  OutboundTopicAliases,
  type Packet,
  type QoS,
  readPacket,
  type Will,
} from '@busbar/protocol'

export interface ModelWill {
  readonly topicName: string
  readonly qos: QoS
  readonly retain: boolean
  readonly delaySeconds: number
}

export interface ModelConnectOptions {
  readonly cleanStart: boolean
  /** 5.0: what is asked for. 3.1.1: what the broker grants when `cleanStart` is false. */
  readonly sessionExpirySeconds: number
  readonly keepAliveSeconds?: number
  readonly receiveMaximum?: number
  /** Aliases that each side may use. */
  readonly topicAliasMaximum?: number
  readonly will?: ModelWill
  /** Takes the bytes for the broker. */
  readonly send: (bytes: Uint8Array) => void
}

/** What a ModelClient knows of one Network Connection, and forgets with it. */
export class ModelConnection {
  state: 'connecting' | 'connected' | 'leaving' = 'connecting'
  /** The broker had the connection then, because it has answered what was sent then. */
  aliveAt: number
  /** Of the broker's DISCONNECT. */
  reasonCode: number | undefined
  expirySeconds: number
  outboundAliases: OutboundTopicAliases | undefined
  readonly inboundAliases: InboundTopicAliases
  readonly receiveMaximum: number
  readonly #options: ModelConnectOptions
  readonly #framer = new Framer(largestPacket)
  #keepAliveSeconds: number
  #sentAt: number

  constructor(options: ModelConnectOptions, now: number) {
    this.#options = options
    this.aliveAt = now
    this.#sentAt = now
    this.expirySeconds = options.sessionExpirySeconds
    this.receiveMaximum = options.receiveMaximum ?? 65_535
    this.inboundAliases = new InboundTopicAliases(options.topicAliasMaximum ?? 0)
    this.#keepAliveSeconds = options.keepAliveSeconds ?? 0
  }

  get cleanStart(): boolean {
    return this.#options.cleanStart
  }

  /** `payload` is that of the Will. */
  connectPacket(
    clientIdentifier: string,
    protocolVersion: 4 | 5,
    payload: Uint8Array | undefined,
  ): Connect {
    const { cleanStart, sessionExpirySeconds, topicAliasMaximum = 0 } = this.#options
    const { receiveMaximum, keepAliveSeconds = 0 } = this.#options
    const properties = {
      ...(sessionExpirySeconds > 0 ? { sessionExpiryInterval: sessionExpirySeconds } : {}),
      ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
      ...(topicAliasMaximum > 0 ? { topicAliasMaximum } : {}),
    }
    return {
      type: 'connect',
      protocolVersion,
      clientIdentifier,
      cleanStart,
      keepAliveSeconds,
      properties: protocolVersion === 5 ? properties : {},
      will: payload && this.#will(payload, protocolVersion),
      username: undefined,
      password: undefined,
    }
  }

  #will(payload: Uint8Array, protocolVersion: 4 | 5): Will | undefined {
    const { will } = this.#options
    if (will === undefined) return undefined
    const { topicName, qos, retain, delaySeconds } = will
    const isDelayed = protocolVersion === 5 && delaySeconds > 0
    const properties = isDelayed ? { willDelayInterval: delaySeconds } : {}
    return { topicName, payload, qos, retain, properties }
  }

  /** CONNACK has come; returns how many messages the broker takes unacknowledged. */
  accepted(connack: Connack): number {
    const { properties } = connack
    this.state = 'connected'
    this.expirySeconds = properties.sessionExpiryInterval ?? this.expirySeconds
    this.#keepAliveSeconds = properties.serverKeepAlive ?? this.#keepAliveSeconds
    const aliases = Math.min(
      properties.topicAliasMaximum ?? 0,
      this.#options.topicAliasMaximum ?? 0,
    )
    if (aliases > 0) this.outboundAliases = new OutboundTopicAliases(aliases)
    return properties.receiveMaximum ?? 65_535
  }

  *read(bytes: Uint8Array, version: 4 | 5): Iterable<Packet> {
    this.#framer.push(bytes)
    while (this.#framer.advance()) {
      yield readPacket(this.#framer.firstByte, this.#framer.body(), version, 'server')
    }
  }

  send(bytes: Uint8Array, now: number): void {
    this.#sentAt = now
    this.#options.send(bytes)
  }

  isPingDue(now: number): boolean {
    const dueMs = this.#keepAliveSeconds * 800
    return this.state === 'connected' && dueMs > 0 && now - this.#sentAt >= dueMs
  }
}
