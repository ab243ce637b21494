import type { ConnectedPeer, SubscribeOptions } from './connected-peer.ts'
import type { Text, Version } from './data-types.ts'
import type { ConnectFields } from './packets.ts'
import type { ProfileName } from './profiles.ts'
import type { RawPeer, RejectOptions } from './raw-peer.ts'
import type { Received } from './received.ts'
import type { UpgradeOptions, WebSocketWire } from './websocket.ts'

/** One test of statements of the standards, run against a Server over raw connections. */
export interface Case {
  /** `file/slug`, as in `connect/second-connect`. */
  readonly id: string
  /** What the Server does, in the present tense. */
  readonly title: string
  /**
   * Ids of either standard. A run under version 5 counts for MQTT5- and U5- ids, one under 4 for
   * MQTT3- ids, one under 3 for none.
   */
  readonly statements: readonly string[]
  readonly versions: readonly Version[]
  /** The configuration that the Server needs; `default` unless said otherwise. */
  readonly profile?: ProfileName
  /** Runs alone, after all others: for cases that others would disturb, or that disturb others. */
  readonly serial?: true
  /** 30 s unless said otherwise. */
  readonly timeoutMs?: number
  /** Throws when the Server does not do what the statements ask. */
  run(trial: Trial): Promise<void>
}

/** The fields of CONNECT that a case chooses; the rest is ordinary, the Client Identifier fresh. */
export type ConnectOptions = Partial<ConnectFields>

/**
 * One run of a case under one version. All that it opens is closed when the case ends, and the
 * Sessions and retained messages of its peers are removed.
 */
export interface Trial {
  readonly version: Version
  readonly url: URL
  /**
   * A Client Identifier that no other run uses, of at most 23 of 0-9 a-z A-Z. The same name gives
   * the same one; without a name it is new each time.
   */
  id(name?: string): string
  /** A topic, or with `#` and `+` a filter, under a prefix that no other run uses. */
  topic(rest?: string): string
  /** A connection on which nothing has been sent. */
  open(options?: { readonly version?: Version }): Promise<RawPeer>
  /** A connection to the WebSocket listener, after the upgrade or its refusal. */
  openWebSocket(options?: UpgradeOptions): Promise<WebSocketWire>
  /** The peer that speaks MQTT over a WebSocket. */
  over(wire: WebSocketWire): RawPeer
  /** A connection whose CONNECT was accepted. */
  connect(options?: ConnectOptions): Promise<ConnectedPeer>
  /** A CONNECT that must be refused: `RawPeer.rejects` after sending it. */
  refused(
    options: ConnectOptions,
    reasonCodes: readonly number[],
    rejectOptions?: RejectOptions,
  ): Promise<Received | undefined>
  /** The bytes of a CONNECT as `connect` would send them. */
  connectBytes(options?: ConnectOptions): Uint8Array
  /** A connection with one subscription, to `topic()` at QoS 2 by default. */
  subscriber(
    filter?: Text,
    options?: SubscribeOptions & { readonly connect?: ConnectOptions },
  ): Promise<ConnectedPeer>
  /** A publisher and a subscriber to `topic`, which is `topic()` by default. */
  pair(options?: SubscribeOptions & { readonly topic?: string }): Promise<Pair>
  /** A client with a Will of the payload `will` on a topic of its own, and a subscriber to it. */
  withWill(options?: ConnectOptions): Promise<{
    readonly client: ConnectedPeer
    readonly watcher: ConnectedPeer
  }>
  /** Does the same with every row at once; a failure is told with the row's name. */
  each<Row>(
    rows: Readonly<Record<string, Row>>,
    check: (row: Row, name: string) => Promise<void>,
  ): Promise<void>
  /** Waits. */
  delay(ms: number): Promise<void>
  /** Fails the case. */
  fail(message: string): never
  /** Fails the case with this message unless the condition holds. */
  check(condition: boolean, message: string): void
  /** Ends the case as `not run`: the broker lacks an optional feature. */
  skip(reason: string): never
}

export interface Pair {
  readonly publisher: ConnectedPeer
  readonly subscriber: ConnectedPeer
  readonly topic: string
}

/** The cases of one topic of the standards. */
export interface Suite {
  readonly name: string
  readonly cases: readonly Case[]
}

/** Declares the cases of one file; the id of each begins with its name. */
export function suite(name: string, cases: readonly Case[]): Suite {
  for (const { id } of cases) {
    if (!id.startsWith(`${name}/`)) throw new Error(`the case ${id} is not of the suite ${name}`)
  }
  return { name, cases }
}
