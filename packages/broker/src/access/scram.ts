import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { ReasonCode } from '@busbar/protocol'
import type { AuthenticationMethod, Credentials, Exchange, ExchangeStep } from './authenticator.ts'
import { saslPrep } from './sasl-prep.ts'

/** What is kept of a password (RFC 5802, section 3): enough to verify it, not to log in with. */
export interface ScramCredentials {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** Finds a user by the name that `saslPrep` gives. */
export type ScramLookup = (
  user: string,
) => ScramCredentials | undefined | Promise<ScramCredentials | undefined>

/** What a user who does not exist is shown: what most users have, lest they be told apart. */
export interface ScramShape {
  readonly saltBytes: number
  readonly iterations: number
}

/** SCRAM-SHA-256; `named` is told who the client wants to be, known or not. */
export interface ScramMethod extends AuthenticationMethod {
  start(credentials: Credentials, named?: (user: string) => void): Exchange
}

/** What RFC 7677 asks for, section 4. */
export const minimumScramIterations = 4_096

export const usualScramShape: ScramShape = { saltBytes: 16, iterations: minimumScramIterations }

/** No honest message comes near: the limit is on what a stranger can have parsed. */
const maximumMessageBytes = 4_096
const keyBytes = 32
// A multiple of three, so that its Base64 has no padding.
const nonceBytes = 18

const pbkdf2OnThreadPool = promisify(pbkdf2)
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The keys for a password, by PBKDF2 on the thread pool. Throws RangeError for a password that is
 * empty or has characters that SASLprep prohibits, and for fewer than 4,096 iterations.
 */
export async function deriveScramCredentials(
  password: string,
  { salt, iterations }: Pick<ScramCredentials, 'salt' | 'iterations'>,
): Promise<ScramCredentials> {
  const prepared = saslPrep(password)
  if (prepared === undefined) throw new RangeError('the password has a prohibited character')
  if (prepared === '') throw new RangeError('the password is empty')
  if (iterations < minimumScramIterations) throw new RangeError('fewer than 4096 iterations')
  const salted = await pbkdf2OnThreadPool(prepared, salt, iterations, keyBytes, 'sha256')
  return {
    salt,
    iterations,
    storedKey: sha256(hmac(salted, 'Client Key')),
    serverKey: hmac(salted, 'Server Key'),
  }
}

/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) as an Authentication Method, without channel binding. What an
 * unknown user is shown depends on a secret of this call, so it stays the same until a restart.
 */
export function createScram(
  lookup: ScramLookup,
  random: { bytes(count: number): Uint8Array },
  unknownUsers: ScramShape = usualScramShape,
): ScramMethod {
  const secret = random.bytes(keyBytes)
  const credentialsOf = async (user: string, named: (user: string) => void): Promise<Known> => {
    named(user)
    const invented = inventCredentials(secret, user, unknownUsers)
    const credentials = await lookup(user)
    return { credentials: credentials ?? invented, exists: credentials !== undefined }
  }
  return {
    name: 'SCRAM-SHA-256',
    start: (_credentials, named = () => {}) =>
      new ScramExchange((user) => credentialsOf(user, named), base64(random.bytes(nonceBytes))),
  }
}

interface Known {
  readonly credentials: ScramCredentials
  readonly exists: boolean
}

/** Stable for a name, and never right: nobody has a key to these. */
function inventCredentials(secret: Uint8Array, user: string, shape: ScramShape): ScramCredentials {
  const salts: Buffer[] = []
  for (let length = 0; length < shape.saltBytes; length += keyBytes) {
    salts.push(hmac(secret, `salt ${length} ${user}`))
  }
  return {
    salt: Buffer.concat(salts).subarray(0, shape.saltBytes),
    iterations: shape.iterations,
    storedKey: hmac(secret, `stored ${user}`),
    serverKey: hmac(secret, `server ${user}`),
  }
}

/** What the first message leaves for the second. */
interface Opened extends Known {
  readonly user: string
  readonly gs2Header: string
  readonly nonce: string
  /** client-first-message-bare and server-first-message, as AuthMessage begins. */
  readonly transcript: string
}

/** One run of SCRAM from the server's side. Exported for the example of RFC 7677. */
export class ScramExchange implements Exchange {
  readonly #credentialsOf: (user: string) => Promise<Known>
  readonly #serverNonce: string
  #awaits: 'first' | 'final' | 'nothing' = 'first'
  #opened: Opened | undefined

  constructor(credentialsOf: (user: string) => Promise<Known>, serverNonce: string) {
    this.#credentialsOf = credentialsOf
    this.#serverNonce = serverNonce
  }

