import {
  type AckProperties,
  type InFlightEntry,
  noProperties,
  type OutboundEntry,
  OutboundFlow,
  ReasonCode,
} from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import { ClientError } from './errors.ts'
import type { Journal } from './journal.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import { Outbox } from './outbox.ts'
import type { OutgoingMessage, PublishResult } from './outgoing-message.ts'
import type { PacketIdentifiers } from './packet-identifiers.ts'
import { outcomeOf, plainResult, tooLarge } from './publish-packet.ts'
import { type MakesAliases, PublishWriter, sent } from './publish-writer.ts'
import { InFlight } from './queue.ts'

type Entry = OutboundEntry<OutgoingMessage>

// Shared by the many messages of which nothing more is to be said.
const puback = plainResult('puback')
const pubcomp = plainResult('pubcomp')
const pubrec = plainResult('pubrec')
const droppedOffline = plainResult('dropped')

/** Hears of a message that has ended otherwise than well, though its caller was told that it is stored. */
export type Undelivered = (message: OutgoingMessage, error: ClientError) => void

/** What the parts of a Session share. */
interface Shared {
  readonly identifiers: PacketIdentifiers
  readonly clock: Clock
  readonly undelivered: Undelivered
}

/** Outgoing messages: the outbox, QoS 1 and 2 as their sender, and what is sent again. */
export class Publisher {
  // for the Session
  readonly outbox: Outbox
  /** Where there is a store. */
  journal: Journal | undefined
  acknowledged = 0
  requeued = 0
  readonly #options: ClientOptions
  readonly #shared: Shared
  outbound: OutboundFlow<OutgoingMessage>
  /** Of the latest message. */
  sequence = 0
  /** Once they are there. */
  #Aliases: MakesAliases | undefined
  // for the Network Connection
  #writer: PublishWriter | undefined

  constructor(options: ClientOptions, shared: Shared) {
    this.#options = options
    this.#shared = shared
    this.outbound = createOutbound(shared.identifiers)
    this.outbox = new Outbox(options.outbox, {
      accept: (message) => this.#accept(message),
      forget: (message) => this.#forget(message),
    })
  }

  /** Messages on their way, QoS 1 and 2. */
  get inflight(): number {
    return this.outbound.size
  }

