import { isAbsolute } from 'node:path'
import { ProtocolError, ReasonCode } from '@busbar/protocol'
import { z } from 'zod'
import { accessActions } from '../access/access.ts'
import { type Explanation, explainAccess } from '../access/explain.ts'
import { ConfigError, describeIssues } from '../config-error.ts'
import type { Core } from '../core.ts'
import { closest } from '../did-you-mean.ts'
import type { HookReport } from '../hooks/hook-health.ts'
import type { Reloaded } from '../live-config.ts'
import { type Amount, type ClientLosses, type LossCause, lossCauses } from '../losses.ts'
import type { Session } from '../session.ts'
import type { Statistics } from '../statistics.ts'
import { BackupError } from '../store/errors.ts'
import type { DurabilityLevel } from '../store/store.ts'
import { version } from '../version.ts'

/** The broker, as far as requests are about it. */
export interface Administered {
  readonly core: Core
  readonly addresses: readonly { readonly kind: string; readonly url: string }[]
  /** Puts the configuration in force that it was started with, read again. */
  reload(): Promise<Reloaded>
  /** When it was started, on the clock that never jumps. */
  readonly startedAt: number
}

/** An ordinary no. The message is one sentence for whoever asked. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
}

/** One kind of request: what has to come with it, and what is answered. */
interface Handler<Given extends z.ZodType, Answer> {
  readonly given: Given
  run(at: Administered, given: z.output<Given>): Answer | Promise<Answer>
}

function handler<Given extends z.ZodType, Answer>(
  given: Given,
  run: (at: Administered, given: z.output<Given>) => Answer | Promise<Answer>,
): Handler<Given, Answer> {
  return { given, run }
}

const nothing = z.strictObject({})

const file = z
  .string()
  .refine(isAbsolute)
  .meta({ description: 'Where the broker is to write.', allowed: 'an absolute path' })

const explainRequest = z.strictObject({
  user: z.string().optional().meta({ description: 'A user; nobody when left out.' }),
  clientId: z.string().optional().meta({ description: 'A Client Identifier.' }),
  groups: z.array(z.string()).optional().meta({ description: 'Instead of those of the session.' }),
  variables: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'Instead of those of the session.' }),
  action: z.enum(accessActions).meta({ description: 'What is to be done.' }),
  topic: z.string().meta({ description: 'A Topic Name, or a Topic Filter to subscribe to.' }),
  shadow: z.boolean().default(false).meta({ description: 'Whether the shadow policy is asked.' }),
})

const clientId = z.string().meta({ description: 'A Client Identifier.' })

/** All that can be asked, whoever carries it: the control socket, later HTTP. */
export const handlers = {
  status: handler(nothing, status),
  losses: handler(z.strictObject({ clientId: clientId.optional() }), losses),
  reload: handler(nothing, ({ reload }) => reload()),
  kick: handler(z.strictObject({ clientId }), kick),
  explain: handler(explainRequest, explain),
  denials: handler(nothing, ({ core }) => core.access.denials.list()),
  backup: handler(z.strictObject({ file, overwrite: z.boolean().default(false) }), backup),
}

type Handlers = typeof handlers
export type RequestName = keyof Handlers
export type Given<Name extends RequestName> = z.input<Handlers[Name]['given']>
export type Answer<Name extends RequestName> = Awaited<ReturnType<Handlers[Name]['run']>>

/** Carries out one request. Rejects with a RequestError where the answer is no. */
export async function handle(at: Administered, name: string, given: unknown): Promise<unknown> {
  if (!Object.hasOwn(handlers, name)) throw unknownRequest(name)
  const found: Handler<z.ZodType, unknown> = handlers[name as RequestName]
  const parsed = found.given.safeParse(given)
  if (!parsed.success) {
    const problems = describeIssues(found.given, parsed.error.issues, given)
    throw new RequestError(problems.map(({ path, text }) => `${name}: ${path} ${text}`).join('; '))
  }
  try {
    return await found.run(at, parsed.data)
  } catch (error) {
    throw plainErrors.some((each) => error instanceof each)
      ? new RequestError((error as Error).message, { cause: error })
      : error
  }
}

/** Their message is the answer. */
const plainErrors = [BackupError, ConfigError]

