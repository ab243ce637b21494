import { ReasonCode } from '@busbar/protocol'
import { z } from 'zod'
import type { WebClient } from '../bounded-request.ts'
import type { Log } from '../log.ts'
import type { Attempt, Authentication, Authenticator, Credentials } from './authenticator.ts'
import { Turns } from './turns.ts'

export interface HttpHookOptions {
  readonly client: WebClient
  readonly timeoutMs: number
  /** Requests at the same time. */
  readonly concurrency: number
  /** Clients that may wait for one of them. */
  readonly maximumWaiting: number
  readonly allowLinkLocal: boolean
  /** Value of the Authorization header, so that the hook knows who asks. */
  readonly authorization: string | undefined
  readonly log: Log
  readonly now: () => number
}

const maximumAnswerBytes = 65_536

const word = z.string().min(1).max(1_024)

/** What the hook may answer. */
const answerSchema = z.discriminatedUnion('result', [
  z.strictObject({
    result: z.literal('allow'),
    user: word.optional(),
    groups: z.array(word).max(1_000).optional(),
    variables: z.record(word, z.string().max(1_024)).optional(),
    /** Seconds since 1970. */
    expires: z.number().positive().max(1e11).optional(),
  }),
  z.strictObject({ result: z.literal('deny') }),
  z.strictObject({ result: z.literal('ignore') }),
])

const unavailable: Authentication = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerUnavailable,
  reason: 'authentication is not possible now',
}

const busy: Authentication = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerBusy,
  reason: 'too many clients wait to be authenticated',
}

const denied: Authentication = {
  outcome: 'refused',
  reasonCode: ReasonCode.BadUserNameOrPassword,
  reason: 'wrong user name or password',
}

/** An alarm that goes on is repeated after this. */
const alarmMs = 60_000

/**
 * Asks a web server about each client. Whatever is not a clear answer refuses the client: a server
 * that is down, slow, redirects or says anything else.
 */
export function createHttpHook(options: HttpHookOptions): Authenticator {
  const turns = new Turns(options.concurrency, options.maximumWaiting)
  let alarmedAt = Number.NEGATIVE_INFINITY
  const alarm = (error: unknown): Authentication => {
    const now = options.now()
    if (now - alarmedAt >= alarmMs) {
      alarmedAt = now
      const reason = error instanceof Error ? error.message : String(error)
      options.log.error('the authentication hook fails, so clients are refused', { reason })
    }
    return unavailable
  }
  const authenticate = (credentials: Credentials, attempt: Attempt) => {
    const answer = turns.take(async () => (attempt.isOver ? busy : ask(credentials, options)))
    return answer === undefined ? busy : answer.catch(alarm)
  }
  return { authenticate }
}

async function ask(credentials: Credentials, options: HttpHookOptions): Promise<Authentication> {
  const { authorization, client, timeoutMs, allowLinkLocal } = options
  const { status, body } = await client.ask({
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(authorization !== undefined && { authorization }),
    },
    body: JSON.stringify(question(credentials)),
    timeoutMs,
    maximumBytes: maximumAnswerBytes,
    allowLinkLocal,
  })
  if (status !== 200) throw new Error(`the hook answered with status ${status}`)
  return readAnswer(body, credentials.username)
}

/** What the hook is told; members without a value are left out. */
function question(credentials: Credentials): Readonly<Record<string, unknown>> {
  const { clientIdentifier, username, password, protocolVersion, address, certificate } =
    credentials
  const text = password === undefined ? undefined : textOf(password)
  return {
    clientId: clientIdentifier,
    username,
    ...(password !== undefined && text === undefined
      ? { passwordBase64: Buffer.from(password).toString('base64') }
      : { password: text }),
    protocolVersion,
    address,
    certificate,
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function readAnswer(body: Buffer, username: string | undefined): Authentication {
  // What the hook said may have a secret in it: the error tells only that it was no answer.
  const answer = answerSchema.safeParse(parseJson(body)).data
  if (answer === undefined) throw new Error('the hook gave no answer that is understood')
  if (answer.result === 'ignore') return { outcome: 'passed-on' }
  if (answer.result === 'deny') return denied
  const { user = username, groups = [], variables = {}, expires } = answer
  return {
    outcome: 'accepted',
    user,
    groups,
    variables: new Map(Object.entries(variables)),
    expiresAt: expires === undefined ? undefined : expires * 1_000,
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}
