import type { ConnectProperties, QoS, UserProperty, WillProperties } from '@busbar/protocol'
import type { Clock } from './clock.ts'
import type { SessionStore } from './store/session-store.ts'
import type { TraceContext } from './trace-context.ts'
import type { OpenTransport, TlsOptions } from './transport/transport.ts'

/** Text is sent as UTF-8. Bytes must not be changed until the message is settled. */
export type Payload = string | Uint8Array

/** How a client connects, and stays connected. */
export interface ClientOptions {
  /** Left out, the server assigns one in 5.0; in 3.1.1 a random one is made up. */
  readonly clientId?: string
  /** Default `auto`: 5.0, and 3.1.1 where the server knows no 5.0. */
  readonly version?: 'auto' | 5 | 4
  /** Whether the server keeps what is unfinished, and where it is kept here. */
  readonly session?: SessionOptions
  /**
   * What to log in with, asked anew for every attempt; default: the name and the password in the URL,
   * if it has any.
   */
  readonly credentials?: Credentials | ((attempt: CredentialsAttempt) => Promise<Credentials>)
  /** Enhanced authentication (5.0), such as `scramSha256()`. */
  readonly authentication?: Authentication
  /** The message that the server publishes when the client is lost without DISCONNECT. */
  readonly will?: WillOptions
  /** In seconds, 0 for none; default 60. The server may set another (5.0). */
  readonly keepAlive?: number
  /** How to come back; false stops the client when its connection ends. */
  readonly reconnect?: ReconnectOptions | false
  /** How much may wait, and what happens to what is too much. */
  readonly outbox?: OutboxOptions
  /** QoS 1 and 2 messages that the server may send without acknowledgement; default 64. */
  readonly receiveMaximum?: number
  /**
   * QoS 1 and 2 messages that we send without acknowledgement, where the server allows more; default
   * 65,535 in 5.0 and 20 in 3.1.1, whose servers cannot say what they allow.
   */
  readonly sendMaximum?: number
  /** Largest packet we take, in bytes; default 1 MiB. Larger ones end the connection. */
  readonly maximumPacketSize?: number
  /** How many Topic Aliases to use at most, each way; default 32, 0 for none. */
  readonly topicAliasMaximum?: number
  /** Names and values that go with CONNECT (5.0). */
  readonly userProperties?: readonly UserProperty[]
  /** How long one attempt may take until CONNACK; default 30,000. */
  readonly connectTimeoutMs?: number
  /** How long `connect()` tries before it rejects; default: as long as its signal lets it. */
  readonly deadlineMs?: number
  /** What to do with a redirect (0x9C, 0x9D); default: stop. Returns the URL to go to. */
  readonly onRedirect?: (redirect: Redirect) => string | undefined
  /**
   * Asked for each message that is published (5.0): the trace it belongs to, which goes with it as the
   * User Properties `traceparent` and `tracestate`. `traceContextOf()` reads them.
   */
  readonly traceContext?: () => Partial<TraceContext> | undefined
  /** Ends the client when it is aborted. */
  readonly signal?: AbortSignal
  /** For `mqtts:` and `wss:` in Node; a browser has its own. */
  readonly tls?: TlsOptions
  /** Instead of the platform's transports. */
  readonly transport?: OpenTransport
  /** Time and timers, which a test replaces; default `systemClock`. */
  readonly clock?: Clock
  /** From 0 up to 1, as `Math.random`. */
  readonly random?: () => number
}

/** What outlives a connection. */
export interface SessionOptions {
  /**
   * How long the server keeps the Session after the connection is lost; default 300. With 0 there is
   * none to resume (Clean Session in 3.1.1).
   */
  readonly expirySeconds?: number
  /** Starts with a new Session, whatever the server has kept. */
  readonly cleanStart?: boolean
  /** Where unfinished messages are kept; left out, they live as long as the client. */
  readonly store?: SessionStore
  /** When the server has lost the Session, sends what was unacknowledged anew; default true. */
  readonly requeueWhenLost?: boolean
}

/** What a client logs in with. */
export interface Credentials {
  /** The User Name. */
  readonly username?: string
  /** The Password; text is sent as UTF-8. */
  readonly password?: Payload
}

