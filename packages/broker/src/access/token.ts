import { ReasonCode } from '@busbar/protocol'
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, type KeyObject } from 'jose'
import type { Log } from '../log.ts'
import type { Attempt, Authentication, Authenticator, Credentials } from './authenticator.ts'
import { Turns } from './turns.ts'

export interface TokenOptions {
  /** One key, or the set in which a token's key is looked up. */
  readonly key: KeyObject | Uint8Array | JWTVerifyGetKey
  /** Nothing else is believed, whatever a token says of itself. */
  readonly algorithms: readonly string[]
  readonly audience: readonly string[]
  readonly issuer: string | undefined
  readonly from: 'password' | 'username'
  readonly userClaim: string
  readonly groupsClaim: string
  readonly clockToleranceSeconds: number
  readonly wallNow: () => number
  readonly log: Log
}

const maximumTokenBytes = 16_384
/** A verification takes a fraction of a millisecond, unless keys have to be fetched. */
const maximumRunning = 100
const maximumWaiting = 10_000

/** An alarm that goes on is repeated after this. */
const alarmMs = 60_000

/** Only what has the form of a token is looked at; anything else is passed on. */
const tokenForm = /^[\w-]+\.[\w-]*\.[\w-]*$/

const busy: Authentication = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerBusy,
  reason: 'too many tokens wait to be verified',
}

/** Lets in whoever carries a JSON Web Token (RFC 7519) that is signed by a key we know. */
export function createTokenAuthenticator(options: TokenOptions): Authenticator {
  const turns = new Turns(maximumRunning, maximumWaiting)
  let alarmedAt = Number.NEGATIVE_INFINITY
  const alarm = (error: unknown) => {
    const now = options.wallNow()
    if (Math.abs(now - alarmedAt) < alarmMs) return
    alarmedAt = now
    const reason = error instanceof Error ? error.message : String(error)
    options.log.error('the keys for tokens cannot be had, so clients are refused', { reason })
  }
  const authenticate = (credentials: Credentials, attempt: Attempt) => {
    const token = tokenOf(credentials, options.from)
    if (token === undefined) return { outcome: 'passed-on' } as const
    const verify = async () => (attempt.isOver ? busy : await verifyToken(token, options, alarm))
    return turns.take(verify) ?? busy
  }
  return { authenticate }
}

function tokenOf(
  { username, password }: Credentials,
  from: TokenOptions['from'],
): string | undefined {
  const bytes = from === 'password' ? password : undefined
  if (bytes !== undefined && bytes.length > maximumTokenBytes) return undefined
  const text = from === 'username' ? username : bytes && Buffer.from(bytes).toString('latin1')
  if (text === undefined || text.length > maximumTokenBytes || !tokenForm.test(text)) {
    return undefined
  }
  return hasTokenHeader(text) ? text : undefined
}

/** A password may have two dots; a token's first part is an object that names its algorithm. */
function hasTokenHeader(text: string): boolean {
  try {
    const header: unknown = JSON.parse(
      Buffer.from(text.slice(0, text.indexOf('.')), 'base64url').toString(),
    )
    return typeof header === 'object' && header !== null && Object.hasOwn(header, 'alg')
  } catch {
    return false
  }
}

async function verifyToken(
  token: string,
  options: TokenOptions,
  alarm: (error: unknown) => void,
): Promise<Authentication> {
  const { algorithms, audience, issuer, clockToleranceSeconds, wallNow, userClaim } = options
  try {
    // The types tell a key from a function that finds one; the call is the same.
    const { payload } = await jwtVerify(token, options.key as JWTVerifyGetKey, {
      algorithms: [...algorithms],
      audience: [...audience],
      ...(issuer !== undefined && { issuer }),
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(wallNow()),
      requiredClaims: ['exp', 'aud', userClaim],
    })
    return identify(payload, options)
  } catch (error) {
    if (isTokensFault(error)) return refused(`the token is refused: ${faultOf(error)}`)
    alarm(error)
    return {
      outcome: 'refused',
      reasonCode: ReasonCode.ServerUnavailable,
      reason: 'authentication is not possible now',
    }
  }
}

/** The token is to blame, and not the key set or the way to it. */
function isTokensFault(error: unknown): error is errors.JOSEError {
  return tokensFaults.some((kind) => error instanceof kind)
}

const tokensFaults = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
  errors.JOSENotSupported,
]

/** In our words: those of the library may quote the token. */
function faultOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) return `its ${claimName(error.claim)}`
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not allowed'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  return 'it is not valid'
}

function claimName(claim: string): string {
  return `claim ${/^[\w-]{1,40}$/.test(claim) ? claim : ''} does not fit`
}

/** What access rules can name of one token at most. */
const maximumVariables = 100
const maximumValueLength = 1_024

function identify(
  payload: JWTPayload,
  { userClaim, groupsClaim, clockToleranceSeconds }: TokenOptions,
): Authentication {
  const user = payload[userClaim]
  if (typeof user !== 'string' || !isName(user)) return refused(`the token's user is no name`)
  const groups = payload[groupsClaim]
  const named = typeof groups === 'string' ? [groups] : Array.isArray(groups) ? groups : []
  return {
    outcome: 'accepted',
    user,
    groups: named.filter((group) => typeof group === 'string' && isName(group)).slice(0, 1_000),
    variables: variablesOf(payload),
    expiresAt: ((payload.exp ?? 0) + clockToleranceSeconds) * 1_000,
  }
}

function isName(text: string): boolean {
  return text !== '' && text.length <= 1_024 && text.isWellFormed() && !text.includes('\0')
}

/** Claims that are one value; lists and objects are none. */
function variablesOf(payload: JWTPayload): ReadonlyMap<string, string> {
  const values = Object.entries(payload).flatMap(([name, value]): [string, string][] => {
    if (!['string', 'number', 'boolean'].includes(typeof value)) return []
    const text = String(value)
    return text.length <= maximumValueLength && isName(name) ? [[name, text]] : []
  })
  return new Map(values.slice(0, maximumVariables))
}

function refused(reason: string): Authentication {
  return { outcome: 'refused', reasonCode: ReasonCode.NotAuthorized, reason }
}
