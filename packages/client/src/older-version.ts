import { noProperties, ReasonCode } from '@busbar/protocol'
import type { Attempt } from './attempt.ts'
import { isLink, type Target } from './destination.ts'
import { ClientError } from './errors.ts'
import type { ClientOptions, Credentials } from './options.ts'

/** Table 3.1 of 3.1.1 in the words of 5.0. */
const reasonCodes: readonly number[] = [
  ReasonCode.Success,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.ServerUnavailable,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
]

/** What it is told of the client that it belongs to. */
export interface OlderVersionOwner {
  readonly options: ClientOptions
  /** Whether there was a connection that had a Session. */
  readonly hadSession: boolean
  readonly target: Target
  /** Whether what the server has of an earlier program is not wanted. */
  readonly beginsAnew: boolean
}

/** What connections with MQTT 3.1.1 need beside what those with 5.0 have. */
export class OlderVersion {
  readonly #owner: OlderVersionOwner
  /** What an earlier program has left at the server, as far as that is to go. */
  #leftover: 'unknown' | 'present' | 'ended' = 'unknown'

  constructor(owner: OlderVersionOwner) {
    this.#owner = owner
  }

  /** A name of our own: servers give none away, and we come back by ours. */
  clientId(): string {
    const { random = Math.random } = this.#owner.options
    const parts = [0, 0].map(() => Math.floor(random() * 2 ** 32).toString(36))
    return `busbar-${parts.join('')}`.slice(0, 23)
  }

  /** Clean Session is about the end as well, and without an expiry the rest is for ever. */
  cleanSession(): boolean {
    const { options, hadSession, target, beginsAnew } = this.#owner
    if ((options.session?.expirySeconds ?? 0) === 0) return true
    if (hadSession) return false
    return isLink(target) ? beginsAnew : this.#leftover === 'present'
  }

  /**
   * Whether a connection that was accepted is the one; else the next one follows. Clean Session 1 would keep nothing of the new
   * Session either, so what is left of an old one is ended by a connection of its own, as section
   * 3.2.2.2 has it.
   */
  goesOn(attempt: Attempt, sessionPresent: boolean): boolean {
    const { hadSession, beginsAnew } = this.#owner
    const before = this.#leftover
    if (hadSession || !beginsAnew || before === 'ended') return true
    if (before === 'unknown' && !sessionPresent) return true
    this.#leftover = before === 'unknown' ? 'present' : 'ended'
    attempt.end(undefined, { type: 'disconnect', reasonCode: 0, properties: noProperties })
    return false
  }

  reasonCodeOf(returnCode: number): number {
    return reasonCodes[returnCode] ?? ReasonCode.UnspecifiedError
  }

  /** Throws a ClientError for what 3.1.1 cannot say. */
  checkCredentials({ username, password }: Credentials): void {
    if (username !== undefined || password === undefined) return
    const text = '3.1.1 has no password without a user name' // [MQTT3-3.1.2-22]
    throw new ClientError('invalid-argument', text)
  }
}
