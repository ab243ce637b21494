import { firstFailure, Outbound, type QoS } from '@busbar/protocol'
import type { Delivery } from './delivery.ts'
import { publishByte } from './frames.ts'
import type { Amount } from './losses.ts'
import { OnceSender } from './once-sender.ts'
import { keepAlone } from './payload.ts'
import type { SessionConnection } from './session.ts'
import type { Place } from './session-queue.ts'
import type { DurabilityLevel, QueueEntry } from './store/store.ts'
import { UndecidedEntries } from './undecided-entries.ts'

/** What a Session that ends has not delivered. */
interface GivenUp {
  /** What the client has not seen, or may see again. */
  readonly waiting: readonly QueueEntry[]
  /** And so much more of QoS 0, which nobody else may get. */
  readonly packed: Amount
  /** Payload bytes of each that nobody else may get: of QoS 2 that its client has, or only passed on. */
  readonly begun: readonly number[]
  readonly undecided: number
  /** So many more are in the store only, behind this position. */
  readonly inStore: number
  readonly lastInHand: number
}

const noQueue = { packed: { messages: 0, bytes: 0 }, inStore: 0, lastInHand: 0 }

/**
 * What a Session has sent and the client has not acknowledged. A number: the payload bytes of a
 * message that was only passed on, since the Session ends with its connection and sends nothing again.
 */
type Sent = QueueEntry | number

const shortQueue = 64

/**
 * Delivers the messages of one Session: what may leave leaves, the rest waits; what the client has not
 * acknowledged is sent again when it is back.
 */
export class Sender extends OnceSender {
  /** Made when something is sent at QoS 1 or 2 for the first time. */
  #outbound: Outbound<Sent> | undefined
  /**
   * Entries in `outbound` whose packet identifier is not stored yet, and which are not sent either;
   * true where the entry itself is in the same batch.
   */
  #unsettled: Map<QueueEntry, boolean> | undefined
  #undecided: UndecidedEntries | undefined
  /** So many are sent again only when a batch is committed; nothing new may overtake them. */
  #putOff = 0
  /** Told of the entries that were undecided when the Session ended. */
  #decided: ((entry: QueueEntry, error: Error | undefined) => void) | undefined

  get outbound(): Outbound<Sent> {
    if (this.#outbound !== undefined) return this.#outbound
    this.#outbound = new Outbound<Sent>()
    this.connected()
    return this.#outbound
  }

  /** A Network Connection begins. */
  connected(): void {
    this.#outbound?.connected(this.session.clientReceiveMaximum)
  }

  /** So many are under way. */
  get inFlight(): number {
    return this.#outbound?.size ?? 0
  }

  /** One more may be under way. */
  get #hasRoom(): boolean {
    return this.#outbound?.hasRoom ?? this.session.clientReceiveMaximum > 0
  }

  /** Whether a message would leave at once: what a Shared Subscription looks for. */
  get isReady(): boolean {
    const { connection } = this.session
    return connection?.isCongested === false && this.#hasRoom && this.#putOff === 0
  }