  /** Takes a message; its caller is told through it. */
  submit(message: OutgoingMessage): void {
    if (message.qos === 0 && !this.#mayTakeQoS0(message)) return
    const refusal = this.#writer?.refusal(message)
    if (refusal !== undefined) message.tell(refusal)
    else this.outbox.submit(message)
  }

  /** Sends a message of QoS 0 at once where nothing is in its way: its promise, or undefined. */
  sendQoS0(message: OutgoingMessage): Promise<PublishResult> | undefined {
    const writer = this.#writer
    if (writer === undefined || this.outbox.callers > 0 || !this.#mayPassQoS0(writer)) {
      return undefined
    }
    if (writer.refusal(message) !== undefined) return undefined
    return writer.write(message, 0, false) ? writer.sent() : undefined
  }

  /** Its caller takes it back; what was sent stays. */
  withdraw(message: OutgoingMessage): void {
    if (this.outbox.withdraw(message) && message.sequence > 0) this.#forget(message)
  }

  /** CONNACK has come. With the Session what was unacknowledged is sent again, else sent anew. */
  connected(connection: Connection, limits: Negotiated): void {
    if (!limits.sessionPresent) this.#requeue()
    this.#writer = new PublishWriter(connection, limits, this.#shared.clock)
    if (this.#Aliases !== undefined) this.#writer.useAliases(this.#Aliases)
    this.outbound.connected(limits.receiveMaximum)
    // Before any PUBLISH, and whatever the quota: a PUBREL takes none [MQTT5-4.6.0-4].
    for (const entry of this.outbound.unfinished()) {
      if (entry.state === 'released') this.#release(entry.packetIdentifier, 0)
    }
    this.pump()
  }

  /** Until then Topic Names are sent in full. */
  useAliases(Aliases: MakesAliases): void {
    if (this.#Aliases !== undefined) return
    this.#Aliases = Aliases
    this.#writer?.useAliases(Aliases)
  }

  disconnected(): void {
    this.#writer = undefined
    if (this.#options.outbox?.qos0WhileOffline === 'keep') return
    for (const message of this.outbox.waitingQoS0.takeAll()) {
      this.outbox.left(message)
      message.tell(new ClientError('offline', 'the connection was lost before the message left'))
    }
  }

  /** Sends what may be sent, in order. */
  pump(): void {
    const writer = this.#writer
    if (writer === undefined || !this.#resend(writer)) return
    while (!writer.isCongested) {
      const message = this.#nextWaiting()
      if (message === undefined) return
      this.outbox.unwait(message)
      this.#sendFirst(writer, message)
    }
  }

  puback(packetIdentifier: number, reasonCode: number, properties: AckProperties): void {
    this.#finish(this.outbound.puback(packetIdentifier), reasonCode, { properties, plain: puback })
  }

  pubrec(packetIdentifier: number, reasonCode: number, properties: AckProperties): void {
    const { outcome, entry } = this.outbound.pubrec(packetIdentifier, reasonCode)
    if (outcome === 'finished')
      return this.#finish(entry, reasonCode, { properties, plain: pubrec })
    // An answer to what is not known here, so that the server can let go of it.
    if (entry === undefined) {
      return this.#release(packetIdentifier, ReasonCode.PacketIdentifierNotFound)
    }
    this.#record(entry, () => this.#release(packetIdentifier, 0))
  }

  pubcomp(packetIdentifier: number, reasonCode: number, properties: AckProperties): void {
    const entry = this.outbound.pubcomp(packetIdentifier)
    // 0x92 says that the server has forgotten it: it was released all the same.
    const code = reasonCode === ReasonCode.PacketIdentifierNotFound ? 0 : reasonCode
    this.#finish(entry, code, { properties, plain: pubcomp })
  }

  /** The end: everybody who waits is told. What the store has stays there. */
  close(error: ClientError): void {
    this.#writer = undefined
    this.outbox.refuseCallers(error)
    for (const line of [this.outbox.waiting, this.outbox.waitingQoS0]) {
      for (let message = line.first; message !== undefined; message = message.next) {
        message.tell(error)
      }
    }
    for (const { message } of this.outbound.unfinished()) message.tell(error)
  }

  #mayPassQoS0(writer: PublishWriter): boolean {
    const isFirst = this.outbox.waitingQoS0.size === 0 && !this.outbound.isResending
    return isFirst && !writer.isCongested
  }

  /** Without a connection QoS 0 goes by `qos0WhileOffline`; `enqueue` keeps it. */
  #mayTakeQoS0(message: OutgoingMessage): boolean {
    const { qos0WhileOffline = 'reject' } = this.#options.outbox ?? {}
    if (this.#writer !== undefined || message.tellsWhenStored) return true
    if (qos0WhileOffline === 'keep') return true
    if (qos0WhileOffline === 'drop') {
      this.outbox.dropped++
      message.tell(droppedOffline)
    } else {
      message.tell(new ClientError('offline', 'there is no connection'))
    }
    return false
  }

  /** A message has come into the outbox. */
  #accept(message: OutgoingMessage): void {
    message.sequence = ++this.sequence
    this.outbox.wait(message)
    const { journal } = this
    if (journal === undefined || (message.qos === 0 && !message.tellsWhenStored)) {
      return this.#kept(message)
    }
    message.isCommitted = false
    journal.append(message, () => {
      message.isCommitted = true
      this.#kept(message)
    })
  }

  /** The store, if there is one, has the message. */
  #kept(message: OutgoingMessage): void {
    if (message.tellsWhenStored) message.tell(sent)
    this.pump()
  }

  #nextWaiting(): OutgoingMessage | undefined {
    const head = this.outbox.waiting.first
    const one = head?.isCommitted === true && this.outbound.hasRoom ? head : undefined
    const other = this.outbox.waitingQoS0.first
    if (other === undefined || !other.isCommitted) return one
    return one !== undefined && one.sequence < other.sequence ? one : other
  }

  #sendFirst(writer: PublishWriter, message: OutgoingMessage): void {
    const refusal = this.#refusalNow(message)
    if (refusal !== undefined) return this.#end(message, refusal)
    if (message.qos === 0) {
      if (!writer.write(message, 0, false)) return this.#end(message, tooLarge('the message'))
      writer.sent().then(
        (result) => this.#end(message, result),
        (error: ClientError) => this.#end(message, error),
      )
      message.place = 'sent'
      return
    }
    message.place = 'sent'
    const entry = this.outbound.publish(message, message.qos)
    // A PUBLISH that the store does not know of would come twice after a crash.
    this.#record(entry, () => this.#writeEntry(writer, entry, false))
  }

