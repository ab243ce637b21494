import { isDeepStrictEqual } from 'node:util'
import { ReasonCode } from '@busbar/protocol'
import type { Config } from '../config.ts'
import { ConfigError, type ConfigSource } from '../config-error.ts'
import { allowsAnonymous, passwordFileOf } from '../exposure.ts'
import { guarded } from './authentication-chain.ts'
import type {
  Attempt,
  Authentication,
  AuthenticationMethod,
  Authenticator,
  Credentials,
  ExchangeStep,
  Guarding,
  Refused,
} from './authenticator.ts'
import {
  type AuthenticationRim,
  type OpenAuthentication,
  openAuthentication,
} from './open-authentication.ts'

/** Not the client's fault: it may begin anew. */
const replaced: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerBusy,
  reason: 'what lets clients in has just changed',
}

export interface LiveRim
  extends Pick<AuthenticationRim, 'clock' | 'random' | 'log' | 'authenticators'> {
  /** Whoever embeds the broker lets nobody in without authentication. */
  readonly isGuarded: boolean
}

/** The authentication in force, which another configuration replaces as a whole. */
export class LiveAuthentication implements Authenticator, Guarding, Disposable {
  /** Always the same list, of what is in force. */
  readonly methods: AuthenticationMethod[]
  /** Called with the names of the users who are gone, or not what they were. */
  usersChanged: (names: ReadonlySet<string>) => void = () => {}
  readonly #rim: LiveRim
  #config: Config
  #passwordFile: string | undefined
  #open: OpenAuthentication

  private constructor(config: Config, rim: LiveRim, open: OpenAuthentication) {
    this.#rim = rim
    this.#config = config
    this.#passwordFile = passwordFileOf(config)
    this.#open = open
    this.methods = this.#methodsOf(open)
    this.#listen()
  }

  /** Reads the files that the configuration names. Throws `ConfigError`. */
  static async open(
    config: Config,
    rim: LiveRim,
    source?: ConfigSource,
  ): Promise<LiveAuthentication> {
    return new LiveAuthentication(config, rim, await openFor(config, rim, source))
  }

  authenticate(
    credentials: Credentials,
    attempt: Attempt,
  ): Authentication | Promise<Authentication> {
    const open = this.#open
    const answer = open.authenticator.authenticate(credentials, attempt)
    if (!(answer instanceof Promise)) return answer
    return answer.then((given) => {
      if (this.#open === open) return given
      // What let it in, or refused it, is not in force any more.
      if (given.outcome === 'accepted') given.ended?.()
      return this.authenticate(credentials, attempt)
    })
  }

  guarded(link: Authenticator): Authenticator {
    return {
      authenticate: (credentials, attempt) =>
        guarded(link, this.#open.guard).authenticate(credentials, attempt),
    }
  }

  /** An exchange that began before others were put in force does not end well after it. */
  #methodsOf(open: OpenAuthentication): AuthenticationMethod[] {
    const inForce = (step: ExchangeStep) => (this.#open === open ? step : replaced)
    return open.methods.map((method) => ({
      name: method.name,
      start: (credentials) => {
        const exchange = method.start(credentials)
        return { next: async (data) => inForce(await exchange.next(data)) }
      },
    }))
  }

  /** Prepares what another configuration asks for; the result puts it in force. Throws `ConfigError`. */
  async follow(config: Config): Promise<() => void> {
    this.#refuseOpening(config)
    const isSame =
      isDeepStrictEqual(config.auth, this.#config.auth) &&
      passwordFileOf(config) === this.#passwordFile
    // What is remembered of passwords, right and wrong, is kept where it can be.
    if (isSame && !hasOtherFiles(config)) return () => void this.#open.reload()
    const next = await openFor(config, this.#rim)
    return () => this.#replace(config, next)
  }

  /** A file that was moved away, or a section left out, does not let everybody in. */
  #refuseOpening(config: Config): void {
    const isOpen = (of: Config) => allowsAnonymous(of, this.#rim.isGuarded)
    const wasOpen = this.#passwordFile === undefined && isOpen(this.#config)
    if (wasOpen || !isOpen(config) || config.auth.allowAnonymous === true) return
    const file = this.#passwordFile
    const isGone = file !== undefined && passwordFileOf(config) === undefined
    const found = isGone
      ? `has no users any more: ${file} is gone`
      : 'has nothing to authenticate by'
    const text = `${found}; allowed is that with auth.allowAnonymous: true, or after a restart`
    throw new ConfigError([{ path: 'auth', text }])
  }

  #replace(config: Config, next: OpenAuthentication): void {
    const before = this.#open
    this.#open = next
    this.#config = config
    this.#passwordFile = passwordFileOf(config)
    this.methods.splice(0, this.methods.length, ...this.#methodsOf(next))
    this.#listen()
    before[Symbol.dispose]()
    const now = next.userRecords()
    const changed = [...before.userRecords()].filter(([name, record]) => now.get(name) !== record)
    this.usersChanged(new Set(changed.map(([name]) => name)))
  }

  #listen(): void {
    this.#open.usersChanged = (names) => this.usersChanged(names)
  }

  [Symbol.dispose](): void {
    this.#open[Symbol.dispose]()
  }
}

function openFor(
  config: Config,
  { isGuarded, ...rim }: LiveRim,
  source?: ConfigSource,
): Promise<OpenAuthentication> {
  const passwordFile = passwordFileOf(config)
  const allowAnonymous = allowsAnonymous(config, isGuarded)
  return openAuthentication({ ...rim, config, passwordFile, allowAnonymous, source })
}

/** Files in which something may be new although their names are not. */
function hasOtherFiles({ auth: { jwt, http } }: Config): boolean {
  return [jwt?.publicKeyFile, jwt?.secretFile, http?.authorizationFile].some(
    (file) => file !== undefined,
  )
}
