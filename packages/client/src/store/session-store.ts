import type { PublishProperties, QoS } from '@busbar/protocol'

/** An outgoing message that waits, or that the server has not acknowledged to its end. */
export interface StoredMessage {
  /** Rises from message to message: the order in which they are sent. Never used again. */
  readonly sequence: number
  /** Its Topic Name. */
  readonly topicName: string
  /** What it says. */
  readonly payload: Uint8Array
  /** 0 only where it came through `enqueue`. */
  readonly qos: QoS
  /** Whether the server is to keep it. */
  readonly retain: boolean
  /** What goes with it (5.0). */
  readonly properties: PublishProperties
  /** When it expires, in milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined
  /** waiting: not sent. published: PUBLISH was or will be sent. released: PUBREC has arrived. */
  readonly state: 'waiting' | 'published' | 'released'
  /** 0 while it waits. */
  readonly packetIdentifier: number
}

/** One change of what survives the process. */
export type StoreChange =
  | { readonly type: 'append'; readonly message: StoredMessage }
  | {
      readonly type: 'update'
      readonly sequence: number
      readonly state: StoredMessage['state']
      readonly packetIdentifier: number
    }
  | { readonly type: 'remove'; readonly sequence: number }
  /** An incoming QoS 2 message is the application's: its PUBLISH is not to be delivered again. */
  | { readonly type: 'hold'; readonly packetIdentifier: number }
  /** PUBREL has come for it. */
  | { readonly type: 'free'; readonly packetIdentifier: number }
  /** All held identifiers go: the server has no Session any more. */
  | { readonly type: 'free-all' }

/** What a store knows when it is opened. */
export interface StoredSession {
  /** In the order of `sequence`. */
  readonly messages: readonly StoredMessage[]
  /** Packet Identifiers of incoming QoS 2 messages between PUBREC and PUBREL. */
  readonly held: readonly number[]
}

/**
 * What of a Session survives the process. A store belongs to one client at a time. It is bounded by
 * the client's outbox, which never holds more than its limits.
 */
export interface SessionStore extends AsyncDisposable {
  /** Everything that was committed. Called once, before anything else. */
  load(): Promise<StoredSession>
  /**
   * Makes the changes last, all or none, in their order; resolves when they would survive what the
   * store promises to survive. The next call may come before this one has resolved. After a
   * rejection the store takes nothing more. Changes of what is not there are ignored.
   */
  commit(changes: readonly StoreChange[]): Promise<void>
}