  /** Goes on when the store, if there is one, has the state of the entry: on this connection only. */
  #record({ message: { sequence }, state, packetIdentifier }: Entry, then: () => void): void {
    if (this.journal === undefined) return then()
    const writer = this.#writer
    this.journal.add({ type: 'update', sequence, state, packetIdentifier }, () => {
      if (writer === this.#writer) then()
    })
  }

  #writeEntry(writer: PublishWriter, entry: Entry, dup: boolean): void {
    if (writer.write(entry.message, entry.packetIdentifier, dup)) return
    this.outbound.discard(entry.packetIdentifier)
    this.#end(entry.message, tooLarge('the message'))
  }

  /** Everything unfinished, at once and in order; false while the quota or the socket stop it. */
  #resend(writer: PublishWriter): boolean {
    while (this.outbound.isResending) {
      if (writer.isCongested) return false
      const entry = this.outbound.nextResend()
      if (entry === undefined) return false
      if (entry.state === 'published') this.#writeEntry(writer, entry, true) // [MQTT5-3.3.1-1] [MQTT3-3.3.1-1]
    }
    return true
  }

  /** The server has no Session: what it had not taken is sent anew, before all that waits. */
  #requeue(): void {
    if (this.outbound.size === 0) return
    const entries = [...this.outbound.unfinished()]
    this.outbound = createOutbound(this.#shared.identifiers)
    const later = this.outbox.waiting.takeAll()
    const { requeueWhenLost = true } = this.#options.session ?? {}
    const isAnew = ({ state }: Entry) => state === 'published' && requeueWhenLost
    for (const entry of entries) {
      this.#shared.identifiers.release(entry.packetIdentifier)
      if (isAnew(entry)) this.#queueAgain(entry.message)
    }
    for (const message of later) this.outbox.waiting.push(message)
    // Last, because what is settled lets new messages in.
    for (const entry of entries) {
      if (!isAnew(entry)) this.#end(entry.message, entry.state === 'released' ? pubrec : lostAway())
    }
  }

  #queueAgain(message: OutgoingMessage): void {
    this.requeued++
    this.outbox.wait(message)
    const { sequence } = message
    this.journal?.add({ type: 'update', sequence, state: 'waiting', packetIdentifier: 0 })
  }

  #release(packetIdentifier: number, reasonCode: number): void {
    const packet = { packetIdentifier, reasonCode, properties: noProperties }
    this.#writer?.connection.write({ type: 'pubrel', ...packet })
  }

  #finish(
    entry: Entry | undefined,
    reasonCode: number,
    { properties, plain }: { properties: AckProperties; plain: PublishResult },
  ): void {
    if (entry === undefined) return // of an exchange that has ended here
    this.acknowledged++
    this.#end(entry.message, outcomeOf(reasonCode, properties, plain))
    if (this.outbox.waiting.size > 0 || this.outbound.isResending) this.pump()
  }

  /** A message inside the outbox is settled. */
  #end(message: OutgoingMessage, outcome: PublishResult | ClientError): void {
    this.#forget(message)
    const wasTold = message.isTold
    message.tell(outcome)
    if (wasTold && outcome instanceof Error) this.#shared.undelivered(message, outcome)
    this.outbox.left(message)
  }

  #forget(message: OutgoingMessage): void {
    this.journal?.add({ type: 'remove', sequence: message.sequence })
  }

  #refusalNow(message: OutgoingMessage): ClientError | undefined {
    if (message.expiresAt !== undefined && message.expiresAt <= this.#shared.clock.wallNow()) {
      return new ClientError('expired', 'the message has expired before it could be sent')
    }
    return this.#writer?.refusal(message)
  }
}

function createOutbound(identifiers: PacketIdentifiers): OutboundFlow<OutgoingMessage> {
  const entries = <E extends InFlightEntry>() => new InFlight<E>()
  return new OutboundFlow({ identifiers: () => identifiers, entries }, identifiers)
}

function lostAway(): ClientError {
  const text = 'the server has lost the Session that the message belonged to'
  return new ClientError('session-lost', text)
}
