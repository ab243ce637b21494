import type { ProtocolVersion } from '@busbar/protocol'

/** The certificate of a peer, verified by the listener. */
export interface PeerCertificate {
  /** The Common Names of its subject, as they are: nothing has looked for control characters. */
  readonly commonNames: readonly string[]
  /** Its DNS names, e-mail addresses and URIs. */
  readonly alternativeNames: readonly string[]
  /** SHA-256 of the certificate in hexadecimal digits with colons, for logs. */
  readonly fingerprint: string
}

/** Who knocks, before anything is known about them. */
export interface Credentials {
  readonly clientIdentifier: string
  readonly username: string | undefined
  readonly password: Uint8Array | undefined
  readonly protocolVersion: ProtocolVersion
  /** The peer's address, for logs and limits. */
  readonly address: string
  /** Left out when the client has shown none. */
  readonly certificate?: PeerCertificate | undefined
}

/** Who the client turned out to be. */
export interface Identity {
  readonly user: string | undefined
  /** Groups that access rules may name; none when left out. */
  readonly groups?: readonly string[] | undefined
  /** Values for `%{name}` in access rules, such as the claims of a token; none when left out. */
  readonly variables?: ReadonlyMap<string, string> | undefined
  /** When the identity ends, in milliseconds since 1970; the connection is closed then. */
  readonly expiresAt?: number | undefined
  /** Called once, when the connection that was let in has ended. */
  readonly ended?: (() => void) | undefined
}

export interface Accepted extends Identity {
  readonly outcome: 'accepted'
}

export interface Refused {
  readonly outcome: 'refused'
  readonly reasonCode: number
  /** For the client and the log: it must not tell who exists. */
  readonly reason: string
}

/** Not a client of this authenticator: the next one is asked, and in the end nobody lets it in. */
export interface PassedOn {
  readonly outcome: 'passed-on'
}

export type Authentication = Accepted | Refused | PassedOn

/** What an authenticator may ask about while it works. */
export interface Attempt {
  /** Nobody waits for the answer any more, so that a costly verification can be left out. */
  readonly isOver: boolean
}

/** Decides about user name and password, or passes on. */
export interface Authenticator {
  authenticate(credentials: Credentials, attempt: Attempt): Authentication | Promise<Authentication>
}

/** Slows down who guesses passwords, also those that somebody else checks. */
export interface Guarding {
  guarded(link: Authenticator): Authenticator
}

export type ExchangeStep =
  /** AUTH 0x18 with these data; the client answers with the next ones. */
  | { readonly outcome: 'continue'; readonly data: Uint8Array }
  /** CONNACK 0, or AUTH 0 after a re-authentication, with these data. */
  | (Accepted & { readonly data: Uint8Array | undefined })
  | Refused

/** One run of an Authentication Method (section 4.12), from the server's side. */
export interface Exchange {
  /** Takes the client's next Authentication Data, those of CONNECT or AUTH 0x19 first. */
  next(data: Uint8Array | undefined): ExchangeStep | Promise<ExchangeStep>
}

/** An Authentication Method, such as SCRAM-SHA-256. */
export interface AuthenticationMethod {
  /** The name in the Authentication Method property. */
  readonly name: string
  start(credentials: Credentials): Exchange
}
