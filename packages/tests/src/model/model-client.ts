import {
  type Connack,
  encodePacket,
  firstFailure,
  type OutboundEntry,
  type Packet,
  ProtocolError,
  type Publish,
  type QoS,
  type Suback,
  type Unsuback,
} from '@busbar/protocol'
import type { LogEvent } from './log.ts'
import { ModelConnection, type ModelConnectOptions } from './model-connection.ts'
import { ModelSession, type Unfinished } from './model-session.ts'
import { type MessageName, readPayload, writePayload } from './payload.ts'

export interface ModelClientOptions {
  readonly clientIdentifier: string
  readonly version: 4 | 5
  /** Of all payloads: what comes from another run is a fault. */
  readonly run: string
  readonly log: (event: LogEvent) => void
}

export interface ModelPublishOptions {
  readonly topicName: string
  readonly qos: QoS
  readonly retain?: boolean
  readonly padding?: number
  /** An empty payload, which deletes what is retained. */
  readonly isEmpty?: boolean
  readonly expirySeconds?: number
}

type Log<E = LogEvent> = E extends LogEvent ? Omit<E, 'at'> : never

/**
 * A correct MQTT client without I/O: bytes and `now` in, bytes and log events out. It keeps its
 * Session for as long as the broker says that it does, and resumes it as the standard asks.
 */
export class ModelClient {
  readonly clientIdentifier: string
  readonly version: 4 | 5
  /** While true, acknowledgements wait for `acknowledge`. */
  isLate = false
  readonly #run: string
  readonly #log: (event: LogEvent) => void
  #sequence = 0
  // for the Session
  #session = new ModelSession()
  /** The client has ended its Session and does not know whether the broker has. */
  #mustStartClean = false
  // for the Network Connection
  #connection: ModelConnection | undefined
  readonly #due: Packet[] = []
  readonly #asked = new Map<number, readonly string[]>()

  constructor({ clientIdentifier, version, run, log }: ModelClientOptions) {
    this.clientIdentifier = clientIdentifier
    this.version = version
    this.#run = run
    this.#log = log
  }

  get state(): 'idle' | 'connecting' | 'connected' | 'leaving' {
    return this.#connection?.state ?? 'idle'
  }

  /** Whether a message of QoS 1 or 2 may be published now. */
  get hasRoom(): boolean {
    return this.state === 'connected' && this.#session.outbound.hasRoom
  }

  /** Whether anything waits for the broker, or an acknowledgement for `acknowledge`. */
  get isUnfinished(): boolean {
    return this.#session.size + this.#due.length + this.#asked.size > 0
  }

  /** Acknowledgements that wait for `acknowledge`. */
  get dueCount(): number {
    return this.#due.length
  }

  /**
   * Sends CONNECT; an earlier connection is lost to the client. Starts clean, asked for or not, where
   * the client no longer has what the broker may still have [MQTT5-3.2.2-4].
   */
  connect(options: ModelConnectOptions, now: number): void {
    if (this.#connection !== undefined) this.connectionLost(now)
    const { will } = options
    this.#mustStartClean ||= options.cleanStart
    const cleanStart = this.#mustStartClean
    // Clean Session of 3.1.1 is both: a new Session, and one that ends with its connection.
    const endsAtOnce = this.version === 4 && cleanStart
    const expirySeconds = endsAtOnce ? 0 : options.sessionExpirySeconds
    const message = will && this.#nextMessage()
    this.#record(
      {
        event: 'connecting',
        cleanStart,
        expirySeconds,
        ...(will && message
          ? { will: { message, topicName: will.topicName, qos: will.qos, retain: will.retain } }
          : {}),
      },
      now,
    )
    this.#connection = new ModelConnection(
      { ...options, cleanStart, sessionExpirySeconds: expirySeconds },
      now,
    )
    const payload = message === undefined ? undefined : writePayload(this.#run, message)
    this.#send(this.#connection.connectPacket(this.clientIdentifier, this.version, payload), now)
  }

