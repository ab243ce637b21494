import type { Context } from './context.ts'
import type { Delivery } from './delivery.ts'
import { publishByte } from './frames.ts'
import type { LossCause } from './losses.ts'
import type { Message } from './message.ts'
import type { RetainedBacklog } from './retained-backlog.ts'
import type { Session, SessionConnection } from './session.ts'
import { SessionQueue } from './session-queue.ts'
import type { QueueEntry } from './store/store.ts'

/** Delivers to one Session what is not acknowledged: what may leave leaves, the rest waits. */
export abstract class OnceSender {
  /** Made when something has to wait for the first time. */
  protected queueIfAny: SessionQueue | undefined
  /** Made when something retained has to wait outside the queue for the first time. */
  backlog: RetainedBacklog | undefined
  protected readonly context: Context
  protected readonly session: Session

  constructor(context: Context, session: Session) {
    this.context = context
    this.session = session
  }

  /** What waits for the client. */
  get queue(): SessionQueue {
    this.queueIfAny ??= new SessionQueue(this.context, this.session.clientIdentifier)
    return this.queueIfAny
  }

  /** Something retained waits behind all of the queue. */
  protected get hasBacklog(): boolean {
    return this.backlog?.isEmpty === false
  }

  /** A message of QoS 0 waits, and no later one may overtake it [MQTT5-4.6.0-5]. */
  get hasQueuedQoS0(): boolean {
    return this.queueIfAny?.hasQoS0 === true
  }

  /** A message of QoS 0 leaves at once: nothing waits that it would overtake. */
  protected leavesOnceNow(connection: SessionConnection): boolean {
    return !connection.isCongested && !this.hasQueuedQoS0
  }

  protected deliverOnce(delivery: Delivery): boolean {
    const { connection } = this.session
    if (connection === undefined && !this.context.config.mqtt.queueQoS0) {
      return this.lose(delivery.message, 'offline-qos-0')
    }
    if (connection === undefined || !this.leavesOnceNow(connection)) {
      if (this.queue.refuses(delivery.message, false)) return false
      return this.queue.appendQoS0(this.entryOf(delivery))
    }
    return (
      connection.sendPublish(delivery, 0, false) || this.lose(delivery.message, 'packet-too-large')
    )
  }

  /**
   * A retained message at QoS 0, without reading it, when everybody may receive everything; false
   * where it has to be read.
   */
  deliverPacked(number: number): boolean {
    const { connection } = this.session
    const { messages } = this.context
    if (connection === undefined) return false
    const record = messages.plain(number)
    if (record === undefined) return false
    if (!this.leavesOnceNow(connection)) {
      return this.queue.appendPacked(number, record, true)
    }
    return connection.sendPlain(record, publishByte(0, true, false), 0)
  }

  protected pumpQoS0(queue: SessionQueue, connection: SessionConnection): void {
    while (!connection.isCongested) {
      if (this.context.access.isOpen && queue.sendPlain(connection)) continue
      const entry = queue.takeQoS0()
      if (entry === undefined) return
      if (!this.isDue(entry)) continue
      if (!connection.sendPublish(entry, 0, false)) this.lose(entry.message, 'packet-too-large')
    }
  }

  /** A waiting message may have expired [MQTT5-3.3.2-5], or the right to it may be gone: then it is lost. */
  protected isDue(entry: QueueEntry): boolean {
    const { access, clock } = this.context
    // What is plain does not expire.
    if (access.isOpen && entry.plainBytes !== undefined) return true
    const { message } = entry
    if (message.expiresAt <= clock.now()) this.lose(message, 'expired')
    else if (!access.mayReceive(this.session, message.topicName))
      this.lose(message, 'not-authorized')
    else return true
    return false
  }

  protected entryOf(delivery: Delivery): QueueEntry {
    const { message, qos, retain, subscriptionIdentifiers, sharedFilter } = delivery
    return {
      position: this.context.nextPosition(),
      message,
      qos,
      retain,
      subscriptionIdentifiers,
      sharedFilter,
      packetIdentifier: 0,
      state: 'queued',
    }
  }

  protected lose(message: Message, cause: LossCause): false {
    this.context.losses.record(this.session.clientIdentifier, cause, message.payload.length)
    return false
  }
}
