import {
  parseTopicName,
  ReasonCode,
  type SubscriptionOptions,
  type SubscriptionRequest,
} from '@busbar/protocol'
import type { AccessAction, Subject } from '../access/access.ts'
import type { Authorize } from '../access/access-control.ts'
import type {
  Attempt,
  Authentication,
  Authenticator,
  Credentials,
  Guarding,
} from '../access/authenticator.ts'
import type { Clock } from '../clock.ts'
import type { Deadlines } from '../deadlines.ts'
import type { Delivery } from '../delivery.ts'
import type { Log } from '../log.ts'
import type { Loss } from '../losses.ts'
import { createMessage, type Message } from '../message.ts'
import { type Chain, type ChainContext, runChain } from './chain.ts'
import type {
  ConnectChange,
  ConnectRequest,
  Hook,
  HookClient,
  HookPoint,
  MessageChange,
  Publisher,
  Refusal,
} from './hook.ts'
import { HookHealth } from './hook-health.ts'

/** A no, ready to be sent. */
export interface HookRefusal {
  readonly reasonCode: number
  readonly reason: string
}

interface HooksContext {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly log: Log
}

const defaultTimeoutMs = 5_000

export interface HooksOptions {
  readonly hooks?: readonly Hook[]
  readonly hookTimeoutMs?: number
}

/** Throws RangeError when two hooks have one name. */
export function createHooks(context: HooksContext, options: HooksOptions): Hooks {
  const { hooks = [], hookTimeoutMs = defaultTimeoutMs } = options
  return new Hooks(context, hooks, hookTimeoutMs)
}

const broken: HookRefusal = {
  reasonCode: ReasonCode.ImplementationSpecificError,
  reason: 'not possible now',
}

/** A hook method with its name made sure of. */
type With<Point extends HookPoint> = Hook & Required<Pick<Hook, Point>>

/**
 * The hooks of a program, by the places where they are called. A place that no hook is for is
 * undefined, so that it costs one comparison.
 */
export class Hooks {
  readonly health: HookHealth
  readonly connect: ((request: ConnectRequest, done: ConnectDone) => void) | undefined
  readonly authorize: Authorize | undefined
  readonly publish: ((message: Message, from: Publisher, done: PublishDone) => void) | undefined
  /** Undefined answers mean that it is not delivered. */
  readonly deliver: ((delivery: Delivery, to: HookClient) => Delivery | undefined) | undefined
  readonly subscribe:
    | ((request: SubscriptionRequest, client: HookClient, done: SubscribeDone) => void)
    | undefined
  /** Messages have to be made, because hooks look at them. */
  readonly seesMessages: boolean
  readonly connected: ((client: HookClient) => void) | undefined
  readonly disconnected: ((client: HookClient) => void) | undefined
  readonly sessionBegan: ((client: HookClient) => void) | undefined
  readonly sessionEnded: ((client: HookClient) => void) | undefined
  readonly lost: ((loss: Loss) => void) | undefined
  readonly #context: ChainContext
  readonly #authenticating: readonly With<'authenticate'>[]

