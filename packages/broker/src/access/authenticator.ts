import type { ProtocolVersion } from '@busbar/protocol'

/** Who knocks, before anything is known about them. */
export interface Credentials {
  readonly clientIdentifier: string
  readonly username: string | undefined
  readonly password: Uint8Array | undefined
  readonly protocolVersion: ProtocolVersion
  /** The peer's address, for logs. */
  readonly address: string
}

export type Authentication =
  | { readonly outcome: 'accepted'; readonly user: string | undefined }
  | { readonly outcome: 'refused'; readonly reasonCode: number; readonly reason: string }

/** Decides about user name and password. */
export interface Authenticator {
  authenticate(credentials: Credentials): Authentication | Promise<Authentication>
}

export type ExchangeStep =
  /** AUTH 0x18 with these data; the client answers with the next ones. */
  | { readonly outcome: 'continue'; readonly data: Uint8Array }
  /** CONNACK 0, or AUTH 0 after a re-authentication, with these data. */
  | {
      readonly outcome: 'accepted'
      readonly user: string | undefined
      readonly data: Uint8Array | undefined
    }
  | { readonly outcome: 'refused'; readonly reasonCode: number; readonly reason: string }

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