  /** Sends DISCONNECT; the connection is the caller's to close. */
  disconnect(now: number, reasonCode = 0, sessionExpirySeconds?: number): void {
    const connection = this.#connection
    if (connection?.state !== 'connected') return
    const expirySeconds = sessionExpirySeconds ?? connection.expirySeconds
    const properties =
      sessionExpirySeconds === undefined ? {} : { sessionExpiryInterval: sessionExpirySeconds }
    this.#record({ event: 'leaving', code: reasonCode, expirySeconds }, now)
    this.#send({ type: 'disconnect', reasonCode, properties }, now)
    connection.state = 'leaving'
    if (expirySeconds === 0 && connection.expirySeconds > 0) this.#mustStartClean = true
  }

  /** The connection is gone; `isOrderly` when the broker closed it after all that it had to send. */
  connectionLost(now: number, isOrderly = false): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    this.#due.length = 0
    for (const packetIdentifier of this.#asked.keys())
      this.#session.identifiers.release(packetIdentifier)
    this.#asked.clear()
    const { aliveAt, reasonCode: code } = connection
    if (connection.expirySeconds === 0 && connection.state !== 'connecting')
      this.#mustStartClean = true
    const reason = code === undefined ? {} : { code }
    this.#record({ event: 'disconnected', isOrderly, aliveAt, ...reason }, now)
  }

