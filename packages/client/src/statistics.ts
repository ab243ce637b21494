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

/** What is counted for a Session as it happens. */
export class Counts {
  outboxMessages = 0
  outboxBytes = 0
  acknowledged = 0
  dropped = 0
  requeued = 0
  received = 0
  unclaimed = 0
  reconnects = 0
}

export function statisticsOf({ session, attempt }: Connector): ClientStatistics {
  const { counts, publisher, unanswered } = session
  let inflight = 0
  for (const exchange of unanswered.values()) if (exchange instanceof OutgoingMessage) inflight++
  const waitingCalls = publisher.callers.size
  return { ...counts, inflight, waitingCalls, rttMs: attempt?.connection?.keepAlive?.rttMs }
}