/** The attempt that credentials are asked for. */
export interface CredentialsAttempt {
  /** From 1, and again from 1 after a success. */
  readonly attempt: number
  /** Aborted when the attempt is over, whatever has ended it. */
  readonly signal: AbortSignal
}

/** An Authentication Method of enhanced authentication, seen from the client. */
export interface Authentication {
  /** The Authentication Method, as the server knows it. */
  readonly method: string
  /** Begins an exchange: for CONNECT, or to authenticate again. */
  start(): AuthenticationExchange
}

/** One authentication, from its first data to its end. */
export interface AuthenticationExchange {
  /** What goes with CONNECT, or with the AUTH that begins it again; undefined for nothing. */
  first(): Promise<Uint8Array | undefined>
  /** The answer to an AUTH with Continue authentication. */
  next(data: Uint8Array | undefined): Promise<Uint8Array | undefined>
  /** Throws when what came with success does not prove that the server knows us. */
  finish(data: Uint8Array | undefined): Promise<void>
}

/** The Will: what the server publishes for a client that is lost. */
export interface WillOptions {
  /** Its Topic Name. */
  readonly topic: string
  /** What it says. */
  readonly payload: Payload
  /** Default 0. */
  readonly qos?: QoS
  /** Whether the server keeps it for later subscribers; default false. */
  readonly retain?: boolean
  /** 5.0 only, with the delay that a client has to come back in. */
  readonly properties?: WillProperties
}

/** When to try again. */
export interface ReconnectOptions {
  /** The longest first delay; default 250. */
  readonly minMs?: number
  /** The longest delay; default 30,000. */
  readonly maxMs?: number
  /** full: anything from 0 to the delay, so that a crowd spreads. Default full. */
  readonly jitter?: 'full' | 'none'
  /** How long a connection must last for the delays to begin anew; default 10,000. */
  readonly resetAfterMs?: number
  /** How long to go without a connection before the client stops; default Infinity. */
  readonly giveUpAfterMs?: number
  /** Whether to go on after a Reason Code that stops the client otherwise. */
  readonly retryOn?: (reasonCode: number) => boolean
}

/** The bounds of the outbox, where messages wait until they are acknowledged. */
export interface OutboxOptions {
  /** Messages that wait or are unacknowledged; default 10,000. */
  readonly maxMessages?: number
  /** Their topics and payloads; default 64,000,000. */
  readonly maxBytes?: number
  /** Default wait. */
  readonly whenFull?: 'wait' | 'reject' | 'drop-oldest'
  /** Default reject. */
  readonly qos0WhileOffline?: 'reject' | 'keep' | 'drop'
}

/** Where the server wants us to go instead. */
export interface Redirect {
  /** 0x9C, use another server for now, or 0x9D, the server has moved. */
  readonly reasonCode: number
  /** Where to, in the words of the server. */
  readonly serverReference: string | undefined
}

/** The limits that hold on this Network Connection, after both ends have spoken. */
export interface Negotiated {
  /** 5 is 5.0, and 4 is 3.1.1. */
  readonly version: 5 | 4
  /** The Client Identifier, which the server may have assigned. */
  readonly clientId: string
  /** Whether the server went on with a Session. */
  readonly sessionPresent: boolean
  /** How long the server keeps the Session after the connection. */
  readonly sessionExpirySeconds: number
  /** In seconds, 0 for none. */
  readonly keepAlive: number
  /** How many QoS 1 and 2 messages may be unacknowledged: what the server allows, or less. */
  readonly receiveMaximum: number
  /** The largest packet that the server takes, in bytes. */
  readonly maximumPacketSize: number
  /** The highest QoS that may be published. */
  readonly maximumQoS: QoS
  /** Whether retained messages may be published. */
  readonly retainAvailable: boolean
  /** How many Topic Aliases the server keeps. */
  readonly topicAliasMaximum: number
  /** Whether Topic Filters may have wildcards. */
  readonly wildcardSubscriptions: boolean
  /** Whether messages say which subscription they are for. */
  readonly subscriptionIdentifiers: boolean
  /** Whether there are Shared Subscriptions; true also where nobody knows (3.1.1). */
  readonly sharedSubscriptions: boolean
  /** What Response Topics should begin with, where the server says so. */
  readonly responseInformation: string | undefined
  /** Names and values that came with CONNACK. */
  readonly userProperties: NonNullable<ConnectProperties['userProperties']>
}
