import {
  parseSubscriptionFilter,
  type QoS,
  ReasonCode,
  type SubscriptionFilter,
  TopicTree,
} from '@busbar/protocol'
import type { Delivery } from './delivery.ts'
import { Generations } from './generations.ts'
import type { Message } from './message.ts'
import { type Route, RouteCache, type Target } from './route-cache.ts'
import type { Session } from './session.ts'
import type { MayReceive } from './share-group.ts'
import { eachSubscription, groupsOf, type Subscribed, Subscribers } from './subscribers.ts'
import type { Subscription } from './subscription.ts'

/** A Delivery that is still being gathered from several subscriptions. */
interface Gathered {
  session: Session
  message: Message
  qos: QoS
  retain: boolean
  subscriptionIdentifiers: number[]
  sharedFilter: string | undefined
}

const none: number[] = []

/** Knows which Session gets a message, and how. */
export class Router {
  readonly #mayReceive: MayReceive
  readonly #tree: TopicTree<Subscribed>
  readonly #routes = new RouteCache()
  readonly #generations = new Generations()
  readonly #placesOf = (topicName: string) => this.#generations.placesOf(topicName)
  #matches = 0

  /** `seed`: a number that whoever chooses the filters cannot guess. */
  constructor(mayReceive: MayReceive, seed?: number) {
    this.#mayReceive = mayReceive
    this.#tree = new TopicTree(seed)
  }

  /**
   * Adds a subscription, or replaces the Session's one with the same filter [MQTT5-3.8.4-3], which it
   * returns.
   */
  add(subscription: Subscription): Subscription | undefined {
    const { topicFilter, shareName } = subscription
    this.#generations.changed(topicFilter)
    const first = shareName === undefined ? subscription : new Subscribers(subscription)
    const known = this.#tree.getOrSet(first)
    if (known === first) return undefined
    if (known instanceof Subscribers) return known.add(subscription)
    // It had one subscription, which is replaced, or gets company.
    const isReplaced = shareName === undefined && known.session === subscription.session
    this.#tree.set(isReplaced ? subscription : new Subscribers(known, subscription))
    return isReplaced ? known : undefined
  }

  /** The subscription that a Session has with this filter. */
  find(session: Session, { topicFilter, shareName }: SubscriptionFilter): Subscription | undefined {
    const known = this.#tree.get(topicFilter)
    if (known instanceof Subscribers) return known.of(session, shareName)
    return shareName === undefined && known?.session === session ? known : undefined
  }

  remove(subscription: Subscription): void {
    const { topicFilter, session } = subscription
    const known = this.#tree.get(topicFilter)
    if (known === undefined) return
    this.#generations.changed(topicFilter)
    if (known instanceof Subscribers) known.remove(subscription)
    const isLast = known instanceof Subscribers ? known.isEmpty : known.session === session
    if (isLast) this.#tree.delete(topicFilter)
  }

  /** The targets of a topic, if it is known by these bytes and nothing but the topic decides. */
  routeOf(topic: Uint8Array, start: number, end: number): Route | undefined {
    const route = this.#routes.find(topic, start, end)
    return route === undefined ? undefined : this.#current(route)
  }

  /** The same by its name, which has been checked; from its second message on it is known. */
  learn(topicName: string): Route | undefined {
    const route = this.#routes.learn(topicName, this.#placesOf)
    return route === undefined ? undefined : this.#current(route)
  }

  /** To be called several times a second, lest what was cached hold on to Sessions that have ended. */
  sweep(): void {
    this.#routes.sweep((route) => route.generation === this.#generations.at(route.places))
  }

  /** To be called now and then, lest the topics that have one message fill what is known of them. */
  forgetSeen(): void {
    this.#routes.forgetSeen()
  }