  /** The name of the message that was sent; undefined while that is not possible. */
  publish(options: ModelPublishOptions, now: number): MessageName | undefined {
    const { topicName, qos, retain = false, padding, isEmpty, expirySeconds } = options
    if (this.state !== 'connected' || (qos > 0 && !this.#session.outbound.hasRoom)) return undefined
    const message = this.#nextMessage()
    const properties =
      expirySeconds === undefined || this.version < 5
        ? {}
        : { messageExpiryInterval: expirySeconds }
    const payload = isEmpty ? new Uint8Array(0) : writePayload(this.#run, message, padding)
    const publish: Publish = {
      ...{ type: 'publish', dup: false, qos, retain, topicName },
      ...{ packetIdentifier: 0, properties, payload },
    }
    const unfinished = { message, publish, sentAt: now }
    if (qos > 0) {
      publish.packetIdentifier = this.#session.outbound.publish(
        unfinished,
        qos as 1 | 2,
      ).packetIdentifier
    }
    this.#transmit(unfinished, false, now)
    return message
  }

  /** False while that is not possible. */
  subscribe(filter: string, qos: QoS, now: number): boolean {
    if (this.state !== 'connected' || this.#session.identifiers.isFull) return false
    const packetIdentifier = this.#session.identifiers.take()
    this.#asked.set(packetIdentifier, [filter])
    this.#record({ event: 'subscribing', filter, qos }, now)
    const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    const subscriptions = [{ topicFilter: filter, options }]
    this.#send({ type: 'subscribe', packetIdentifier, properties: {}, subscriptions }, now)
    return true
  }

  /** False while that is not possible. */
  unsubscribe(filter: string, now: number): boolean {
    if (this.state !== 'connected' || this.#session.identifiers.isFull) return false
    const packetIdentifier = this.#session.identifiers.take()
    this.#asked.set(packetIdentifier, [filter])
    this.#record({ event: 'unsubscribing', filter }, now)
    this.#send(
      { type: 'unsubscribe', packetIdentifier, properties: {}, topicFilters: [filter] },
      now,
    )
    return true
  }

  /** Sends so many of the acknowledgements that wait. */
  acknowledge(now: number, count = Number.POSITIVE_INFINITY): void {
    for (const packet of this.#due.splice(0, count)) this.#send(packet, now)
  }

  /** Sends PINGREQ when it is time for one. */
  tick(now: number): void {
    if (this.#connection?.isPingDue(now)) this.#send({ type: 'pingreq' }, now)
  }

  /** Bytes from the broker; they may be reused after the call. */
  receive(bytes: Uint8Array, now: number): void {
    const connection = this.#connection
    if (connection === undefined) return
    try {
      for (const packet of connection.read(bytes, this.version)) this.#inboundPacket(packet, now)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#fault(error.message, now)
    }
  }

  #inboundPacket(packet: Packet, now: number): void {
    const connection = this.#connection as ModelConnection
    if (packet.type === 'disconnect') connection.reasonCode = packet.reasonCode
    if (connection.state === 'leaving') return
    switch (packet.type) {
      case 'connack':
        return this.#inboundConnack(packet, now)
      case 'publish':
        return this.#inboundPublish(packet, now)
      case 'puback': {
        const finished = this.#session.outbound.puback(packet.packetIdentifier)
        if (finished === undefined) return this.#fault('PUBACK for nothing', now)
        return this.#acked(finished, packet.reasonCode, now)
      }
      case 'pubrec':
        return this.#inboundPubrec(packet.packetIdentifier, packet.reasonCode, now)
      case 'pubrel':
        return this.#inboundPubrel(packet.packetIdentifier, now)
      case 'pubcomp':
        if (this.#session.outbound.pubcomp(packet.packetIdentifier) !== undefined) return
        return this.#fault('PUBCOMP for nothing', now)
      case 'suback':
      case 'unsuback':
        return this.#inboundSuback(packet, now)
      default:
    }
  }

  #inboundConnack(connack: Connack, now: number): void {
    const connection = this.#connection as ModelConnection
    const { sessionPresent, reasonCode } = connack
    if (connection.state !== 'connecting') return this.#fault('CONNACK came twice', now)
    if (reasonCode !== 0) return this.#record({ event: 'refused', code: reasonCode }, now)
    if (sessionPresent && connection.cleanStart) this.#fault('a clean Session is present', now)
    // The broker has no Session: neither has the client [MQTT5-3.2.2-5].
    if (!sessionPresent) this.#session = new ModelSession()
    this.#mustStartClean = false
    this.#session.outbound.connected(connection.accepted(connack))
    this.#session.inbound.connected(connection.receiveMaximum)
    const { expirySeconds } = connection
    this.#record({ event: 'connected', sessionPresent, expirySeconds }, now)
    this.#resend(now)
  }

  #resend(now: number): void {
    for (;;) {
      const entry = this.#session.outbound.nextResend()
      if (entry === undefined) return
      if (entry.state === 'published') this.#transmit(entry.message, true, now)
      else this.#answer(pubrel(entry.packetIdentifier), now)
    }
  }

  #transmit(unfinished: Unfinished, dup: boolean, now: number): void {
    const { message, publish } = unfinished
    unfinished.sentAt = now
    const { topicName, qos, retain, packetIdentifier, payload, properties } = publish
    const isEmpty = payload.length === 0 ? { isEmpty: true as const } : {}
    const expires = properties.messageExpiryInterval === undefined ? {} : { expires: true as const }
    this.#record(
      {
        ...{ event: 'sent', message, topicName, qos, retain, dup, packetIdentifier },
        ...{ ...isEmpty, ...expires },
      },
      now,
    )
    const alias = this.#connection?.outboundAliases?.assign(topicName)
    this.#send(
      alias === undefined
        ? { ...publish, dup }
        : {
            ...publish,
            dup,
            topicName: alias.isKnown ? '' : topicName,
            properties: { ...properties, topicAlias: alias.alias },
          },
      now,
    )
  }

