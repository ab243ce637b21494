import { noProperties } from '@busbar/protocol'
import { parts } from '#platform'
import { aborted, onAbort } from './abort.ts'
import { type ClientState, Connector } from './connector.ts'
import type { Target } from './destination.ts'
import { ClientError } from './errors.ts'
import type { ClientEvent } from './events.ts'
import type { ClientOptions, Negotiated, Payload } from './options.ts'
import { OutgoingMessage, type PublishResult } from './outgoing-message.ts'
import { bytesOf } from './payload.ts'
import {
  type AnyTopic,
  checkProperties,
  checkQoS,
  type OutgoingItem,
  type PublishOptions,
  type ValueFor,
} from './publish-options.ts'
import type {
  AnyPattern,
  RequestOptions,
  Requests,
  RequestTo,
  Responder,
  RespondOptions,
  Response,
} from './requests.ts'
import { type ClientStatistics, statisticsOf } from './statistics.ts'
import type { SubscribeOptions, Subscription } from './subscription.ts'
import { checkTopicName } from './topic-text.ts'
import type { StandardSchema } from './topics/standard-schema.ts'
import type { TopicPattern } from './topics/topic.ts'
import { withTraceContext } from './trace-context.ts'
import type { OpenTransport } from './transport/transport.ts'
import type { TypedSubscribeOptions, TypedSubscription } from './typed-subscription.ts'

/** What a subscription to it gives. */
export type SubscriptionOf<To> =
  To extends TopicPattern<infer Text, infer _Input, infer Output>
    ? TypedSubscription<Text, Output>
    : Subscription

/** How to end. */
export interface CloseOptions {
  /** How long to go on sending what waits; default 5,000. */
  readonly drainMs?: number
  /** Leaves with Reason Code 0x04, so that the server publishes the Will (5.0). */
  readonly withWill?: boolean
}

const noOptions: PublishOptions = {}
const defaultDrainMs = 5_000
const disconnectWithWill = 0x04

/** One client of one server: publishes, subscribes, and stays connected. */
export class Client implements AsyncDisposable {
  readonly #connector: Connector
  #requests: Requests | undefined
  #checkedTopic: string | undefined
  #closing: Promise<{ readonly left: number }> | undefined

  constructor(target: Target, options: ClientOptions, openTransport: OpenTransport) {
    this.#connector = new Connector(target, options, openTransport)
  }

  /** Where it stands with its connection. */
  get state(): ClientState {
    return this.#connector.state
  }

  /** The limits of the connection that there is, or was last. */
  get negotiated(): Negotiated | undefined {
    return this.#connector.negotiated
  }

  /** Resolves when the first connection is there. */
  get connected(): Promise<void> {
    return this.#connector.connected
  }

