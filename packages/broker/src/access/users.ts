import { ReasonCode } from '@busbar/protocol'
import type { AttemptGuard } from './attempt-guard.ts'
import type {
  Attempt,
  Authentication,
  AuthenticationMethod,
  Authenticator,
  Credentials,
  Exchange,
  ExchangeStep,
  PassedOn,
  Refused,
} from './authenticator.ts'
import { type Password, readPassword, scramVerifier, type Verifier } from './password-verifier.ts'
import { preparedName } from './sasl-prep.ts'
import { createScram, type ScramCredentials, type ScramShape, usualScramShape } from './scram.ts'
import { Turns } from './turns.ts'
import { VerificationCache } from './verification-cache.ts'

/** A user with what is kept of the password. An unchanged user stays the same object. */
export interface User {
  /** As `preparedName` gives it. */
  readonly name: string
  readonly groups: readonly string[]
  readonly verifier: Verifier
  /** None when SCRAM-SHA-256 is not offered to this user. */
  readonly scram: ScramCredentials | undefined
}

export interface UsersOptions {
  readonly guard: AttemptGuard
  readonly random: { bytes(count: number): Uint8Array }
  readonly now: () => number
  /** What is done with unknown users: others may know them, or nobody does. */
  readonly whenUnknown: 'pass-on' | 'refuse'
  /** Verifications that may wait for the two that run; from then on the server is busy. */
  readonly maximumWaiting: number
  /** How long a right password is remembered after its last client has left. */
  readonly cacheMs: number
}

// A verification takes a thread of the pool that files and DNS need too, and it has four.
const maximumRunning = 2

const wrong: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.BadUserNameOrPassword,
  reason: 'wrong user name or password',
}

const busy: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerBusy,
  reason: 'too many passwords wait to be verified',
}

/** In the words of SCRAM, for whom it was right a moment ago. */
const replaced: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.NotAuthorized,
  reason: 'SCRAM-SHA-256: wrong user name or password',
}

const passedOn: PassedOn = { outcome: 'passed-on' }

/** Keys that no password has: what is verified for a user who does not exist. */
const nobodysKeys: ScramCredentials = {
  salt: new Uint8Array(16),
  iterations: usualScramShape.iterations,
  storedKey: new Uint8Array(32),
  serverKey: new Uint8Array(32),
}

/** A verification that runs or waits, for all who ask for the same one. */
interface Pending {
  readonly known: User | undefined
  readonly attempts: Attempt[]
  readonly answer: Promise<Authentication>
}

/**
 * The users whose passwords we know something of, by both ways to log in. An accepted user is called
 * by the name that SASLprep gives, either way.
 */
export class Users implements Authenticator {
  readonly #options: UsersOptions
  readonly #turns: Turns
  readonly #cache: VerificationCache<User>
  readonly #pending = new Map<string, Pending>()
  #byName: ReadonlyMap<string, User> = new Map()
  /** As costly as the costliest of all, so that time does not tell who exists. */
  #nobody: Verifier = scramVerifier(nobodysKeys)
  #shape: ScramShape = usualScramShape

  constructor(users: readonly User[], options: UsersOptions) {
    this.#options = options
    this.#turns = new Turns(maximumRunning, options.maximumWaiting)
    this.#cache = new VerificationCache(options.random.bytes(32), options.cacheMs, options.now)
    this.replace(users)
  }