function unknownRequest(name: string): RequestError {
  const names = Object.keys(handlers)
  const near = closest(name, names)
  const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`
  return new RequestError(`There is no request ${JSON.stringify(name.slice(0, 60))}; ${hint}`)
}

export interface Status {
  readonly version: string
  readonly processId: number
  /** As in `2026-11-22T18:53:10.000Z`. */
  readonly startedAt: string
  readonly uptimeSeconds: number
  readonly addresses: readonly { readonly kind: string; readonly url: string }[]
  readonly durability: DurabilityLevel
  readonly statistics: Readonly<Record<string, number>>
  readonly losses: CauseAmounts
  /** Those that failed or took too long, and the others. */
  readonly hooks: readonly HookReport[]
}

/** Causes of which something was lost. */
export type CauseAmounts = Readonly<Partial<Record<LossCause, Amount>>>

function status({ core, addresses, startedAt }: Administered): Status {
  const upMs = core.clock.now() - startedAt
  return {
    version,
    processId: process.pid,
    startedAt: new Date(core.clock.wallNow() - upMs).toISOString(),
    uptimeSeconds: Math.floor(upMs / 1_000),
    addresses: addresses.map(({ kind, url }) => ({ kind, url })),
    durability: core.level,
    statistics: numbersOf(core.statistics),
    losses: total(core),
    hooks: core.hooks.health.list(),
  }
}

function numbersOf(statistics: Statistics): Record<string, number> {
  const { clientsConnected, clientsMaximum, sessionsDisconnected } = statistics
  return { ...statistics, clientsConnected, clientsMaximum, sessionsDisconnected }
}

function total({ losses: ledger }: Core): CauseAmounts {
  const causes = Object.keys(lossCauses) as LossCause[]
  const amounts = causes.map((cause) => [cause, ledger.total(cause)] as const)
  return Object.fromEntries(amounts.filter(([, { messages }]) => messages > 0))
}

export interface LossesAnswer {
  readonly total: CauseAmounts
  readonly clients: readonly {
    /** Not there for all clients together that the ledger no longer tells apart. */
    readonly clientId?: string
    readonly byCause: CauseAmounts
  }[]
}

function losses({ core }: Administered, asked: { clientId?: string | undefined }): LossesAnswer {
  const { clientId: only } = asked
  const of = only === undefined ? undefined : core.losses.ofClient(only)
  const found = only === undefined ? [...core.losses.byClient()] : of === undefined ? [] : [of]
  return { total: total(core), clients: found.map(ofClient) }
}

function ofClient({ clientIdentifier, byCause }: ClientLosses): LossesAnswer['clients'][number] {
  const named = clientIdentifier !== undefined && { clientId: clientIdentifier }
  return { ...named, byCause: Object.fromEntries(byCause) }
}

/** Why a client may do something, or may not. */
function explain(
  { core }: Administered,
  given: z.output<typeof explainRequest>,
): Explanation & { readonly subject: { clientId: string; groups: readonly string[] } } {
  const { action, topic, shadow } = given
  const { policies, isOfProgram } = core.access
  if (isOfProgram) throw new RequestError('The program that runs this broker decides by itself')
  if (shadow && policies?.shadow === undefined) throw new RequestError('There is no shadow policy')
  const session = sessionOf(core, given)
  const { clientIdentifier = given.clientId ?? '', groups = [] } = session ?? {}
  const known = session?.variables ?? new Map<string, string>()
  const variables = given.variables === undefined ? known : new Map(Object.entries(given.variables))
  const subject = { clientIdentifier, user: given.user, groups: given.groups ?? groups, variables }
  try {
    const policy = shadow ? policies?.shadow : policies?.policy
    const explanation = explainAccess(policy, { subject, action, topic })
    return { ...explanation, subject: { clientId: clientIdentifier, groups: subject.groups } }
  } catch (error) {
    throw error instanceof ProtocolError ? new RequestError(error.message, { cause: error }) : error
  }
}

/** The Session that the question is about, if there is one: the user's first without an identifier. */
function sessionOf(
  { sessions }: Core,
  { user, clientId }: { user?: string | undefined; clientId?: string | undefined },
): Session | undefined {
  if (clientId !== undefined) {
    const session = sessions.get(clientId)
    return session?.user === user ? session : undefined
  }
  for (const session of sessions) if (user !== undefined && session.user === user) return session
  return undefined
}

/** The Session stays, and its Will is published, as DISCONNECT did not come from the client. */
function kick({ core }: Administered, { clientId }: { clientId: string }): { address: string } {
  const connection = core.connectionOf(clientId)
  if (connection === undefined) throw new RequestError(notConnected(core, clientId))
  const { address } = connection.transport
  core.log.info('client kicked', { clientId, address })
  connection.disconnect(ReasonCode.AdministrativeAction, 'disconnected by the operator') // [MQTT5-4.13.2-1]
  return { address }
}

function notConnected({ sessions }: Core, clientId: string): string {
  const name = JSON.stringify(clientId)
  return sessions.get(clientId) === undefined
    ? `No client is connected as ${name}, and there is no session of that name`
    : `The client ${name} is not connected; its session waits for it`
}

async function backup(
  { core }: Administered,
  { file, overwrite }: { file: string; overwrite: boolean },
): Promise<{ file: string }> {
  if (core.store.backup === undefined) {
    throw new RequestError('This broker keeps everything in memory: there is nothing to back up')
  }
  await core.store.backup(file, overwrite)
  core.log.info('backup written', { file })
  return { file }
}
