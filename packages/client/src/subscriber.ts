import {
  firstFailure,
  noProperties,
  type Packet,
  type Publish,
  protocolError,
  type SubscriptionOptions,
} from '@busbar/protocol'
import { nameOfReasonCode } from '#platform'
import { aborted, onAbort } from './abort.ts'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import { type Deferred, deferred } from './deferred.ts'
import { ClientError, MqttSubscribeError, type SubscribeResult } from './errors.ts'
import type { Negotiated } from './options.ts'
import type { PacketIdentifiers } from './packet-identifiers.ts'
import { tooLarge } from './publish-packet.ts'
import { type SubscribeOptions, Subscription, type SubscriptionOwner } from './subscription.ts'
import { SubscriptionIndex } from './subscription-index.ts'

type PacketOf<Type> = Extract<Packet, { type: Type }>

/** How long a reader of QoS 0 has to make room before its oldest messages go. */
const patienceMs = 20

/** Subscriptions for the Session, and what of SUBSCRIBE and UNSUBSCRIBE is unanswered. */
export class Subscriber implements SubscriptionOwner {
  // for the Session
  readonly clock: Clock
  /** Called when there is a new subscription. */
  added: () => void = () => {}
  readonly #index = new SubscriptionIndex()
  #latestIdentifier = 0
  readonly #identifiers: PacketIdentifiers
  readonly #timers = new Map<Subscription, unknown>()
  /** Those whose first SUBACK has not come, and who waits for it. */
  readonly #pending = new Map<Subscription, Deferred<Subscription>>()
  /** Topic Filters that the server may still have, and nobody here wants. */
  readonly #unwanted = new Set<string>()
  // for the Network Connection
  #connection: Connection | undefined
  #limits: Negotiated | undefined
  readonly #subscribing = new Map<number, Subscription>()
  readonly #unsubscribing = new Map<
    number,
    { topicFilters: readonly string[]; answered: Deferred<void> }
  >()

  constructor(identifiers: PacketIdentifiers, clock: Clock) {
    this.#identifiers = identifiers
    this.clock = clock
  }