  /** A message of QoS 1 or 2 leaves at once: nothing waits that it would overtake. */
  get #leavesNow(): boolean {
    return this.queueIfAny?.isEmpty !== false && this.isReady
  }

  /** A message may leave at once, and nothing of it has to be kept. */
  takesPassing(qos: QoS): boolean {
    // Nothing overtakes what waits [MQTT5-4.6.0-5], be it for a batch only.
    if (this.hasBacklog) return false
    if (qos === 0) return !this.hasQueuedQoS0
    return !this.session.isStored && this.#leavesNow && !this.#unsettled?.size
  }

  /** A retained message of this QoS would leave at once, or find room where it does not fill the queue. */
  takesRetained(qos: QoS): boolean {
    const { connection } = this.session
    if (connection === undefined) return false
    const leavesNow = qos === 0 ? this.leavesOnceNow(connection) : this.#leavesNow
    return leavesNow || !this.queue.isHalfFull
  }

  /** The Packet Identifier for a message that is passed on; only while `takesPassing`. */
  pass(qos: 1 | 2, payloadBytes: number): number {
    this.context.statistics.inFlight++
    return this.outbound.publish(payloadBytes, qos).packetIdentifier
  }

  /**
   * Sends or queues a message; false when it was lost, which is then in the ledger. `mustWait`: it
   * may not leave before this turn's batch is committed, and not at all if that fails.
   */
  deliver(delivery: Delivery, mustWait = false): boolean {
    const { message, qos, sharedFilter } = delivery
    // What replaces a retained message has put an end to it already.
    if (!delivery.retain) this.backlog?.sendTopic(message.topicName)
    // Another member may get it at QoS 2 when this Session ends.
    const isExact = qos === 2 || (message.qos === 2 && sharedFilter !== undefined)
    if (qos > 0) return this.#deliverAcknowledged(delivery, mustWait || isExact)
    if (!mustWait) return this.deliverOnce(delivery)
    this.context.journal.whenCommitted((error) => {
      if (error === undefined) this.deliverOnce(delivery)
    })
    return true
  }

  #deliverAcknowledged(delivery: Delivery, mustWait: boolean): boolean {
    const { connection } = this.session
    const { journal } = this.context
    const leavesNow = this.#leavesNow
    if (!leavesNow && this.queue.refuses(delivery.message, this.session.isStored)) return false
    const entry = this.entryOf(delivery)
    const place = leavesNow ? 'out' : this.queue.append(entry, this.session.isStored, mustWait)
    if (place === false) return false
    // A short queue in front of a client that reads is gone in a moment.
    const isShort = connection !== undefined && (this.queueIfAny?.length ?? 0) <= shortQueue
    if (place === 'in hand' && !isShort) keepAlone(entry.message)
    if (leavesNow) this.#takeIdentifier(entry)
    if (this.session.isStored) {
      const { clientIdentifier } = this.session
      journal.add({ kind: 'queued', clientIdentifier, entry }, this.#levelOf(entry))
    }
    if (mustWait) journal.depend()
    if (leavesNow && connection !== undefined) {
      if (mustWait) this.#sendWhenStored(entry, connection, true)
      else this.#transmit(entry, connection, false)
    } else if (place !== 'out' && (place === 'in store' || mustWait)) {
      this.#undecided ??= this.#makeUndecided()
      this.#undecided.add(entry, place)
    }
    return true
  }

  #makeUndecided(): UndecidedEntries {
    return new UndecidedEntries(this.context.journal, {
      entry: (entry, place, error) => this.#decide(entry, place, error),
      // Only now can they be read back, and may they leave.
      batch: () => {
        if (!this.session.hasEnded) this.pump()
      },
    })
  }

  #decide(entry: QueueEntry, place: Place, error: Error | undefined): void {
    if (!this.session.hasEnded) this.queue.decide(entry, place, error)
    else if (this.queueIfAny?.forgetUndecided(entry, place)) this.#decided?.(entry, error)
  }

  /** Sends again what was unfinished, then whatever waits, as far as window and socket allow. */
  pump(): void {
    const { connection } = this.session
    if (connection === undefined) return
    this.#pumpQueue(connection)
    this.backlog?.sendTo(this)
  }

  #pumpQueue(connection: SessionConnection): void {
    if (this.#outbound?.isResending === true) this.#pumpUnfinished(this.#outbound, connection)
    if (this.queueIfAny === undefined) return
    this.pumpQoS0(this.queueIfAny, connection)
    while (this.#hasRoom && this.#putOff === 0 && !connection.isCongested) {
      const entry = this.queueIfAny.take(() => this.pump())
      if (entry === undefined) return
      if (!this.#isStillDue(entry)) continue
      this.#takeIdentifier(entry)
      this.#sendStored(entry, connection)
    }
  }

  #pumpUnfinished(outbound: Outbound<Sent>, connection: SessionConnection): void {
    let mustWait = this.#putOff > 0
    while (outbound.isResending && !connection.isCongested) {
      const unfinished = outbound.nextResend()
      if (unfinished === undefined) break
      const { message: entry } = unfinished
      if (typeof entry === 'number') throw new Error('what was passed on is not sent again')
      if (unfinished.state === 'released') this.#release(entry)
      else if (this.#unsettled?.has(entry) || entry.state === 'queued') {
        mustWait = true
        this.#sendLate(entry, connection)
      } else if (!this.#mayStillReceive(entry)) this.#withdraw(entry)
      else this.#resend(entry, connection, mustWait)
    }
  }

  /** It has its place among what was sent, but was not: the store could not be told that it was. */
  #sendLate(entry: QueueEntry, connection: SessionConnection): void {
    if (!this.#isStillDue(entry)) {
      this.#unsettled?.delete(entry)
      this.outbound.discard(entry.packetIdentifier)
      this.context.statistics.inFlight--
      return
    }
    entry.state = 'sent'
    this.#sendStored(entry, connection)
  }

  /** With DUP [MQTT5-3.3.1-1], and not before one in front of it that waits [MQTT5-4.6.0-1]. */
  #resend(entry: QueueEntry, connection: SessionConnection, mustWait: boolean): void {
    if (!mustWait) this.#transmit(entry, connection, true)
    else {
      this.#putOff++
      this.context.journal.whenCommitted(() => {
        this.#putOff--
        if (this.session.connection === connection) this.#transmit(entry, connection, true)
        if (this.#putOff === 0) this.pump()
      })
    }
  }

  /**
   * Sends what the store has already, but not its packet identifier. Nothing waits for that at QoS 1,
   * but without it a restart would send this one behind later ones.
   */
  #sendStored(entry: QueueEntry, connection: SessionConnection): void {
    if (this.session.isStored) {
      const { clientIdentifier } = this.session
      const { position, packetIdentifier } = entry
      const change = { kind: 'sent', clientIdentifier, position, packetIdentifier } as const
      this.context.journal.add(change, entry.qos === 2 ? this.#levelOf(entry) : 'memory')
    }
    if (entry.qos === 2) this.#sendWhenStored(entry, connection, false)
    else this.#transmit(entry, connection, false)
  }

  /** That of a message which waits: where it is not due any more, it is over. */
  #isStillDue(entry: QueueEntry): boolean {
    if (this.isDue(entry)) return true
    this.#done(entry)
    return false
  }

  #mayStillReceive({ message }: QueueEntry): boolean {
    return this.context.access.mayReceive(this.session, message.topicName)
  }

  /** It was sent on an earlier connection, and may not be sent again. */
  #withdraw(entry: QueueEntry): void {
    this.lose(entry.message, 'not-authorized')
    this.outbound.discard(entry.packetIdentifier)
    this.#finish(entry)
  }

  /** Drops what waits and may not be received any more. */
  dropDenied(): void {
    if (this.queueIfAny === undefined) return this.pump()
    this.queueIfAny.purge({
      mayStay: ({ topicName }) => this.context.access.mayReceive(this.session, topicName),
      drop: (entry) => {
        this.lose(entry.message, 'not-authorized')
        this.#done(entry)
      },
      finished: () => this.pump(),
    })
  }

  #takeIdentifier(entry: QueueEntry): void {
    entry.packetIdentifier = this.outbound.publish(entry, entry.qos as 1 | 2).packetIdentifier
    entry.state = 'sent'
    this.context.statistics.inFlight++
  }

  /**
   * Sends when this turn's batch is committed. QoS 2 that left before would come twice after a crash,
   * or a store without room, and the publisher's resend. `isNew`: the entry is in that batch.
   */
  #sendWhenStored(entry: QueueEntry, connection: SessionConnection, isNew: boolean): void {
    this.#unsettled ??= new Map()
    this.#unsettled.set(entry, isNew)
    this.context.journal.whenCommitted((error) => {
      if (this.session.hasEnded) {
        if (this.#unsettled?.delete(entry) === true) this.#decided?.(entry, error)
        return
      }
      if (error !== undefined) {
        if (isNew) this.#abandon(entry)
        // What is stored is kept: the Session goes on from here when the client is back.
        else this.session.connection?.disconnect(0x97, 'store failed')
        return
      }
      this.#unsettled?.delete(entry)
      // What was too large made room for the next.
      if (this.session.connection === connection && !this.#transmit(entry, connection, false))
        this.pump()
    })
  }

  /** It could not be stored, so its publisher was not told that it was kept. */
  #abandon(entry: QueueEntry): void {
    this.#unsettled?.delete(entry)
    this.lose(entry.message, 'store-failed')
    this.outbound.discard(entry.packetIdentifier)
    this.#finish(entry)
    this.pump()
  }

  /** False when it was too large for the client, and is over therefore. */
  #transmit(entry: QueueEntry, connection: SessionConnection, dup: boolean): boolean {
    const { record, qos, retain, packetIdentifier } = entry
    const isSent =
      record !== undefined &&
      connection.sendPlain(record, publishByte(qos, retain, dup), packetIdentifier)
    if (isSent || connection.sendPublish(entry, packetIdentifier, dup)) return true
    // Counted as if it had been delivered [MQTT5-3.1.2-25].
    this.lose(entry.message, 'packet-too-large')
    this.outbound.discard(entry.packetIdentifier)
    this.#finish(entry)
    return false
  }

  /**
   * At its end, before that is committed: gives everything that is not delivered away. Whether an entry
   * is stored may not be known yet: `undecided` of them are handed to `decided` later, one by one.
   */
  giveUp(decided: (entry: QueueEntry, error: Error | undefined) => void): GivenUp {
    this.#decided = decided
    const waiting: QueueEntry[] = []
    const begun: number[] = []
    for (const { message: entry } of this.#outbound?.unfinished() ?? []) {
      if (typeof entry === 'number') {
        begun.push(entry)
        continue
      }
      const isNew = this.#unsettled?.get(entry)
      if (isNew === true) continue
      this.#unsettled?.delete(entry)
      if (entry.qos === 2 && isNew === undefined && entry.state !== 'queued') {
        begun.push(entry.message.payload.length)
      } else waiting.push(entry)
    }
    const unsettled = this.#unsettled?.size ?? 0
    if (this.queueIfAny === undefined) return { waiting, begun, undecided: unsettled, ...noQueue }
    const { inStore, lastInHand } = this.queueIfAny
    const { entries, packed, undecided } = this.queueIfAny.clear()
    for (const entry of entries) waiting.push(entry)
    const stored = { inStore, lastInHand }
    return { waiting, packed, begun, undecided: undecided + unsettled, ...stored }
  }

  puback(packetIdentifier: number, reasonCode: number): void {
    const finished = this.outbound.puback(packetIdentifier)
    if (finished === undefined) return
    if (reasonCode >= firstFailure) this.#refusedByClient(finished.message)
    this.#finish(finished.message)
    this.pump()
  }

  #refusedByClient(sent: Sent): void {
    const bytes = typeof sent === 'number' ? sent : sent.message.payload.length
    this.context.losses.record(this.session.clientIdentifier, 'refused-by-client', bytes)
  }

  /** Answers with PUBREL, once "PUBREC received" is stored; 0x92 for an unknown identifier. */
  pubrec(packetIdentifier: number, reasonCode: number): void {
    const { outcome, entry } = this.outbound.pubrec(packetIdentifier, reasonCode)
    if (outcome === 'unknown') {
      if (reasonCode < firstFailure) this.session.connection?.sendPubrel(packetIdentifier, 0x92)
    } else if (entry !== undefined && outcome === 'release') {
      if (typeof entry.message === 'number')
        this.session.connection?.sendPubrel(packetIdentifier, 0)
      else this.#release(entry.message)
    } else if (entry !== undefined) {
      this.#refusedByClient(entry.message)
      this.#finish(entry.message)
      this.pump()
    }
  }

  /** Sends PUBREL. If it left before it was stored, a crash would send the PUBLISH once more. */
  #release(entry: QueueEntry): void {
    const { clientIdentifier, connection } = this.session
    const { position, packetIdentifier } = entry
    if (!this.session.isStored || entry.state === 'released') {
      entry.state = 'released'
      connection?.sendPubrel(packetIdentifier, 0)
      return
    }
    const { journal } = this.context
    journal.add({ kind: 'released', clientIdentifier, position }, this.#levelOf(entry))
    journal.whenCommitted((error) => {
      // Without room for it the client has to come back: the Session is then resumed from here.
      if (error !== undefined) return this.session.connection?.disconnect(0x97, 'store failed')
      entry.state = 'released'
      if (this.session.connection === connection) connection?.sendPubrel(packetIdentifier, 0)
    })
  }

  pubcomp(packetIdentifier: number): void {
    const finished = this.outbound.pubcomp(packetIdentifier)
    if (finished === undefined) return
    this.#finish(finished.message)
    this.pump()
  }

  /** Its exchange is over. */
  #finish(sent: Sent): void {
    this.context.statistics.inFlight--
    if (typeof sent !== 'number') this.#done(sent)
  }

  #done(entry: QueueEntry): void {
    if (!this.session.isStored || entry.qos === 0) return
    const { clientIdentifier } = this.session
    this.context.journal.add({ kind: 'done', clientIdentifier, position: entry.position }, 'memory')
  }

  #levelOf(entry: QueueEntry): DurabilityLevel {
    return this.context.durability.ofMessage(entry.message.topicName, this.session.level)
  }
}
