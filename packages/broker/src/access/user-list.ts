import { ReasonCode } from '@busbar/protocol'
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'
import { saslPrep } from './sasl-prep.ts'
import {
  deriveScramCredentials,
  minimumScramIterations,
  type ScramCredentials,
  type ScramLookup,
  type ScramShape,
  sameBytes,
  usualScramShape,
} from './scram.ts'

export interface ListedUser {
  readonly name: string
  readonly scram: ScramCredentials
}

export interface UserListOptions {
  /** Whether a client without a user name is let in. */
  readonly allowAnonymous?: boolean
  /** Verifications that may wait for the two that run; from then on the server is busy. */
  readonly maximumWaiting?: number
}

export interface UserList {
  /** User name and password, in the clear. */
  readonly authenticator: Authenticator
  /** For `createScram`. */
  readonly lookup: ScramLookup
  /** Salt length and iterations of the first user, for those who are not in the list. */
  readonly shape: ScramShape
}

// PBKDF2 takes a thread of the pool that files and DNS need too, and it has four.
const maximumRunning = 2
/** No honest password comes near: the limit is on what a stranger can have normalised. */
const maximumPasswordBytes = 1_024
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Users with the SCRAM keys of their passwords, for both ways to log in. An accepted user is called
 * by the name that SASLprep gives, either way. Throws RangeError when two names are then the same,
 * and for keys that SCRAM-SHA-256 cannot have made.
 */
export function createUserList(
  users: readonly ListedUser[],
  { allowAnonymous = false, maximumWaiting = 1_000 }: UserListOptions = {},
): UserList {
  const byName = indexByName(users)
  const shape = shapeOf(users)
  const nobody: ScramCredentials = {
    salt: new Uint8Array(shape.saltBytes),
    iterations: shape.iterations,
    storedKey: new Uint8Array(32),
    serverKey: new Uint8Array(32),
  }
  const turns = new Turns(maximumWaiting)

  const authenticate = (credentials: Credentials): Authentication | Promise<Authentication> => {
    if (credentials.username === undefined) {
      return allowAnonymous ? { outcome: 'accepted', user: undefined } : anonymousRefused
    }
    const name = preparedName(credentials.username)
    const password = readPassword(credentials.password)
    if (password === undefined) return wrong
    const known = byName.get(name)
    // An unknown user costs the same, lest the time tell who exists.
    const verification = turns.take(() => verify(password, known ?? nobody))
    if (verification === undefined) return busy
    return verification.then((isRight) =>
      isRight && known !== undefined ? { outcome: 'accepted', user: name } : wrong,
    )
  }
  return { authenticator: { authenticate }, lookup: (user) => byName.get(user), shape }
}

const wrong: Authentication = {
  outcome: 'refused',
  reasonCode: ReasonCode.BadUserNameOrPassword,
  reason: 'wrong user name or password',
}

const anonymousRefused: Authentication = {
  outcome: 'refused',
  reasonCode: ReasonCode.NotAuthorized, // nothing was wrong, nothing was given: table 3-1
  reason: 'a user name is needed',
}

const busy: Authentication = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerBusy,
  reason: 'too many passwords wait to be verified',
}

function indexByName(users: readonly ListedUser[]): ReadonlyMap<string, ScramCredentials> {
  const byName = new Map<string, ScramCredentials>()
  for (const user of users) {
    const name = preparedName(user.name)
    if (byName.has(name)) throw new RangeError(`two users are called ${JSON.stringify(name)}`)
    checkCredentials(name, user.scram)
    byName.set(name, user.scram)
  }
  return byName
}

function checkCredentials(name: string, credentials: ScramCredentials): void {
  const { iterations, storedKey, serverKey } = credentials
  if (iterations < minimumScramIterations || storedKey.length !== 32 || serverKey.length !== 32) {
    throw new RangeError(
      `the SCRAM keys of user ${JSON.stringify(name)} are not of 32 bytes, or of fewer than ${minimumScramIterations} iterations`,
    )
  }
}

/** A name that SASLprep refuses stands for itself; SCRAM cannot send it. */
function preparedName(name: string): string {
  return saslPrep(name) ?? name
}

function shapeOf([first]: readonly ListedUser[]): ScramShape {
  if (first === undefined) return usualScramShape
  return { saltBytes: first.scram.salt.length, iterations: first.scram.iterations }
}

/** Undefined for what can be nobody's password. */
function readPassword(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length > maximumPasswordBytes) return undefined
  try {
    const text = saslPrep(strictUtf8.decode(bytes))
    return text === '' ? undefined : text
  } catch {
    return undefined
  }
}

async function verify(password: string, credentials: ScramCredentials): Promise<boolean> {
  const { storedKey } = await deriveScramCredentials(password, credentials)
  return sameBytes(storedKey, credentials.storedKey)
}

/** Runs two tasks at a time and lets a limited number wait, in order. */
class Turns {
  readonly #maximumWaiting: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(maximumWaiting: number) {
    this.#maximumWaiting = maximumWaiting
  }

  /** Undefined when too many wait already. */
  take<T>(task: () => Promise<T>): Promise<T> | undefined {
    if (this.#running < maximumRunning) {
      this.#running++
      return this.#run(task)
    }
    if (this.#waiting.length >= this.#maximumWaiting) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    return promise.then(() => this.#run(task))
  }

  async #run<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } finally {
      // The turn is handed on, so that no newcomer takes it in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
