import { writePublish } from '@busbar/protocol'
import { type Connection, sent } from './connection.ts'
import { ClientError } from './errors.ts'
import type { Journal } from './journal.ts'
import type { ClientOptions, Negotiated, OutboxOptions } from './options.ts'
import { OutgoingMessage, type PublishResult, plainResult } from './outgoing-message.ts'
import type { PublishWriter } from './publish-writer.ts'
import { Queue } from './queue.ts'
import type { Exchange, Session } from './session.ts'
import type { Counts } from './statistics.ts'
import type { Unanswered } from './unanswered.ts'

const puback = plainResult('puback')

const defaultMaxMessages = 10_000
const defaultMaxBytes = 64_000_000

/** Hears of a message that has ended otherwise than well, though its caller was told that it is stored. */
export type Undelivered = (message: OutgoingMessage, error: ClientError) => void

/**
 * Outgoing messages: an outbox, bounded in number and bytes, with callers that wait for room; and
 * QoS 0 and 1 as their sender.
 */
export class Publisher {
  // for the Session
  /** QoS 1 and 2 that were not sent yet, in their order. */
  readonly waiting = new Queue<OutgoingMessage>()
  /** QoS 0 likewise. */
  readonly waitingQoS0 = new Queue<OutgoingMessage>()
  /** Messages that are not inside yet. */
  readonly callers = new Queue<OutgoingMessage>()
  /** Those of an earlier Network Connection that are to be sent again, before all else. */
  readonly again = new Queue<OutgoingMessage>()
  readonly counts: Counts
  /** Of the latest message. */
  sequence = 0
  /** Called when the last message is settled. */
  whenEmpty: (() => void) | undefined
  /** Where there is a store. */
  journal: Journal | undefined
  readonly #options: OutboxOptions
  readonly #session: Session
  readonly #unanswered: Unanswered<Exchange>
  // for the Network Connection
  /** How many more of QoS 1 and 2 the server takes now [MQTT5-4.9.0-1]. */
  quota = 0
  /** Once it is there: until then messages that can expire wait, and Topic Names are sent in full. */
  writer: PublishWriter | undefined

  constructor({ outbox = {} }: ClientOptions, session: Session) {
    this.#options = outbox
    this.#session = session
    this.counts = session.counts
    this.#unanswered = session.unanswered
  }

  /** Takes a message in now or later, or tells its caller why not. */
  submit(message: OutgoingMessage): void {
    if (message.isTold) return // its caller has left before
    const { maxBytes = defaultMaxBytes, whenFull = 'wait' } = this.#options
    const refusal = this.#offline(message) ?? this.#session.limits?.refusalOf(message)
    if (refusal !== undefined) message.tell(refusal)
    else if (message.size > maxBytes) message.tell(full())
    else if (this.callers.size === 0 && this.hasRoom(message)) this.enter(message)
    else if (whenFull === 'wait') this.callers.push(message)
    else this.#session.upkeep?.overflow(message, whenFull)
  }