  /** How much is on its way and waits now, and counters since the client was made. */
  get stats(): ClientStatistics {
    return statisticsOf(this.#connector)
  }

  /** What happens from now on, with reasons; ends after `stopped`. */
  events(): AsyncIterableIterator<ClientEvent> {
    return this.#connector.events.listen()
  }

  /**
   * Resolves when the message is as far as its QoS goes: the bytes are the system's (0), PUBACK (1),
   * PUBCOMP (2). Rejects with a ClientError, which for a Reason Code of 0x80 or more is a
   * MqttPublishError.
   */
  publish<const To extends string | AnyTopic>(
    topic: To,
    value: ValueFor<To>,
    options: PublishOptions = noOptions,
  ): Promise<PublishResult> {
    if (typeof topic !== 'string') return topic.publish(this, value, options)
    try {
      const message = this.#messageOf(topic, value as Payload, options)
      const { publisher } = this.#connector.session
      const isQuick = message.qos === 0 && options.signal === undefined
      return (isQuick ? publisher.sendQoS0(message) : undefined) ?? this.#submit(message, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Resolves when the message is in the outbox, and in the store where there is one. What becomes of
   * it later only `events()` says, and only if that is not well.
   */
  async enqueue(
    topic: string,
    payload: Payload,
    options: PublishOptions = noOptions,
  ): Promise<void> {
    await this.#connector.loaded
    const message = this.#messageOf(topic, payload, options)
    message.tellsWhenStored = true
    await this.#submit(message, options)
  }

  /**
   * Publishes all that comes, as fast as it is taken; resolves when all are settled. Rejects with
   * the first failure, and takes no more then.
   */
  async publishAll(
    items: AsyncIterable<OutgoingItem> | Iterable<OutgoingItem>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly published: number }> {
    const { publishAll } = await parts.batches()
    return await publishAll(this, items, signal)
  }

  /**
   * Resolves when the server has granted all Topic Filters; rejects with a MqttSubscribeError that
   * lists what it said to each, and then there is no subscription. Without a connection it waits.
   */
  subscribe<const To extends string | readonly string[] | AnyPattern>(
    to: To,
    options: SubscribeOptions & TypedSubscribeOptions = {},
  ): Promise<SubscriptionOf<To>> {
    return this.#subscribe(to, options) as Promise<SubscriptionOf<To>>
  }

  /**
   * Publishes with a Response Topic, and resolves with the first response (5.0). Rejects with a
   * PayloadError when that does not fit the schema, and with the code `no-responder` when the server
   * says that nobody has subscribed. A signal bounds the wait for everybody else.
   */
  async request<
    const To extends string | AnyTopic,
    Schema extends StandardSchema | undefined = undefined,
  >(topic: To, value: ValueFor<To>, options?: RequestOptions<Schema>): Promise<Response<Schema>> {
    const requests = await this.#loadRequests()
    return await requests.request(topic, value, options)
  }

  /**
   * Answers requests with what the handler returns; a request is acknowledged after that (5.0). One
   * that does not fit a typed topic is refused (0x99).
   */
  async respond<const To extends string | AnyPattern>(
    to: To,
    handle: (request: RequestTo<To>) => Payload | Promise<Payload>,
    options?: RespondOptions,
  ): Promise<Responder> {
    const requests = await this.#loadRequests()
    return await requests.respond(to, handle, options)
  }

  /** Authenticates again, with the method of `authentication` (5.0). */
  async reauthenticate(): Promise<void> {
    const { reauthenticate } = await parts.authenticator()
    await reauthenticate(this.#connector.attempt?.authenticator, this.state)
  }

  /** Ends a delay before the next attempt, as when the network is known to be back. */
  wake(): void {
    this.#connector.session.upkeep?.wake()
  }

  /**
   * Takes no more messages, goes on with those it has for `drainMs`, says DISCONNECT and ends. Always
   * resolves, and says how many were left; in a store they stay.
   */
  close(options: CloseOptions = {}): Promise<{ readonly left: number }> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  /** `close()` at the end of a scope. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close({ drainMs = defaultDrainMs, withWill = false }: CloseOptions) {
    const connector = this.#connector
    const { clock, session } = connector
    const { publisher } = session
    const unsettled = () => session.counts.outboxMessages + publisher.callers.size
    if (!this.#isStopped) connector.state = 'closing'
    if (unsettled() > 0 && connector.error === undefined && drainMs > 0) {
      let timer: unknown
      await new Promise<void>((resolve) => {
        publisher.whenEmpty = resolve
        timer = clock.set(resolve, drainMs)
      })
      clock.clear(timer)
    }
    const left = unsettled()
    await publisher.journal?.settled(clock)
    if (!this.#isStopped) await connector.leave(withWill ? disconnectWithWill : 0)
    return { left }
  }

  get #isStopped(): boolean {
    return this.#connector.state === 'stopped'
  }

  /** Loaded when first used, so that a page without requests does without their code. */
  async #loadRequests(): Promise<Requests> {
    const { Requests } = await parts.requests()
    this.#requests ??= new Requests(this)
    return this.#requests
  }

  async #subscribe(
    to: string | readonly string[] | AnyPattern,
    options: SubscribeOptions & TypedSubscribeOptions,
  ) {
    this.#checkOpen()
    const pattern = typeof to === 'string' || !('pattern' in to) ? undefined : to
    const topicFilters = [pattern?.filter ?? to].flat() as readonly string[]
    const { qos = pattern?.qos ?? 1 } = options
    checkQoS(qos)
    // [MQTT5-3.8.3-2]
    if (topicFilters.length === 0) throw new ClientError('invalid-argument', 'no Topic Filter')
    const { subscriber } = this.#connector.session
    const subscription = await subscriber.subscribe(topicFilters, { ...options, qos })
    return pattern ? pattern.read(subscription, options) : subscription
  }

  #submit(message: OutgoingMessage, { signal }: PublishOptions): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      message.resolve = resolve
      message.reject = reject
      if (signal !== undefined) this.#heed(message, signal)
      if (this.#connector.isLoaded) this.#connector.session.publisher.submit(message)
      else void this.#submitLater(message)
    })
  }

  async #submitLater(message: OutgoingMessage): Promise<void> {
    try {
      await this.#connector.loaded
      this.#checkOpen()
      this.#connector.session.publisher.submit(message)
    } catch (error) {
      message.tell(error as ClientError)
    }
  }

  #heed(message: OutgoingMessage, signal: AbortSignal): void {
    message.forgetSignal = onAbort(signal, () => {
      this.#connector.session.publisher.withdraw(message)
      message.tell(aborted(signal))
    })
  }

  #messageOf(topicName: string, payload: Payload, options: PublishOptions): OutgoingMessage {
    this.#checkOpen()
    if (options.signal?.aborted === true) throw aborted(options.signal)
    if (topicName !== this.#checkedTopic) checkTopicName(topicName)
    this.#checkedTopic = topicName // programs publish to one topic many times in a row
    const { qos = 0, retain = false } = options
    checkQoS(qos, 'qos-not-supported')
    const trace = this.#connector.options.traceContext?.()
    const properties =
      trace === undefined ? options.properties : withTraceContext(options.properties, trace)
    if (properties !== undefined) checkProperties(properties)
    const seconds = properties?.messageExpiryInterval
    const expiresAt =
      seconds === undefined ? undefined : this.#connector.clock.wallNow() + seconds * 1_000
    const fields = { qos, retain, properties: properties ?? noProperties, expiresAt }
    return new OutgoingMessage(topicName, bytesOf(payload), fields)
  }

  #checkOpen(): void {
    const { state, error } = this.#connector
    if (state !== 'closing' && state !== 'stopped') return
    throw new ClientError('closed', 'the client was closed', error && { cause: error })
  }
}