  constructor({ clock, deadlines, log }: HooksContext, hooks: readonly Hook[], timeoutMs: number) {
    const names = hooks.map(({ name }) => name)
    if (new Set(names).size < names.length) throw new RangeError('two hooks have one name')
    this.health = new HookHealth({ clock, log }, names)
    this.#context = { clock, deadlines, health: this.health, timeoutMs }
    this.#authenticating = having(hooks, 'authenticate')
    this.connect = some(having(hooks, 'connect'), (all) => this.#connecting(all))
    this.authorize = some(having(hooks, 'authorize'), (all) => this.#authorizing(all))
    this.publish = some(having(hooks, 'publish'), (all) => this.#publishing(all))
    this.deliver = some(having(hooks, 'deliver'), (all) => this.#delivering(all))
    this.subscribe = some(having(hooks, 'subscribe'), (all) => this.#subscribing(all))
    this.seesMessages = this.publish !== undefined || this.deliver !== undefined
    this.connected = this.#event(hooks, 'connected')
    this.disconnected = this.#event(hooks, 'disconnected')
    this.sessionBegan = this.#event(hooks, 'sessionBegan')
    this.sessionEnded = this.#event(hooks, 'sessionEnded')
    this.lost = this.#event(hooks, 'lost')
  }

  #connecting(hooks: readonly With<'connect'>[]) {
    return (request: ConnectRequest, done: ConnectDone) => {
      let current = request
      let refusal: HookRefusal | undefined
      this.#run<ConnectChange | Refusal>({
        point: 'connect',
        hooks,
        ask: (hook) => (hook as With<'connect'>).connect(current),
        take: (answer) => {
          refusal = refusalOf('connect', answer)
          if (!('refuse' in answer)) current = { ...current, ...answer }
          return refusal !== undefined
        },
        done: (hasFailed) => done(current, hasFailed ? broken : refusal),
      })
    }
  }

  /** Asks the hooks first, and another authenticator when none of them decides. */
  authenticator(otherwise: Authenticator & Partial<Guarding>): Authenticator {
    if (this.#authenticating.length === 0) return otherwise
    const asked = { authenticate: this.#authenticate }
    // Their wrong passwords count like all others.
    const first = otherwise.guarded?.(asked) ?? asked
    return {
      authenticate: async (credentials, attempt) => {
        const answer = await first.authenticate(credentials, attempt)
        return answer.outcome === 'passed-on'
          ? otherwise.authenticate(credentials, attempt)
          : answer
      },
    }
  }

  readonly #authenticate = (credentials: Credentials, attempt: Attempt) =>
    new Promise<Authentication>((resolve, reject) => {
      let decided: Authentication = { outcome: 'passed-on' }
      this.#run<Authentication>({
        point: 'authenticate',
        hooks: this.#authenticating,
        ask: (hook) => (hook as With<'authenticate'>).authenticate(credentials, attempt),
        take: (answer) => {
          const outcome: unknown = answer?.outcome
          if (outcome !== 'accepted' && outcome !== 'refused') {
            throw new TypeError('authenticate answers accepted, refused or undefined')
          }
          decided = answer
          return true
        },
        done: (hasFailed) => {
          if (hasFailed) reject(new Error('a hook failed to authenticate'))
          else resolve(decided)
        },
      })
    })

  #authorizing(hooks: readonly With<'authorize'>[]): Authorize {
    return (client: Subject, action: AccessAction, topic: string) => {
      for (const hook of hooks) {
        const rule = `hook ${hook.name}`
        try {
          const isAllowed: unknown = hook.authorize({ client, action, topic })
          if (isAllowed === undefined) continue
          if (typeof isAllowed === 'boolean') return { isAllowed, rule }
          throw new TypeError('authorize answers true, false or undefined, and at once')
        } catch (error) {
          this.health.failed(hook.name, 'authorize', error)
          return { isAllowed: false, rule }
        }
      }
      return undefined
    }
  }

  #publishing(hooks: readonly With<'publish'>[]) {
    return (message: Message, from: Publisher, done: PublishDone) => {
      let current: Message | undefined = message
      let refusal: HookRefusal | undefined
      this.#run<MessageChange | Refusal | 'drop'>({
        point: 'publish',
        hooks,
        ask: (hook) => (hook as With<'publish'>).publish(current as Message, from),
        take: (answer) => {
          if (answer === 'drop') current = undefined
          else if ('refuse' in answer) refusal = refusalOf('publish', answer)
          else current = changed(current as Message, answer)
          return current === undefined || refusal !== undefined
        },
        done: (hasFailed) => done(current, hasFailed ? broken : refusal),
      })
    }
  }

  #delivering(hooks: readonly With<'deliver'>[]) {
    return (delivery: Delivery, to: HookClient): Delivery | undefined => {
      let { message, retain } = delivery
      for (const hook of hooks) {
        try {
          const answer = hook.deliver(message, to)
          if (answer === undefined) continue
          if (answer === 'drop') return undefined
          const { retain: isRetained = retain, ...change } = answer
          message = changed(message, change)
          retain = isRetained
        } catch (error) {
          this.health.failed(hook.name, 'deliver', error)
          return undefined
        }
      }
      return message === delivery.message && retain === delivery.retain
        ? delivery
        : { ...delivery, message, retain }
    }
  }

  #subscribing(hooks: readonly With<'subscribe'>[]) {
    return (request: SubscriptionRequest, client: HookClient, done: SubscribeDone) => {
      let current = request
      let refusal: HookRefusal | undefined
      this.#run<Partial<SubscriptionOptions> | Refusal>({
        point: 'subscribe',
        hooks,
        ask: (hook) => (hook as With<'subscribe'>).subscribe(current, client),
        take: (answer) => {
          refusal = refusalOf('subscribe', answer)
          if (!('refuse' in answer)) {
            current = { ...current, options: { ...current.options, ...answer } }
          }
          return refusal !== undefined
        },
        done: (hasFailed) => done(current, hasFailed ? broken : refusal),
      })
    }
  }

  #run<Answer>(chain: Chain<Answer>): void {
    runChain(this.#context, chain)
  }

  /** Nobody waits for an event, so all that can go wrong is said and nothing else happens. */
  #event<Point extends EventPoint>(hooks: readonly Hook[], point: Point) {
    const listening = having(hooks, point)
    if (listening.length === 0) return undefined
    return (event: EventOf<Point>) => {
      for (const hook of listening) {
        const failed = (error: unknown) => this.health.failed(hook.name, point, error)
        try {
          const result = (hook[point] as (event: EventOf<Point>) => unknown)(event)
          if (result instanceof Promise) result.catch(failed)
        } catch (error) {
          failed(error)
        }
      }
    }
  }
}

type ConnectDone = (request: ConnectRequest, refusal: HookRefusal | undefined) => void
type PublishDone = (message: Message | undefined, refusal: HookRefusal | undefined) => void
type SubscribeDone = (request: SubscriptionRequest, refusal: HookRefusal | undefined) => void

type EventPoint = 'connected' | 'disconnected' | 'sessionBegan' | 'sessionEnded' | 'lost'
type EventOf<Point extends EventPoint> = Point extends 'lost' ? Loss : HookClient

function having<Point extends HookPoint>(hooks: readonly Hook[], point: Point) {
  return hooks.filter((hook): hook is With<Point> => hook[point] !== undefined)
}

function some<T, Result>(
  hooks: readonly T[],
  make: (hooks: readonly T[]) => Result,
): Result | undefined {
  return hooks.length === 0 ? undefined : make(hooks)
}

/** Which refusals the answer to each packet may carry (sections 3.2.2.2, 3.4.2.1 and 3.9.3). */
const refusals = {
  connect: new Set([
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99,
    0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ]),
  publish: new Set([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
  subscribe: new Set([0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
} as const

function refusalOf(point: keyof typeof refusals, answer: object): HookRefusal | undefined {
  if (!('refuse' in answer)) return undefined
  const { refuse, reason = 'refused' } = answer as Refusal
  if (refusals[point].has(refuse)) return { reasonCode: refuse, reason }
  throw new RangeError(`the answer to ${point} cannot have the Reason Code ${refuse}`)
}

/** A message is never changed once made: others may have it, too. */
function changed(message: Message, change: MessageChange): Message {
  if (change.topicName !== undefined) parseTopicName(change.topicName)
  return createMessage({ ...message, ...change }, message.arrivedAt)
}
