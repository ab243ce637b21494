import type { Connector } from './connector.ts'
import { OutgoingMessage } from './outgoing-message.ts'

/** Counted since the client was made. */
export interface ClientStatistics {
  /** QoS 1 and 2 that were sent and are not acknowledged. */
  readonly inflight: number
  /** Messages that wait or are unacknowledged. */
  readonly outboxMessages: number
  /** The bytes of their topics and payloads. */
  readonly outboxBytes: number
  /** Calls that wait for room in the outbox. */
  readonly waitingCalls: number
  /** Messages of QoS 1 and 2 whose exchange has ended, well or not. */
  readonly acknowledged: number
  /** From the outbox, by `whenFull` or `qos0WhileOffline`. */
  readonly dropped: number
  /** Sent anew because the server had lost the Session. */
  readonly requeued: number
  /** Messages that came for subscriptions, of any QoS. */
  readonly received: number
  /** Received for no subscription, or for one that has ended. */
  readonly unclaimed: number
  /** Connections after the first one. */
  readonly reconnects: number
  /** From the last PINGREQ to its answer. */
  readonly rttMs: number | undefined
}

export function statisticsOf({ session, reconnects, attempt }: Connector): ClientStatistics {
  const { publisher, receiver, unanswered } = session
  let inflight = 0
  for (const exchange of unanswered.values()) if (exchange instanceof OutgoingMessage) inflight++
  return {
    inflight,
    outboxMessages: publisher.count,
    outboxBytes: publisher.bytes,
    waitingCalls: publisher.callers.size,
    acknowledged: publisher.acknowledged,
    dropped: publisher.dropped,
    requeued: publisher.requeued,
    received: receiver.received,
    unclaimed: receiver.unclaimed,
    reconnects,
    rttMs: attempt?.connection?.keepAlive?.rttMs,
  }
}