  next(data: Uint8Array | undefined): ExchangeStep | Promise<ExchangeStep> {
    const awaited = this.#awaits
    // Until this step has succeeded: whatever else arrives comes too early or too late.
    this.#awaits = 'nothing'
    const message = readText(data)
    if (message === undefined) return refused('a message that is absent, too long or not UTF-8')
    if (awaited === 'first') return this.#first(message)
    if (awaited === 'final' && this.#opened !== undefined) return final(message, this.#opened)
    return refused('a message out of turn')
  }

  async #first(message: string): Promise<ExchangeStep> {
    const first = parseFirst(message)
    if (typeof first === 'string') return refused(first)
    const known = await this.#credentialsOf(first.user)
    const { salt, iterations } = known.credentials
    const nonce = first.nonce + this.#serverNonce
    const answer = `r=${nonce},s=${base64(salt)},i=${iterations}`
    const { user, gs2Header, bare } = first
    this.#opened = { ...known, user, gs2Header, nonce, transcript: `${bare},${answer}` }
    this.#awaits = 'final'
    return { outcome: 'continue', data: Buffer.from(answer) } // [MQTT5-4.12.0-2]
  }
}

interface First {
  readonly gs2Header: string
  readonly bare: string
  readonly user: string
  readonly nonce: string
}

const firstMessage =
  /^(?<gs2Header>(?<binding>[ny]|p=[^,]*),(?:a=(?<authzid>[^,]+))?,)(?<bare>(?<mandatory>m=[^,]*,)?n=(?<name>[^,]+),r=(?<nonce>[!-+\--~]+)(?:,[a-zA-Z]=[^,]+)*)$/u

/** Takes a client-first-message apart; gives what is wrong with it instead. */
function parseFirst(message: string): First | string {
  const { gs2Header, binding, authzid, bare, mandatory, name, nonce } =
    firstMessage.exec(message)?.groups ?? {}
  if (gs2Header === undefined || bare === undefined || name === undefined || nonce === undefined) {
    return 'a malformed first message'
  }
  if (binding?.startsWith('p')) return 'channel binding, which is not offered'
  if (mandatory !== undefined) return 'a mandatory extension, and none is known'
  const user = readName(name)
  if (user === undefined) return 'a malformed user name'
  // A user acts as himself only.
  if (authzid !== undefined && readName(authzid) !== user) return 'another authorization identity'
  return { gs2Header, bare, user, nonce }
}

/** Undoes the escapes of a saslname and prepares it; undefined when it is not one. */
function readName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined
  const name = saslPrep(text.replaceAll('=2C', ',').replaceAll('=3D', '='))
  return name === '' ? undefined : name
}

const finalMessage =
  /^(?<withoutProof>c=(?<binding>[^,]+),r=(?<nonce>[^,]+)(?<extensions>(?:,[a-zA-Z]=[^,]+)*)),p=(?<proof>[A-Za-z0-9+/]{43}=)$/u

/** Verifies a client-final-message. */
function final(message: string, opened: Opened): ExchangeStep {
  const { withoutProof, binding, nonce, extensions, proof } =
    finalMessage.exec(message)?.groups ?? {}
  if (withoutProof === undefined || proof === undefined) return refused('a malformed final message')
  if (/,m=/.test(extensions ?? '')) return refused('a mandatory extension, and none is known')
  if (binding !== base64(Buffer.from(opened.gs2Header))) return refused('another GS2 header')
  if (nonce !== opened.nonce) return refused('another nonce')

  const { storedKey, serverKey } = opened.credentials
  const authMessage = `${opened.transcript},${withoutProof}`
  const signature = hmac(storedKey, authMessage)
  const clientKey = Buffer.from(proof, 'base64').map((byte, at) => byte ^ (signature[at] ?? 0))
  const matches = sameBytes(sha256(clientKey), storedKey)
  if (!matches || !opened.exists) return refused('wrong user name or password')
  const data = Buffer.from(`v=${base64(hmac(serverKey, authMessage))}`)
  return { outcome: 'accepted', user: opened.user, data }
}

/**
 * The same Reason Code for every fault, so that it tells nothing; not 0x86, because a DISCONNECT
 * after a re-authentication cannot carry that [MQTT5-4.12.0-4] [MQTT5-4.12.1-2].
 */
function refused(reason: string): ExchangeStep {
  return {
    outcome: 'refused',
    reasonCode: ReasonCode.NotAuthorized,
    reason: `SCRAM-SHA-256: ${reason}`,
  }
}

function readText(data: Uint8Array | undefined): string | undefined {
  if (data === undefined || data.length > maximumMessageBytes) return undefined
  try {
    return strictUtf8.decode(data)
  } catch {
    return undefined
  }
}

/** In constant time, where the lengths are no secret. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
