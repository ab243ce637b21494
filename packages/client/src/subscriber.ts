import { type Publish, ReasonCode, writeSubscribe } from '@busbar/protocol'
import { aborted, onAbort } from './abort.ts'
import type { Clock } from './clock.ts'
import { ClientError } from './errors.ts'
import type { Negotiated } from './options.ts'
import type { Exchange, Session } from './session.ts'
import { type SubscribeOptions, Subscription, type SubscriptionOwner } from './subscription.ts'
import { checkTopicFilter, formOf, isShared } from './topic-text.ts'
import type { Unanswered } from './unanswered.ts'

/** One Topic Filter and all subscriptions that have it: the server knows it once. */
export interface Filter {
  readonly text: string
  members: readonly Subscription[]
  /** What its Topic Names match. */
  readonly form: RegExp
}

/** Subscriptions, and SUBSCRIBE as far as the server grants it. */
export class Subscriber implements SubscriptionOwner {
  // for the Session
  readonly clock: Clock
  /** Called when there is a new subscription. */
  added: () => void = () => {}
  /** By Subscription Identifier, in the order in which they came. */
  readonly byIdentifier = new Map<number, Subscription>()
  readonly filters = new Map<string, Filter>()
  /** Rises with every change of them. */
  revision = 0
  /** Topic Filters that the server may still have, and nobody here wants. */
  readonly unwanted = new Set<string>()
  readonly #unanswered: Unanswered<Exchange>
  readonly #session: Session
  latestIdentifier = 0

  constructor(session: Session) {
    this.clock = session.clock
    this.#session = session
    this.#unanswered = session.unanswered
  }

  /** Resolves when SUBACK grants all Topic Filters. */
  async subscribe(
    topicFilters: readonly string[],
    options: SubscribeOptions,
  ): Promise<Subscription> {
    const { signal } = options
    if (signal?.aborted === true) throw aborted(signal)
    for (const topicFilter of topicFilters) checkTopicFilter(topicFilter)
    const refusal = this.#session.limits?.refusalOfFilters(topicFilters)
    if (refusal !== undefined) throw refusal
    const subscription = new Subscription(topicFilters, options, this)
    this.#add(subscription)
    this.added()
    this.#send(subscription)
    const { promise } = subscription.answered
    if (signal === undefined) return await promise
    const forget = onAbort(signal, () => this.fail(subscription, aborted(signal)))
    return await promise.finally(forget)
  }

  /** Whom a message is for, where one Subscription Identifier says so. */
  targets({ topicName, properties }: Publish): readonly Subscription[] | undefined {
    const identifiers = properties.subscriptionIdentifiers
    if (identifiers?.length !== 1 || topicName === '') return undefined
    if (properties.topicAlias !== undefined) return undefined
    const subscription = this.byIdentifier.get(identifiers[0] as number)
    for (const { form } of subscription?.filters ?? []) {
      // An identifier that an earlier process has used can come for another filter.
      if (form.test(topicName)) return subscription?.alone
    }
    return undefined
  }

  /** CONNACK has come: without the Session everything is subscribed again. */
  connected({ sessionPresent }: Negotiated): void {
    for (const subscription of [...this.byIdentifier.values()]) {
      if (subscription.isPending || !sessionPresent) this.#send(subscription)
    }
  }

  /** SUBACK has come; false where it does not just grant all that was asked for. */
  suback(packetIdentifier: number, reasonCodes: Uint8Array): boolean {
    const subscription = this.#unanswered.get(packetIdentifier)
    if (!(subscription instanceof Subscription)) return false
    if (reasonCodes.length !== subscription.topicFilters.length) return false
    if (!reasonCodes.every((reasonCode) => reasonCode <= ReasonCode.GrantedQoS2)) return false
    this.#unanswered.delete(packetIdentifier)
    subscription.note(reasonCodes)
    subscription.answered.resolve(subscription)
    return true
  }

  isFull(subscription: Subscription, isFull: boolean): void {
    if (isFull) {
      this.#session.connection?.hold(subscription)
      if (subscription.options.whenFull === 'pause') return
      this.#session.later((upkeep) => upkeep.awaitRoom(subscription))
    } else {
      this.clock.clear(subscription.timer)
      this.#session.connection?.release(subscription)
    }
  }

  leave(subscription: Subscription): void {
    this.#session.later((upkeep) => upkeep.subscriptions.leave(subscription))
  }

  /** The subscription has come to nothing. */
  fail(subscription: Subscription, error: ClientError): void {
    subscription.end(error)
    subscription.answered.reject(error)
    this.#session.later((upkeep) =>
      upkeep.subscriptions.giveUp(subscription, subscription.topicFilters),
    )
  }

  /** The end: all subscriptions end, with this error if there is one; and why none is granted. */
  close(error: ClientError | undefined, reason: ClientError): void {
    for (const subscription of this.byIdentifier.values()) {
      this.clock.clear(subscription.timer)
      subscription.end(error)
      subscription.answered.reject(reason)
      subscription.left?.resolve()
    }
  }

  #add(subscription: Subscription): void {
    this.revision++
    this.byIdentifier.set(subscription.identifier, subscription)
    subscription.filters = [...new Set(subscription.topicFilters)].map((text) => {
      const filter = this.filters.get(text) ?? { text, form: formOf(text), members: [] }
      this.filters.set(text, filter)
      filter.members = [...filter.members, subscription]
      // What the server sends to one of them is for all.
      if (filter.members.length > 1) for (const member of filter.members) member.alone = undefined
      return filter
    })
  }

  #send(subscription: Subscription): void {
    const { connection, limits } = this.#session
    const { topicFilters } = subscription
    if (connection === undefined || subscription.isEnded) return
    const refusal = limits?.refusalOfFilters(topicFilters)
    if (refusal !== undefined) return this.fail(subscription, refusal)
    if (this.#unanswered.isFull) {
      const text = 'all Packet Identifiers are in use'
      return this.fail(subscription, new ClientError('outbox-full', text))
    }
    const packetIdentifier = this.#unanswered.take(subscription)
    subscription.isPending = true
    for (const topicFilter of topicFilters) this.unwanted.delete(topicFilter)
    try {
      const packet = { ...packetOf(subscription, limits?.hasIdentifiers ?? true), packetIdentifier }
      if (!connection.write(packet, writeSubscribe)) throw limits?.tooLarge('SUBSCRIBE')
    } catch (cause) {
      this.#unanswered.delete(packetIdentifier)
      this.fail(subscription, unwritable(cause))
    }
  }
}

function unwritable(cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause
  return new ClientError('invalid-argument', 'SUBSCRIBE cannot be written', { cause })
}

function packetOf({ topicFilters, identifier, options }: Subscription, hasIdentifiers: boolean) {
  const { qos = 1, noLocal = false, retainAsPublished = false, retainHandling = 0 } = options
  const { userProperties } = options
  return {
    type: 'subscribe' as const,
    properties: {
      ...(hasIdentifiers && { subscriptionIdentifier: identifier }),
      ...(userProperties && { userProperties }),
    },
    subscriptions: topicFilters.map((topicFilter) => {
      // No Local is not for Shared Subscriptions [MQTT5-3.8.3-4].
      const isLocal = noLocal && !isShared(topicFilter)
      return { topicFilter, options: { qos, noLocal: isLocal, retainAsPublished, retainHandling } }
    }),
  }
}