  #current(route: Route): Route {
    const generation = this.#generations.at(route.places)
    if (route.generation === generation) return route
    const targets = this.#targets(route.topicName)
    this.#routes.replaced(route.targets, targets)
    route.targets = targets
    route.generation = generation
    return route
  }

  /** Undefined where the message decides, too. */
  #targets(topicName: string): readonly Target[] | undefined {
    const match = ++this.#matches
    const targets: Target[] = []
    let isPlain = true
    this.#tree.match(topicName, (subscribed) => {
      if (groupsOf(subscribed).size > 0) isPlain = false
      eachSubscription(subscribed, (subscription) => {
        if (subscription.options.noLocal) isPlain = false
        const { session } = subscription
        const earlier = session.routedMatch === match ? targets[session.routedIndex] : undefined
        if (earlier !== undefined) mergeTarget(earlier, subscription)
        else {
          session.routedMatch = match
          session.routedIndex = targets.length
          targets.push(targetOf(subscription))
        }
      })
    })
    return isPlain ? targets : undefined
  }

  /** One delivery for each Session, and one for each Shared Subscription (U5-4.8.2-b). */
  match(message: Message): readonly (Delivery & { readonly session: Session })[] {
    const match = ++this.#matches
    const gathered: Gathered[] = []
    this.#tree.match(message.topicName, (subscribed) => {
      eachSubscription(subscribed, (subscription) => {
        if (subscription.options.noLocal && isOwn(subscription, message)) return
        const { session } = subscription
        const earlier = session.routedMatch === match ? gathered[session.routedIndex] : undefined
        if (earlier !== undefined) merge(earlier, subscription)
        else {
          session.routedMatch = match
          session.routedIndex = gathered.length
          gathered.push(gather(subscription, message))
        }
      })
      for (const group of groupsOf(subscribed).values()) {
        const chosen = group.choose(message, this.#mayReceive)
        if (chosen !== undefined) gathered.push(gather(chosen, message))
      }
    })
    return gathered
  }

  /** Another member of a Shared Subscription, for a message whose member is gone (U5-4.8.2-c). */
  chooseAnother(sharedFilter: string, message: Message): Subscription | undefined {
    const { topicFilter, shareName } = parseSubscriptionFilter(sharedFilter)
    if (shareName === undefined) return undefined
    const group = groupsOf(this.#tree.get(topicFilter)).get(shareName)
    return group?.choose(message, this.#mayReceive)
  }
}

/** No Local: not to the Client Identifier that published it [MQTT5-3.8.3-3]. */
function isOwn(subscription: Subscription, message: Message): boolean {
  return subscription.session.clientIdentifier === message.publisher
}

/** The delivery that one subscription asks for. */
export function gather(subscription: Subscription, message: Message): Gathered {
  const { session, text, shareName, options, subscriptionIdentifier } = subscription
  return {
    session,
    message,
    qos: Math.min(message.qos, options.qos) as QoS, // [MQTT5-3.8.4-8]
    retain: message.retain && options.retainAsPublished, // [MQTT5-3.3.1-12], [MQTT5-3.3.1-13]
    subscriptionIdentifiers: subscriptionIdentifier === undefined ? none : [subscriptionIdentifier],
    sharedFilter: shareName === undefined ? undefined : text,
  }
}

function targetOf({ session, options, subscriptionIdentifier }: Subscription): Target {
  const { qos, retainAsPublished } = options
  const subscriptionIdentifiers =
    subscriptionIdentifier === undefined ? none : [subscriptionIdentifier]
  return { session, qos, retainAsPublished, subscriptionIdentifiers }
}

/** As `merge`, before there is a message. */
function mergeTarget(into: Target, subscription: Subscription): void {
  const other = targetOf(subscription)
  if (other.qos > into.qos) into.qos = other.qos
  into.retainAsPublished ||= other.retainAsPublished
  if (other.subscriptionIdentifiers.length > 0) {
    const { subscriptionIdentifiers } = into
    into.subscriptionIdentifiers = [...subscriptionIdentifiers, ...other.subscriptionIdentifiers]
  }
}

/** What a target gets of a message; the same as `gather` makes of its subscriptions. */
export function deliveryTo(target: Target, message: Message): Delivery {
  const { qos, retainAsPublished, subscriptionIdentifiers } = target
  return {
    message,
    qos: qos < message.qos ? qos : message.qos, // [MQTT5-3.8.4-8]
    retain: message.retain && retainAsPublished, // [MQTT5-3.3.1-12], [MQTT5-3.3.1-13]
    subscriptionIdentifiers,
    sharedFilter: undefined,
  }
}

/** For the publisher: whether somebody has got it, or would have if there had been room. */
export function deliveryCode(delivered: number, lost: number): number {
  if (delivered > 0) return ReasonCode.Success
  return lost > 0 ? ReasonCode.QuotaExceeded : ReasonCode.NoMatchingSubscribers
}

/** One copy at the highest QoS [MQTT5-3.3.4-2] with all identifiers [MQTT5-3.3.4-4]. */
function merge(into: Gathered, subscription: Subscription): void {
  const other = gather(subscription, into.message)
  if (other.qos > into.qos) into.qos = other.qos
  into.retain ||= other.retain
  if (other.subscriptionIdentifiers.length > 0) {
    into.subscriptionIdentifiers = [
      ...into.subscriptionIdentifiers,
      ...other.subscriptionIdentifiers,
    ]
  }
}