  /** Sends a message of QoS 0 at once where nothing is in its way: its promise, or undefined. */
  sendQoS0(message: OutgoingMessage): Promise<PublishResult> | undefined {
    const { connection } = this.#session
    if (connection === undefined || connection.isCongested || !this.#mayLeave(message)) {
      return undefined
    }
    if (this.callers.size + this.waitingQoS0.size + this.again.size > 0) return undefined
    if (this.#session.limits?.refusalOf(message) !== undefined) return undefined
    return this.#write(connection, message, false) ? connection.sent() : undefined
  }

  /** Its caller, or a newer message, takes it back: not sent, if it was not sent. */
  withdraw(message: OutgoingMessage): void {
    const { queue } = message
    if (queue === undefined || queue === this.again) return
    queue.remove(message)
    if (queue !== this.callers) this.#leave(message)
  }

  /** CONNACK has come, and what is sent again is in its queue. */
  connected({ receiveMaximum }: Negotiated): void {
    this.quota = receiveMaximum
    this.pump()
  }

  /** Sends what may be sent, in order. */
  pump(): void {
    for (;;) {
      const { connection } = this.#session
      if (connection === undefined || connection.isCongested) return
      const message = this.again.first ?? this.#nextNew()
      if (message === undefined || (message.qos > 0 && this.quota === 0)) return
      message.queue?.remove(message)
      this.#send(connection, message)
    }
  }

  puback(packetIdentifier: number): void {
    const message = this.#unanswered.get(packetIdentifier)
    if (message instanceof OutgoingMessage && message.qos === 1) this.finish(message, puback)
  }

  /** The exchange of a message of QoS 1 or 2 has ended. */
  finish(message: OutgoingMessage, outcome: PublishResult | ClientError): void {
    this.counts.acknowledged++
    this.#free(message)
    this.end(message, outcome)
    this.pump()
  }

  /** A message inside the outbox is settled. */
  end(message: OutgoingMessage, outcome: PublishResult | ClientError): void {
    const wasTold = message.isTold
    message.tell(outcome)
    if (wasTold && outcome instanceof Error) this.#session.undelivered(message, outcome)
    this.#leave(message)
  }

  /** The end: everybody who waits is told. What the store has stays there. */
  close(error: ClientError): void {
    const lines = [this.callers, this.waiting, this.waitingQoS0].map((line) => line.takeAll())
    for (const message of [...lines.flat(), ...this.#unanswered.values()]) {
      if (message instanceof OutgoingMessage) message.tell(error)
    }
  }

  /** Without a connection QoS 0 goes by `qos0WhileOffline`; `enqueue` keeps it. */
  #offline({ qos, tellsWhenStored }: OutgoingMessage): PublishResult | ClientError | undefined {
    const { qos0WhileOffline = 'reject' } = this.#options
    if (this.#session.connection !== undefined || qos > 0 || tellsWhenStored) return undefined
    if (qos0WhileOffline === 'reject') return offline()
    return this.#session.upkeep?.offlineOutcome(qos0WhileOffline)
  }

  hasRoom(message: OutgoingMessage): boolean {
    const { maxMessages = defaultMaxMessages, maxBytes = defaultMaxBytes } = this.#options
    const { outboxMessages, outboxBytes } = this.counts
    return outboxMessages < maxMessages && outboxBytes + message.size <= maxBytes
  }

  /** Takes a message in. */
  enter(message: OutgoingMessage): void {
    this.counts.outboxMessages++
    this.counts.outboxBytes += message.size
    message.sequence = ++this.sequence
    this.line(message)
    if (this.journal === undefined || (message.qos === 0 && !message.tellsWhenStored)) {
      return this.#kept(message)
    }
    message.isCommitted = false
    this.journal.append(message, () => this.#kept(message))
  }

  /** Puts a message that is inside in line. */
  line(message: OutgoingMessage): void {
    const line = message.qos === 0 ? this.waitingQoS0 : this.waiting
    line.push(message)
  }

  /** The store, if there is one, has the message. */
  #kept(message: OutgoingMessage): void {
    message.isCommitted = true
    if (message.tellsWhenStored) message.tell(sent)
    this.pump()
  }

  /** A message leaves the outbox, and makes room. */
  #leave(message: OutgoingMessage): void {
    this.journal?.add({ type: 'remove', sequence: message.sequence })
    this.counts.outboxMessages--
    this.counts.outboxBytes -= message.size
    for (let caller = this.callers.first; caller !== undefined; caller = this.callers.first) {
      if (!this.hasRoom(caller)) return
      this.callers.remove(caller)
      this.enter(caller)
    }
    if (this.counts.outboxMessages === 0) this.whenEmpty?.()
  }

  #nextNew(): OutgoingMessage | undefined {
    const mayNumber = this.quota > 0 && !this.#unanswered.isFull
    const { first } = this.waitingQoS0
    return earlier(
      mayNumber && this.#mayLeave(this.waiting.first) ? this.waiting.first : undefined,
      this.#mayLeave(first) ? first : undefined,
    )
  }

  /** Whether the store has it, where there is one, and its expiry can be told. */
  #mayLeave(message: OutgoingMessage | undefined): boolean {
    if (message?.isCommitted !== true) return false
    return message.expiresAt === undefined || this.writer !== undefined
  }

  #send(connection: Connection, message: OutgoingMessage): void {
    const dup = message.packetIdentifier > 0 // [MQTT5-3.3.1-1] [MQTT3-3.3.1-1]
    const refusal = dup ? undefined : this.#refusalOf(message)
    if (refusal !== undefined) return this.end(message, refusal)
    if (message.qos === 0) {
      if (!this.#writeInside(connection, message, dup)) return
      connection.sent().then(
        (result) => this.end(message, result),
        (error: ClientError) => this.end(message, error),
      )
      return
    }
    message.hasQuota = true
    this.quota-- // [MQTT5-4.9.0-2]
    if (dup) return void this.#writeInside(connection, message, dup)
    message.packetIdentifier = this.#unanswered.take(message) // [MQTT5-4.3.2-1] [MQTT5-4.3.3-1]
    // A PUBLISH that the store does not know of would come twice after a crash.
    if (this.journal === undefined) return void this.#writeInside(connection, message, dup)
    this.journal.progress(message, () => {
      if (connection === this.#session.connection) this.#writeInside(connection, message, dup)
    })
  }

  #refusalOf(message: OutgoingMessage): ClientError | undefined {
    return this.writer?.refusalOf(message) ?? this.#session.limits?.refusalOf(message)
  }

  #writeInside(connection: Connection, message: OutgoingMessage, dup: boolean): boolean {
    if (this.#write(connection, message, dup)) return true
    this.#free(message)
    this.end(message, this.#session.limits?.tooLarge('the message') ?? full())
    return false
  }

  /** False when the server would not take a packet of this size [MQTT5-3.2.2-15]. */
  #write(connection: Connection, message: OutgoingMessage, dup: boolean): boolean {
    const { qos, retain, topicName, packetIdentifier, properties, payload } = message
    const type = 'publish' as const
    const packet = { type, dup, qos, retain, topicName, packetIdentifier, properties, payload }
    return this.writer?.write(packet, message.expiresAt) ?? connection.write(packet, writePublish)
  }

  /** Its Packet Identifier and its part of the quota are free again. */
  #free(message: OutgoingMessage): void {
    message.queue?.remove(message)
    this.#unanswered.delete(message.packetIdentifier)
    if (message.hasQuota) this.quota++ // what took none gives none back (U5-4.9-a)
  }
}

export function earlier(
  one: OutgoingMessage | undefined,
  other: OutgoingMessage | undefined,
): OutgoingMessage | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.sequence < other.sequence ? one : other
}

export function offline(): ClientError {
  return new ClientError('offline', 'there is no connection')
}

export function full(): ClientError {
  return new ClientError('outbox-full', 'the outbox has no room for the message')
}
