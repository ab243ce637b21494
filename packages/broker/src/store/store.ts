import type { QoS, SubscriptionOptions, WillProperties } from '@busbar/protocol'
import type { Message } from '../message.ts'
import type { PlainRecord } from '../packed-messages.ts'

/** How much must have happened before an acknowledgement leaves. */
export type DurabilityLevel = 'memory' | 'os' | 'disk'

/** A point in time that survives a restart and a clock that jumps. */
export interface StoredDeadline {
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** What was left when it was written: more is never left later. */
  readonly remainingMs: number
}

export interface StoredWill {
  readonly topicName: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: WillProperties
  /** When the delay ends; undefined while the Network Connection is open. */
  readonly due: StoredDeadline | undefined
}

export interface StoredSession {
  readonly clientIdentifier: string
  /** The authenticated user to whom the Session belongs; undefined for an anonymous one. */
  readonly owner: string | undefined
  readonly protocolVersion: 3 | 4 | 5
  /** Seconds; Infinity never expires. */
  readonly sessionExpiryInterval: number
  /** When the Session ends; undefined while connected or when it never does. */
  readonly ends: StoredDeadline | undefined
  readonly will: StoredWill | undefined
}

export interface StoredSubscription {
  /** The filter as subscribed, `$share/…` included: the key within the Session. */
  readonly text: string
  readonly options: SubscriptionOptions
  readonly subscriptionIdentifier: number | undefined
  /** It has not been sent all that is retained, and is sent it anew after a restart. */
  readonly awaitsRetained?: true
}

/** One message on its way to one Session. */
export interface QueueEntry {
  /** Increases with each entry of the broker: the order of delivery. */
  readonly position: number
  /** To be read before the end of the entry is committed. */
  readonly message: Message
  /** Where the message is, if it can be sent without being read. */
  readonly record?: PlainRecord | undefined
  /** What it counts for in limits; there only where a record is. */
  readonly plainBytes?: number | undefined
  /** The lower of the published and the granted QoS. */
  readonly qos: QoS
  /** The RETAIN flag to send. */
  readonly retain: boolean
  readonly subscriptionIdentifiers: readonly number[]
  /** The Shared Subscription (`$share/…`) that chose this Session, if one did. */
  readonly sharedFilter: string | undefined
  /** 0 until the PUBLISH has been given one. */
  packetIdentifier: number
  /** `released`: PUBREC has arrived, only PUBREL may be sent from now on. */
  state: 'queued' | 'sent' | 'released'
}

/** One step of a batch. All steps of a batch become durable together, or none. */
export type Change =
  | { readonly kind: 'session'; readonly session: StoredSession }
  /** The Session and everything that belongs to it: subscriptions, queue, identifiers. */
  | { readonly kind: 'session-end'; readonly clientIdentifier: string }
  | {
      readonly kind: 'subscription'
      readonly clientIdentifier: string
      readonly subscription: StoredSubscription
    }
  | {
      readonly kind: 'subscription-end'
      readonly clientIdentifier: string
      readonly text: string
    }
  | { readonly kind: 'retained'; readonly message: Message }
  | { readonly kind: 'retained-end'; readonly topicName: string }
  /** A new entry; one message may be in many queues and is kept once. */
  | { readonly kind: 'queued'; readonly clientIdentifier: string; readonly entry: QueueEntry }
  | {
      readonly kind: 'sent'
      readonly clientIdentifier: string
      readonly position: number
      readonly packetIdentifier: number
    }
  | { readonly kind: 'released'; readonly clientIdentifier: string; readonly position: number }
  /** Acknowledged, expired or dropped: the entry is gone. */
  | { readonly kind: 'done'; readonly clientIdentifier: string; readonly position: number }
  /** A QoS 2 Packet Identifier that the client used and has not released. */
  | {
      readonly kind: 'received'
      readonly clientIdentifier: string
      readonly packetIdentifier: number
    }
  | {
      readonly kind: 'forgotten'
      readonly clientIdentifier: string
      readonly packetIdentifier: number
    }

/** One Session as the start-up scan finds it. */
export interface RecoveredSession {
  readonly session: StoredSession
  readonly subscriptions: readonly StoredSubscription[]
  /**
   * Entries whose state is `sent` or `released`, and those that wait in front of one of them: that
   * they were sent, too, could not be stored. By position.
   */
  readonly inFlight: readonly QueueEntry[]
  /** Entries that wait behind all of those; read them with `readQueue`. */
  readonly queuedCount: number
  readonly queuedBytes: number
  /** QoS 2 Packet Identifiers received and not released. */
  readonly received: readonly number[]
}

export interface Recovered {
  readonly sessions: readonly RecoveredSession[]
  readonly retained: readonly Message[]
  /** The highest position in use, 0 when there is none. */
  readonly lastPosition: number
}

/**
 * The only door to what outlives the Network Connections, and with a durable engine the process.
 * Every engine passes `storeContract`.
 */
export interface Store extends AsyncDisposable {
  /** The strictest level that this engine can keep. */
  readonly level: DurabilityLevel
  /** It need not be told of retained messages: those that the broker holds are all there are. */
  readonly ignoresRetained?: boolean
  /** Reads everything but the waiting messages; called once, before anything else. */
  open(): Promise<Recovered>
  /**
   * Applies a batch atomically and calls `committed` when it is as durable as `level` asks, with an
   * error when it is not and never will be. Batches are applied, and `committed` called, in the
   * order of the calls; the call may come before `commit` returns.
   */
  commit(
    changes: readonly Change[],
    level: DurabilityLevel,
    committed: (error?: Error) => void,
  ): void
  /**
   * Hands over at most `limit` entries of state `queued` behind `afterPosition`, by position, with
   * every entry that was committed before the call. Those that were sent or done meanwhile may be among
   * them: whoever reads on from the last one meets none of these. May call back before it returns.
   */
  readQueue(
    clientIdentifier: string,
    afterPosition: number,
    limit: number,
    page: (entries: readonly QueueEntry[], error?: Error) => void,
  ): void
  /**
   * Has it call back when it fails for good, also with no batch under way. Not there when it cannot
   * fail by itself.
   */
  whenFailed?(failed: (error: Error) => void): void
  /**
   * Writes a complete copy of what is stored to a file, with every batch that was committed before
   * the call; batches go on meanwhile. Not there when the engine has no file. Rejects with a
   * BackupError.
   */
  backup?(file: string, overwrite: boolean): Promise<void>
}
