import type {
  ProtocolVersion,
  PublishProperties,
  QoS,
  SubscriptionOptions,
  SubscriptionRequest,
} from '@busbar/protocol'
import type { AccessAction, Subject } from '../access/access.ts'
import type { Accepted, Attempt, Credentials, Refused } from '../access/authenticator.ts'
import type { Loss } from '../losses.ts'
import type { Message } from '../message.ts'

/** An answer at once, or a promise of it; undefined passes on to the next hook. */
export type Maybe<Answer> = Answer | undefined | Promise<Answer | undefined>

/** An ordinary no. */
export interface Refusal {
  /** A Reason Code that CONNACK, PUBACK or SUBACK may carry: another one is a failure of the hook. */
  readonly refuse: number
  /** One sentence for the client and the log. */
  readonly reason?: string
}

/** What a client says of itself in CONNECT; nothing of it has been verified. */
export interface ConnectRequest {
  readonly clientIdentifier: string
  readonly username: string | undefined
  readonly protocolVersion: ProtocolVersion
  readonly cleanStart: boolean
  readonly address: string
}

export type ConnectChange = Partial<Pick<ConnectRequest, 'clientIdentifier' | 'username'>>

/** Who publishes. */
export interface Publisher {
  /** Empty for code in the process of the broker. */
  readonly clientIdentifier: string
  readonly user: string | undefined
  readonly origin: 'client' | 'will' | 'program'
}

/** A client, as far as it is known. */
export type HookClient = Pick<Subject, 'clientIdentifier' | 'user' | 'groups' | 'variables'>

/** What a hook may change of a message. */
export interface MessageChange {
  readonly topicName?: string
  readonly payload?: Uint8Array
  readonly qos?: QoS
  readonly retain?: boolean
  readonly properties?: PublishProperties
}

export interface AuthorizeQuestion {
  readonly client: HookClient
  readonly action: AccessAction
  /** A Topic Name; a Topic Filter for `subscribe`, without `$share/…`. */
  readonly topic: string
}

/**
 * Code of a program that takes part in what the broker does. Hooks are asked in their order; what one
 * has changed is what the next one sees, and the first refusal ends the matter. One that throws, or
 * takes too long, counts as a refusal where it decides.
 */
export interface Hook {
  /** For the log and `busbar status`. */
  readonly name: string
  /** Before anybody is authenticated. */
  connect?(request: ConnectRequest): Maybe<ConnectChange | Refusal>
  /** Before the authenticators of the configuration; not for enhanced authentication. */
  authenticate?(credentials: Credentials, attempt: Attempt): Maybe<Accepted | Refused>
  /** Before the rules, which are not asked when there is an answer. At once: every message asks. */
  authorize?(question: AuthorizeQuestion): boolean | undefined
  /** A message that may be published. `drop` acknowledges it and lets it go no further. */
  publish?(message: Message, from: Publisher): Maybe<MessageChange | Refusal | 'drop'>
  /** A message on its way to one client, before it is queued. At once. */
  deliver?(message: Message, to: HookClient): Omit<MessageChange, 'qos'> | 'drop' | undefined
  /** One Topic Filter of a SUBSCRIBE, before the rules are asked. */
  subscribe?(
    request: SubscriptionRequest,
    client: HookClient,
  ): Maybe<Partial<SubscriptionOptions> | Refusal>
  // events: nothing waits for them
  connected?(client: HookClient): void | Promise<void>
  disconnected?(client: HookClient): void | Promise<void>
  sessionBegan?(client: HookClient): void | Promise<void>
  sessionEnded?(client: HookClient): void | Promise<void>
  /** Something was dropped, expired or denied. */
  lost?(loss: Loss): void | Promise<void>
}

/** The places where hooks are called. */
export type HookPoint = Exclude<keyof Hook, 'name'>
