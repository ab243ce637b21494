import {
  type PublishProperties,
  parseSubscriptionFilter,
  parseTopicName,
  type QoS,
  ReasonCode,
  reasonCodeName,
} from '@busbar/protocol'
import type { Core } from '../core.ts'
import { createMessage, type Message } from '../message.ts'
import { internalPrefix, type Session } from '../session.ts'
import { limitExpiry } from '../sessions.ts'
import { addSubscription, sendRetained } from '../subscribe.ts'
import { Subscription } from '../subscription.ts'
import type { HookRefusal } from './hooks.ts'
import { type Consumer, type ReceivedMessage, Subscriber } from './subscriber.ts'

export interface PublishOptions {
  /** 1 when left out. */
  readonly qos?: QoS
  readonly retain?: boolean
  readonly properties?: PublishProperties
}

/** A message of the program that was not kept for anybody; `reasonCode` says why. */
export class PublishError extends Error {
  override readonly name = 'PublishError'
  readonly reasonCode: number

  constructor(reasonCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reasonCode = reasonCode
  }
}

/**
 * Publishes a message of the program. Resolves with the Reason Code when it is stored wherever it has
 * to be: 0, or 0x10 when nobody has subscribed. Rejects with a PublishError, and with a
 * ProtocolError when the topic is none.
 */
async function publishFromProgram(
  core: Core,
  topicName: string,
  payload: string | Uint8Array,
  options: PublishOptions = {},
): Promise<number> {
  const { qos = 1, retain = false, properties = {} } = options
  parseTopicName(topicName, core.config.limits.topicLevels)
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload.slice()
  const fields = { topicName, payload: bytes, qos, retain, properties, publisher: '' }
  const { message, refusal } = await throughHooks(core, createMessage(fields, core.clock.now()))
  if (refusal !== undefined) {
    core.losses.record('', 'refused-by-hook', bytes.length)
    throw new PublishError(refusal.reasonCode, refusal.reason)
  }
  if (message === undefined) {
    core.losses.record('', 'refused-by-hook', bytes.length)
    return ReasonCode.Success
  }
  const reasonCode = core.publishing.publish(message)
  await committed(core)
  if (reasonCode < 0x80) return reasonCode
  throw new PublishError(reasonCode, `not queued for anybody: ${reasonCodeName(reasonCode)}`)
}

interface Outcome {
  readonly message: Message | undefined
  readonly refusal: HookRefusal | undefined
}

function throughHooks(core: Core, message: Message): Outcome | Promise<Outcome> {
  const { publish } = core.hooks
  if (publish === undefined) return { message, refusal: undefined }
  const from = { clientIdentifier: '', user: undefined, origin: 'program' } as const
  return new Promise((resolve) => {
    publish(message, from, (changed, refusal) => resolve({ message: changed, refusal }))
  })
}

function committed(core: Core): Promise<void> {
  return new Promise((resolve, reject) => {
    core.journal.whenCommitted((error) => {
      if (error === undefined) return resolve()
      const { QuotaExceeded } = ReasonCode
      reject(new PublishError(QuotaExceeded, 'the message could not be stored', { cause: error }))
    })
  })
}

export interface SubscribeOptions {
  /** 1 when left out. */
  readonly qos?: QoS
  /**
   * Makes it durable: what comes while nobody listens under this name, also while the program is
   * not running, waits in the store.
   */
  readonly name?: string
  /** Whether retained messages are sent first; yes when left out. */
  readonly retained?: boolean
}

/** Messages for the program, until it is closed; disposing of it is `close()`. */
export interface ProgramSubscription extends AsyncDisposable, AsyncIterable<ReceivedMessage> {
  /** Ends it. A durable one goes on collecting messages; `forget()` ends that, too. */
  close(): Promise<void>
  forget(): Promise<void>
}

/**
 * Subscribes the program. Resolves when the subscription is stored. Rejects with an Error when the
 * name is in use, and with a ProtocolError when the filter is none.
 */
async function subscribeProgram(
  core: Core,
  topicFilter: string,
  { consumer, options }: { consumer: Consumer | undefined; options: SubscribeOptions },
): Promise<Subscriber> {
  const { qos = 1, name, retained = true } = options
  const filter = parseSubscriptionFilter(topicFilter, core.config.limits.topicLevels)
  const session = openSession(core, name)
  const subscriber = new Subscriber(core, session, consumer)
  attach(core, session, { subscriber, isLasting: name !== undefined })
  for (const other of session.subscriptions) {
    if (other.text !== filter.text) core.sessions.unsubscribe(other)
  }
  const subscriptionOptions = {
    qos,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: retained ? (1 as const) : (2 as const),
  }
  const terms = { options: subscriptionOptions, subscriptionIdentifier: undefined }
  const subscription = new Subscription(session, filter, terms)
  const wanting = addSubscription(core, subscription, core.clock.now())
  try {
    await committed(core)
  } catch (error) {
    await subscriber.forget()
    throw error
  }
  if (subscriber.isClosed) return subscriber
  if (wanting !== undefined) sendRetained(core, wanting, core.clock.now())
  session.senderIfAny?.pump()
  return subscriber
}

/** What a running broker offers to the program around it. */
export class Program {
  readonly #core: Core
  readonly #subscribers = new Set<Subscriber>()
  #isClosed = false

  constructor(core: Core) {
    this.#core = core
  }

  publish(
    topicName: string,
    payload: string | Uint8Array,
    options?: PublishOptions,
  ): Promise<number> {
    this.#checkOpen()
    return publishFromProgram(this.#core, topicName, payload, options)
  }

  async subscribe(
    topicFilter: string,
    consumer: Consumer | SubscribeOptions = {},
    given: SubscribeOptions = {},
  ): Promise<ProgramSubscription> {
    this.#checkOpen()
    const request =
      typeof consumer === 'function'
        ? { consumer, options: given }
        : { consumer: undefined, options: consumer }
    for (const each of this.#subscribers) if (each.isClosed) this.#subscribers.delete(each)
    const subscriber = await subscribeProgram(this.#core, topicFilter, request)
    this.#subscribers.add(subscriber)
    return subscriber
  }

  /** Ends all subscriptions; durable ones are there again when the broker is. */
  close(): void {
    this.#isClosed = true
    for (const each of this.#subscribers) void each.close()
    this.#subscribers.clear()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('this broker is closed')
  }
}

let unnamed = 0

function openSession(core: Core, name: string | undefined): Session {
  const place = name === undefined ? `once/${++unnamed}` : `named/${name}`
  const clientIdentifier = `${internalPrefix}${place}`
  const existing = core.sessions.get(clientIdentifier)
  if (existing?.connection !== undefined) {
    throw new Error(`the program is subscribed as ${JSON.stringify(name)} already`)
  }
  return existing ?? core.sessions.begin({ clientIdentifier, owner: undefined })
}

function attach(
  core: Core,
  session: Session,
  { subscriber, isLasting }: { subscriber: Subscriber; isLasting: boolean },
): void {
  core.deadlines.clear(session)
  session.endsAt = undefined
  session.groups = []
  session.variables = new Map()
  // As long as the configuration lets any Session last.
  session.sessionExpiryInterval = isLasting ? limitExpiry(core.config, 0xffff_ffff) : 0
  session.isStored = isLasting
  session.connection = subscriber
  session.connected({ ofClient: core.config.mqtt.inFlightMaximum, ours: 0 })
  core.sessions.save(session)
  core.statistics.clientsConnected++
  core.hooks.connected?.(session)
}