  /** Resolves when SUBACK grants all Topic Filters. */
  subscribe(topicFilters: readonly string[], options: SubscribeOptions): Promise<Subscription> {
    const { signal } = options
    if (signal?.aborted === true) return Promise.reject(aborted(signal))
    const subscription = new Subscription(topicFilters, options, this)
    const refusal = this.#limits && refusalOf(topicFilters, this.#limits)
    if (refusal !== undefined) return Promise.reject(refusal)
    try {
      this.#index.add(subscription)
    } catch (error) {
      return Promise.reject(error)
    }
    const answered = deferred<Subscription>()
    this.#pending.set(subscription, answered)
    this.added()
    this.#send(subscription)
    if (signal === undefined) return answered.promise
    const forget = onAbort(signal, () => this.#fail(subscription, aborted(signal)))
    return answered.promise.finally(forget)
  }

  nextIdentifier(): number {
    return ++this.#latestIdentifier
  }

  targets(packet: Publish, topicName: string): readonly Subscription[] {
    return this.#index.targets(packet, topicName)
  }

  /** CONNACK has come: without the Session everything is subscribed again. */
  connected(connection: Connection, limits: Negotiated): void {
    this.#connection = connection
    this.#limits = limits
    if (limits.sessionPresent) void this.#unsubscribe([...this.#unwanted])
    else this.#unwanted.clear()
    for (const subscription of [...this.#index.all]) {
      const isNew = this.#pending.has(subscription)
      if (isNew || !limits.sessionPresent) this.#send(subscription)
      if (subscription.isFull) connection.hold(this.#reasonOf(subscription))
    }
  }

  disconnected(): void {
    this.#connection = undefined
    for (const [packetIdentifier, subscription] of this.#subscribing) {
      this.#identifiers.release(packetIdentifier)
      // Whether the server has it is not known: it is sent again, as if it were new.
      if (!this.#pending.has(subscription)) this.#pending.set(subscription, ignored(subscription))
    }
    this.#subscribing.clear()
    for (const [packetIdentifier, { answered }] of this.#unsubscribing) {
      this.#identifiers.release(packetIdentifier)
      answered.resolve()
    }
    this.#unsubscribing.clear()
  }

  suback({ packetIdentifier, reasonCodes, properties }: PacketOf<'suback'>): void {
    const subscription = this.#subscribing.get(packetIdentifier)
    if (subscription === undefined) return
    checkCount(reasonCodes, subscription.topicFilters)
    this.#subscribing.delete(packetIdentifier)
    this.#identifiers.release(packetIdentifier)
    const results = subscription.topicFilters.map((topicFilter, at) => ({
      topicFilter,
      reasonCode: reasonCodes[at] ?? firstFailure,
    }))
    subscription.results = results
    const refused = results.find(({ reasonCode }) => reasonCode >= firstFailure)
    if (refused === undefined) {
      this.#pending.get(subscription)?.resolve(subscription)
      this.#pending.delete(subscription)
    } else {
      this.#fail(subscription, refusedBy(results, refused, properties.reasonString))
    }
  }

  unsuback({ packetIdentifier, reasonCodes }: PacketOf<'unsuback'>): void {
    const unsubscribing = this.#unsubscribing.get(packetIdentifier)
    if (unsubscribing === undefined) return
    if (this.#limits?.version === 5) checkCount(reasonCodes, unsubscribing.topicFilters)
    this.#unsubscribing.delete(packetIdentifier)
    this.#identifiers.release(packetIdentifier)
    for (const topicFilter of unsubscribing.topicFilters) this.#unwanted.delete(topicFilter)
    unsubscribing.answered.resolve()
  }

  isFull(subscription: Subscription, isFull: boolean): void {
    const reason = this.#reasonOf(subscription)
    if (isFull) {
      this.#connection?.hold(reason)
      if (subscription.options.whenFull === 'pause') return
      const timer = this.clock.set(() => subscription.dropOldest(), patienceMs)
      this.#timers.set(subscription, timer)
    } else {
      this.clock.clear(this.#timers.get(subscription))
      this.#timers.delete(subscription)
      this.#connection?.release(reason)
    }
  }

  leave(subscription: Subscription): Promise<void> {
    if (subscription.isFull) this.isFull(subscription, false)
    const pending = this.#pending.get(subscription)
    this.#pending.delete(subscription)
    pending?.reject(new ClientError('closed', 'the subscription was closed'))
    const orphans = this.#index.remove(subscription)
    for (const topicFilter of orphans) this.#unwanted.add(topicFilter)
    return this.#unsubscribe(orphans)
  }

  /** The end: all subscriptions end, with this error if there is one. */
  close(error: ClientError | undefined): void {
    this.disconnected()
    for (const subscription of [...this.#index.all]) {
      this.#index.remove(subscription)
      this.clock.clear(this.#timers.get(subscription))
      subscription.end(error)
    }
    for (const pending of this.#pending.values()) {
      pending.reject(error ?? new ClientError('closed', 'the client was closed'))
    }
    this.#pending.clear()
  }

  #reasonOf(subscription: Subscription): string {
    return `subscription ${subscription.identifier}`
  }

  #send(subscription: Subscription): void {
    const connection = this.#connection
    if (connection === undefined) return
    const limits = this.#limits as Negotiated
    const refusal = refusalOf(subscription.topicFilters, limits)
    if (refusal !== undefined) return this.#fail(subscription, refusal)
    const packetIdentifier = this.#identifiers.take()
    if (packetIdentifier === 0) {
      const text = 'all Packet Identifiers are in use'
      return this.#fail(subscription, new ClientError('outbox-full', text))
    }
    const { userProperties } = subscription.options
    const { identifier } = subscription
    const failure = this.#write(connection, {
      type: 'subscribe',
      packetIdentifier,
      properties: {
        ...(limits.subscriptionIdentifiers && { subscriptionIdentifier: identifier }),
        ...(userProperties !== undefined && { userProperties }),
      },
      subscriptions: requestsOf(subscription),
    })
    if (failure !== undefined) return this.#fail(subscription, failure)
    for (const topicFilter of subscription.topicFilters) this.#unwanted.delete(topicFilter)
    this.#subscribing.set(packetIdentifier, subscription)
  }

  /** Why it could not be sent; then its Packet Identifier is free again. */
  #write(connection: Connection, packet: PacketOf<'subscribe' | 'unsubscribe'>) {
    try {
      if (connection.write(packet)) return undefined
      this.#identifiers.release(packet.packetIdentifier)
      return tooLarge(packet.type)
    } catch (cause) {
      this.#identifiers.release(packet.packetIdentifier)
      return new ClientError('invalid-argument', `${packet.type} cannot be written`, { cause })
    }
  }

  /** Resolves when the server has answered or is gone. */
  async #unsubscribe(topicFilters: readonly string[]): Promise<void> {
    const connection = this.#connection
    if (connection === undefined || topicFilters.length === 0) return
    const packetIdentifier = this.#identifiers.take()
    if (packetIdentifier === 0) return // sent with the next connection
    const packet = { packetIdentifier, properties: noProperties, topicFilters }
    if (this.#write(connection, { type: 'unsubscribe', ...packet }) === undefined) {
      const answered = deferred<void>()
      this.#unsubscribing.set(packetIdentifier, { topicFilters, answered })
      await answered.promise
    } else if (topicFilters.length > 1) {
      // Each of them is smaller than the SUBSCRIBE that the server has taken.
      await Promise.all(topicFilters.map((topicFilter) => this.#unsubscribe([topicFilter])))
    }
  }

  #fail(subscription: Subscription, error: ClientError): void {
    const pending = this.#pending.get(subscription)
    this.#pending.delete(subscription)
    const granted = subscription.results.filter(({ reasonCode }) => reasonCode < firstFailure)
    const mayBeThere = new Set(
      error instanceof MqttSubscribeError
        ? granted.map(({ topicFilter }) => topicFilter)
        : subscription.topicFilters,
    )
    const orphans = this.#index.remove(subscription).filter((text) => mayBeThere.has(text))
    for (const topicFilter of orphans) this.#unwanted.add(topicFilter)
    void this.#unsubscribe(orphans)
    subscription.end(error)
    pending?.reject(error)
  }
}

/** For a subscription whose caller was told already. */
function ignored(subscription: Subscription): Deferred<Subscription> {
  return { promise: Promise.resolve(subscription), resolve() {}, reject() {} }
}

/** SUBACK and UNSUBACK have one Reason Code for each Topic Filter. */
function checkCount({ length }: readonly number[], topicFilters: readonly string[]): void {
  if (length !== topicFilters.length) throw protocolError('not one Reason Code for each filter')
}

function requestsOf({ topicFilters, options }: Subscription) {
  const { qos = 1, noLocal = false, retainAsPublished = false, retainHandling = 0 } = options
  return topicFilters.map((topicFilter) => {
    // No Local is not for Shared Subscriptions [MQTT5-3.8.3-4].
    const isShared = topicFilter.startsWith('$share/')
    const requested: SubscriptionOptions = {
      qos,
      noLocal: noLocal && !isShared,
      retainAsPublished,
      retainHandling,
    }
    return { topicFilter, options: requested }
  })
}

/** What the server has said at CONNACK that it has not. */
function refusalOf(topicFilters: readonly string[], limits: Negotiated): ClientError | undefined {
  const missing = topicFilters.flatMap((text) => {
    if (!limits.sharedSubscriptions && text.startsWith('$share/')) return ['Shared Subscriptions']
    if (!limits.wildcardSubscriptions && /[+#]/.test(text)) return ['wildcards']
    return []
  })
  if (missing[0] === undefined) return undefined
  return new ClientError('subscription-not-supported', `the server has no ${missing[0]}`)
}

function refusedBy(
  results: readonly SubscribeResult[],
  { topicFilter, reasonCode }: SubscribeResult,
  reasonString: string | undefined,
): MqttSubscribeError {
  const which = JSON.stringify(topicFilter)
  const text = `the server refuses to subscribe to ${which}: ${nameOfReasonCode(reasonCode)}`
  return new MqttSubscribeError(text, results, { reasonCode, reasonString })
}