  #acked(entry: OutboundEntry<Unfinished>, code: number, now: number): void {
    const { message, sentAt } = entry.message
    const connection = this.#connection as ModelConnection
    connection.aliveAt = Math.max(connection.aliveAt, sentAt)
    this.#record({ event: 'acked', message, code }, now)
    this.#resend(now) // quota may have been missing
  }

  #inboundPubrec(packetIdentifier: number, reasonCode: number, now: number): void {
    const wasPublished = this.#session.isPublished(packetIdentifier)
    const { outcome, entry } = this.#session.outbound.pubrec(packetIdentifier, reasonCode)
    if (entry === undefined) {
      this.#fault('PUBREC for nothing', now)
      if (reasonCode < firstFailure) this.#answer(pubrel(packetIdentifier, 0x92, this.version), now)
      return
    }
    if (wasPublished) this.#acked(entry, reasonCode, now)
    if (outcome === 'release') this.#answer(pubrel(packetIdentifier), now)
  }

  #inboundPublish(packet: Publish, now: number): void {
    const { qos, retain, dup, packetIdentifier, payload, properties } = packet
    const connection = this.#connection as ModelConnection
    const topicName = connection.inboundAliases.resolve(packet.topicName, properties.topicAlias)
    const arrival = qos === 0 ? 'new' : this.#session.inbound.publish(packetIdentifier, qos)
    const numbered = payload.length === 0 ? undefined : readPayload(payload)
    const message = numbered?.message ?? ''
    if (payload.length > 0 && (numbered?.run !== this.#run || !numbered.isIntact)) {
      this.#fault(`payload of ${message || 'a message'} on ${topicName} is damaged`, now)
    }
    const held = this.#session.held.get(packetIdentifier)
    if (arrival === 'in-use') {
      return this.#fault(`identifier ${packetIdentifier} of ${message} is that of ${held}`, now)
    }
    if (arrival === 'repeated') {
      if (held !== message) {
        this.#fault(`identifier ${packetIdentifier} of ${held} brings ${message}`, now)
      }
      if (!dup) this.#fault(`${message} is sent again without DUP [MQTT5-3.3.1-1]`, now)
    } else {
      if (qos === 2) this.#session.held.set(packetIdentifier, message)
      const event = { event: 'received', message, topicName, qos, retain } as const
      // What an empty payload was is not known.
      if (message !== '') this.#record({ ...event, dup, packetIdentifier }, now)
    }
    if (qos > 0) {
      this.#answer({ type: qos === 1 ? 'puback' : 'pubrec', ...plainAck(packetIdentifier) }, now)
    }
  }

  #inboundPubrel(packetIdentifier: number, now: number): void {
    const isKnown = this.#session.inbound.pubrel(packetIdentifier)
    this.#session.held.delete(packetIdentifier)
    const reasonCode = isKnown || this.version < 5 ? 0 : 0x92
    this.#answer({ type: 'pubcomp', packetIdentifier, reasonCode, properties: {} }, now)
  }

  #inboundSuback(packet: Suback | Unsuback, now: number): void {
    const { packetIdentifier, type } = packet
    const filters = this.#asked.get(packetIdentifier)
    if (filters === undefined) return this.#fault(`${type} for nothing`, now)
    this.#asked.delete(packetIdentifier)
    this.#session.identifiers.release(packetIdentifier)
    const event = type === 'suback' ? 'subscribed' : 'unsubscribed'
    for (const [at, filter] of filters.entries()) {
      this.#record({ event, filter, code: packet.reasonCodes[at] ?? 0 }, now)
    }
  }

  /** Sends an acknowledgement, or keeps it for `acknowledge`. */
  #answer(packet: Packet, now: number): void {
    if (this.isLate || this.#due.length > 0) this.#due.push(packet)
    else this.#send(packet, now)
  }

  #send(packet: Packet, now: number): void {
    if (packet.type === 'puback') this.#session.inbound.acknowledged(packet.packetIdentifier)
    this.#connection?.send(encodePacket(packet, this.version), now)
  }

  #nextMessage(): MessageName {
    return `${this.clientIdentifier}:${++this.#sequence}`
  }

  #fault(text: string, now: number): void {
    this.#record({ event: 'fault', text }, now)
  }

  #record(event: Log, now: number): void {
    this.#log({ at: now, ...event } as LogEvent)
  }
}

function plainAck(packetIdentifier: number) {
  return { packetIdentifier, reasonCode: 0, properties: {} }
}

function pubrel(packetIdentifier: number, reasonCode = 0, version = 5): Packet {
  return {
    type: 'pubrel',
    packetIdentifier,
    reasonCode: version === 5 ? reasonCode : 0,
    properties: {},
  }
}