  /** Takes effect at once; what was verified of a user who has changed is forgotten. */
  replace(users: readonly User[]): void {
    this.#byName = new Map(users.map((user) => [user.name, user]))
    this.#cache.keepOnly((user) => this.#byName.get(user.name) === user)
    this.#nobody = users.reduce<Verifier>(
      (costliest, { verifier }) => (verifier.cost > costliest.cost ? verifier : costliest),
      scramVerifier(nobodysKeys),
    )
    const scram = users.find((user) => user.scram !== undefined)?.scram
    this.#shape =
      scram === undefined
        ? usualScramShape
        : { saltBytes: scram.salt.length, iterations: scram.iterations }
  }

  authenticate(
    credentials: Credentials,
    attempt: Attempt,
  ): Authentication | Promise<Authentication> {
    const { username, address } = credentials
    if (username === undefined) return passedOn
    const name = preparedName(username)
    const known = this.#byName.get(name)
    if (known === undefined && this.#options.whenUnknown === 'pass-on') return passedOn
    return this.#verifyFor(known, { name, address, password: credentials.password }, attempt)
  }

  /** Refuses in the time, and in the words, in which a wrong password is refused. */
  refuseUnknown(
    { username = '', address, password }: Credentials,
    attempt: Attempt,
  ): Authentication | Promise<Authentication> {
    const name = preparedName(username)
    return this.#verifyFor(undefined, { name, address, password }, attempt)
  }

  #verifyFor(known: User | undefined, given: Given, attempt: Attempt) {
    const { guard } = this.#options
    const { name, address } = given
    const refusal = guard.refusal(address, name)
    // Before the cache, which would otherwise answer guesses at any rate.
    if (refusal !== undefined) return refusal
    const password = readPassword(given.password)
    if (password === undefined) {
      guard.failed(address, name)
      return wrong
    }
    const digest = this.#cache.digest(name, password.bytes)
    if (known !== undefined && this.#cache.has(digest, known)) return this.#accept(known, digest)
    return this.#verifyOnce(known, { name, address, password, digest }, attempt)
  }

  /** Clients that share user and password wait for one verification. */
  #verifyOnce(known: User | undefined, given: Prepared, attempt: Attempt) {
    const key = `${given.digest} ${given.address.replace(/:\d+$/, '')}`
    const running = this.#pending.get(key)
    if (running !== undefined && running.known === known) {
      running.attempts.push(attempt)
      return running.answer.then((answer) => this.#again(answer, known, given))
    }
    const attempts = [attempt]
    const answer = this.#turns.take(() => this.#verify(known, given, attempts))
    if (answer === undefined) return busy
    this.#pending.set(key, { known, attempts, answer })
    const done = () => this.#pending.delete(key)
    answer.then(done, done)
    return answer
  }

  /** The answer for one more client, which holds what is remembered on its own. */
  #again(answer: Authentication, known: User | undefined, given: Prepared): Authentication {
    if (answer.outcome !== 'accepted' || known === undefined) return answer
    return this.#byName.get(given.name) === known ? this.#accept(known, given.digest) : wrong
  }

  async #verify(
    known: User | undefined,
    { name, address, password, digest }: Prepared,
    attempts: readonly Attempt[],
  ): Promise<Authentication> {
    const { guard } = this.#options
    if (attempts.every((attempt) => attempt.isOver)) return busy
    // Others may have failed, or succeeded, while this one waited.
    const refusal = guard.refusal(address, name)
    if (refusal !== undefined) return refusal
    if (known !== undefined && this.#cache.has(digest, known)) return this.#accept(known, digest)
    const isRight = await this.#isRight(known, password)
    // The user may have been changed or deleted meanwhile.
    if (!isRight || known === undefined || this.#byName.get(name) !== known) {
      guard.failed(address, name)
      return wrong
    }
    guard.succeeded(address, name)
    return this.#accept(known, digest)
  }

  async #isRight(known: User | undefined, password: Password): Promise<boolean> {
    const nobody = this.#nobody
    if (known === undefined || known.verifier.cost < nobody.cost) await nobody.verify(password)
    return known !== undefined && (await known.verifier.verify(password))
  }

  #accept(user: User, digest: string): Authentication {
    const { name, groups } = user
    return { outcome: 'accepted', user: name, groups, ended: this.#cache.hold(digest, user) }
  }

  /** SCRAM-SHA-256 with the same users. */
  method(): AuthenticationMethod {
    const { random } = this.#options
    const users = this
    // Read when a client comes: the users may be others by then.
    const shape: ScramShape = {
      get saltBytes() {
        return users.#shape.saltBytes
      },
      get iterations() {
        return users.#shape.iterations
      },
    }
    const scram = createScram((name) => users.#byName.get(name)?.scram, random, shape)
    const start = (credentials: Credentials): Exchange => {
      let tried: Tried | undefined
      const exchange = scram.start(credentials, (name) => {
        tried = { name, user: users.#byName.get(name) }
      })
      return {
        next: async (data) => {
          const step = await exchange.next(data)
          return tried === undefined ? step : users.#judge(step, tried, credentials)
        },
      }
    }
    return { name: scram.name, start }
  }

  #judge(step: ExchangeStep, { name, user }: Tried, { address }: Credentials): ExchangeStep {
    const { guard } = this.#options
    const refusal = guard.refusal(address, name)
    if (refusal !== undefined) return refusal
    if (step.outcome === 'refused') guard.failed(address, name)
    if (step.outcome !== 'accepted') return step
    // The user may have been changed or deleted between the messages.
    if (user === undefined || this.#byName.get(name) !== user) return replaced
    guard.succeeded(address, name)
    return { ...step, groups: user.groups }
  }
}

/** Who a client of SCRAM wants to be, as the user was when it said so. */
interface Tried {
  readonly name: string
  readonly user: User | undefined
}

interface Given {
  readonly name: string
  readonly address: string
  readonly password: Uint8Array | undefined
}

interface Prepared {
  readonly name: string
  readonly address: string
  readonly password: Password
  readonly digest: string
}
