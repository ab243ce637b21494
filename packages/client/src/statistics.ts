/** Counted since the client was made. */
export interface ClientStatistics {
  /** QoS 1 and 2 that were sent and are not acknowledged. */
  readonly inflight: number
  /** Messages that wait or are unacknowledged, and their bytes. */
  readonly outboxMessages: number
  readonly outboxBytes: number
  /** Calls that wait for room in the outbox. */
  readonly waitingCalls: number
  readonly acknowledged: number
  /** From the outbox, by `whenFull` or `qos0WhileOffline`. */
  readonly dropped: number
  /** Sent anew because the server had lost the Session. */
  readonly requeued: number
  readonly received: number
  /** Received for no subscription, or for one that has ended. */
  readonly unclaimed: number
  readonly reconnects: number
  /** From the last PINGREQ to its answer. */
  readonly rttMs: number | undefined
}
