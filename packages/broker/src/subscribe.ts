import {
  noProperties,
  ProtocolError,
  parseSubscriptionFilter,
  type QoS,
  ReasonCode,
  type Subscribe,
  type SubscriptionFilter,
  type SubscriptionOptions,
  type SubscriptionRequest,
  type Unsubscribe,
} from '@busbar/protocol'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { copyPayload } from './payload.ts'
import type { RetainedSending } from './retained-backlog.ts'
import { gather } from './router.ts'
import type { Session } from './session.ts'
import { Subscription } from './subscription.ts'

/** SUBSCRIBE: each filter in turn, as if it had come alone [MQTT5-3.8.4-5]; one SUBACK for all. */
export function inboundSubscribe(
  connection: Connection,
  session: Session,
  subscribe: Subscribe,
): void {
  if (connection.core.hooks.subscribe === undefined) return answer(connection, session, subscribe)
  let isHeld = false
  let isDecided = false
  askHooks(connection.core, { session, subscribe }, (changed, refusals) => {
    isDecided = true
    if (connection.state !== 'connected') return
    connection.guard(() => answer(connection, session, changed, refusals))
    if (isHeld) connection.release()
  })
  if (isDecided) return
  isHeld = true
  connection.hold()
}

/** What hooks refused: Reason Codes by the place in SUBSCRIBE. */
type Refusals = ReadonlyMap<number, number>

/** Asks for one filter after the other; what is refused or changed goes into the answer. */
function askHooks(
  core: Core,
  { session, subscribe }: { session: Session; subscribe: Subscribe },
  done: (changed: Subscribe, refusals: Refusals) => void,
): void {
  const subscriptions: SubscriptionRequest[] = []
  const refusals = new Map<number, number>()
  const next = () => {
    const request = subscribe.subscriptions[subscriptions.length]
    if (request === undefined) return done({ ...subscribe, subscriptions }, refusals)
    core.hooks.subscribe?.(request, session, (changed, refusal) => {
      if (refusal !== undefined) refusals.set(subscriptions.length, refusal.reasonCode)
      subscriptions.push(changed)
      next()
    })
  }
  next()
}

function answer(
  connection: Connection,
  session: Session,
  subscribe: Subscribe,
  refusals?: Refusals,
): void {
  const { core } = connection
  const { mark } = core.journal
  const { packetIdentifier, properties, subscriptions } = subscribe
  const { subscriptionIdentifier } = properties
  if (subscriptionIdentifier !== undefined && !core.config.mqtt.subscriptionIdentifierAvailable) {
    const { SubscriptionIdentifiersNotSupported } = ReasonCode
    throw new ProtocolError(SubscriptionIdentifiersNotSupported, 'not available', 'U5-3.2.2-e')
  }
  const reasonCodes: number[] = []
  const wantRetained: Wanting[] = []
  const now = core.clock.now()
  for (let at = 0; at < subscriptions.length; at++) {
    const request = subscriptions[at] as SubscriptionRequest
    const filter = refusals?.get(at) ?? checkFilter(connection, session, request.topicFilter)
    if (typeof filter === 'number') {
      reasonCodes.push(refusalCode(connection, filter, request))
      continue
    }
    const options = grantedOptions(connection, request)
    const subscription = new Subscription(session, filter, { options, subscriptionIdentifier })
    const wanting = addSubscription(core, subscription, now)
    if (wanting !== undefined) wantRetained.push(wanting)
    reasonCodes.push(options.qos) // [MQTT5-3.8.4-7]
  }
  core.acknowledge(connection, mark, (error) => {
    if (error !== undefined) return connection.disconnect(0x83, 'store failed')
    connection.send({ type: 'suback', packetIdentifier, reasonCodes, properties: noProperties })
    for (const wanting of wantRetained) sendRetained(core, wanting, now)
  })
}

/** A filter that may be subscribed to, or the Reason Code for it. */
function checkFilter(
  connection: Connection,
  session: Session,
  text: string,
): SubscriptionFilter | number {
  const { core, version } = connection
  const { mqtt, limits } = core.config
  let filter: SubscriptionFilter
  try {
    filter = parseSubscriptionFilter(text, limits.topicLevels)
  } catch (error) {
    // One bad filter is answered for itself, and the connection stays (U5-4.7.1-b). 3.x has no code
    // for it before 3.1.1.
    if (!(error instanceof ProtocolError) || version === 3) throw error
    return error.reasonCode
  }
  const { NotAuthorized, SharedSubscriptionsNotSupported } = ReasonCode
  const { WildcardSubscriptionsNotSupported } = ReasonCode
  if (filter.hasWildcard && !mqtt.wildcardSubscriptionAvailable) {
    return unavailable(connection, WildcardSubscriptionsNotSupported, 'U5-3.2.2-d')
  }
  if (filter.shareName !== undefined && !mqtt.sharedSubscriptionAvailable) {
    return unavailable(connection, SharedSubscriptionsNotSupported, 'U5-3.2.2-f')
  }
  if (!core.access.maySubscribe(session, filter)) return NotAuthorized
  return hasRoom(connection, session, filter) ? filter : ReasonCode.QuotaExceeded
}

/** A subscription that is there already may be replaced. */
function hasRoom({ core }: Connection, session: Session, filter: SubscriptionFilter): boolean {
  const { subscriptionsPerClient, subscriptions } = core.config.limits
  const hasRoomForMore =
    !core.memory.isShort &&
    isWithin(session.subscriptionCount, subscriptionsPerClient) &&
    isWithin(core.statistics.subscriptions, subscriptions)
  return hasRoomForMore || core.router.find(session, filter) !== undefined
}

/** 0 is no limit. */
function isWithin(count: number, limit: number): boolean {
  return limit === 0 || count < limit
}

/** 3.1 has no refusal in SUBACK: it says that the client is then told the QoS that it asked for. */
function refusalCode(
  { version }: Connection,
  reasonCode: number,
  { options }: SubscriptionRequest,
): number {
  if (version === 3) return options.qos
  return version === 5 ? reasonCode : ReasonCode.UnspecifiedError
}

/** Asking for what CONNACK said is not available is a Protocol Error; 3.x was not told. */
function unavailable(connection: Connection, reasonCode: number, statement: string): number {
  if (connection.version !== 5) return reasonCode
  throw new ProtocolError(reasonCode, 'not available, as CONNACK said', statement)
}

function grantedOptions(connection: Connection, request: SubscriptionRequest) {
  const { maximumQoS } = connection.core.config.mqtt
  const { options } = request
  if (options.qos <= maximumQoS) return shared(options)
  return shared({ ...options, qos: maximumQoS as QoS }) // [MQTT5-3.2.2-10]
}

const knownOptions = new Map<number, SubscriptionOptions>()

/** There are 36 of them, and a subscription need not keep its own. */
function shared(options: SubscriptionOptions): SubscriptionOptions {
  const { qos, noLocal, retainAsPublished, retainHandling } = options
  const key = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4)
  const known = knownOptions.get(key) ?? options
  if (known === options) knownOptions.set(key, options)
  return known
}

/** A new subscription that is to be sent what is retained. */
export interface Wanting {
  readonly subscription: Subscription
  /** The store has been told so, and has to be told when it is done. */
  readonly isStored: boolean
}

/** Adds or replaces one [MQTT5-3.8.4-3]; undefined when it wants nothing that is retained. */
export function addSubscription(
  core: Core,
  subscription: Subscription,
  now: number,
): Wanting | undefined {
  const isNew = core.sessions.subscribe(subscription)
  const wants = wantsRetained(subscription, isNew)
  const isStored = wants && mustSurvive(core, subscription, now)
  core.sessions.saveSubscription(subscription, isStored)
  return wants ? { subscription, isStored } : undefined
}

/** What it is sent joins the batch after the one that SUBACK waits for: a crash may come in between. */
function mustSurvive(core: Core, subscription: Subscription, now: number): boolean {
  if (subscription.options.qos === 0 || !subscription.session.isStored) return false
  let hasAny = false
  core.retained.matching(subscription.topicFilter, now, () => {
    hasAny = true
  })
  return hasAny
}

/** By Retain Handling [MQTT5-3.3.1-9] to -11; Shared Subscriptions do not (U5-3.8.4-a). */
function wantsRetained({ shareName, options }: Subscription, isNew: boolean): boolean {
  const { retainHandling } = options
  return shareName === undefined && (retainHandling === 0 || (retainHandling === 1 && isNew))
}

/** Sends what is retained to a new subscription: now, or when it finds room among what waits. */
export function sendRetained(core: Core, { subscription, isStored }: Wanting, now: number): void {
  const { session } = subscription
  const sending = new RetainedToOne(core, subscription)
  const hadMore = session.senderIfAny?.backlog?.forget(sending.text) === true
  let hasRoom = true
  core.retained.matching(subscription.topicFilter, now, (number) => {
    const { sender } = session
    hasRoom &&= sender.takesRetained(sending.qosOf(number))
    if (!hasRoom) sender.backlog ??= core.retained.backlogs.create()
    if (hasRoom || sender.backlog?.add(sending, number) !== true) sending.send(number)
  })
  const isSaid = hadMore || isStored
  if (isSaid && session.senderIfAny?.backlog?.has(sending.text) !== true) sending.waitingChanged()
}

/** How what is retained is sent to one subscription. */
class RetainedToOne implements RetainedSending {
  readonly text: string
  readonly #core: Core
  readonly #subscription: Subscription

  constructor(core: Core, subscription: Subscription) {
    this.#core = core
    this.#subscription = subscription
    this.text = subscription.text
  }

  waitingChanged(): void {
    this.#core.sessions.awaitsRetained(this.#subscription.session, this.text)
  }

  qosOf(number: number): QoS {
    const { qos } = this.#subscription.options
    return qos === 0 ? 0 : (Math.min(qos, this.#core.messages.qos(number)) as QoS) // [MQTT5-3.8.4-8]
  }

  send(number: number): void {
    const { messages, clock, publishing } = this.#core
    const { session } = this.#subscription
    if (mayStayPacked(this.#core, this.#subscription) && session.sender.deliverPacked(number))
      return
    const message = messages.read(number)
    if (message.expiresAt <= clock.now()) return
    if (!publishing.mayReceiveRetained(session, message)) return
    const delivery = gather(this.#subscription, message)
    // It is kept until it is acknowledged, and what it is a view of would be kept with it.
    if (delivery.qos > 0) message.payload = copyPayload(message.payload)
    // RETAIN 1 whatever Retain As Published is (U5-3.3.1-c).
    delivery.retain = true
    publishing.send(session, delivery)
  }
}

/** A retained message is sent as it is, and nobody has to look at it. */
function mayStayPacked(core: Core, { subscriptionIdentifier, options }: Subscription): boolean {
  const { access, hooks } = core
  const isSeen = hooks.seesMessages || !access.isOpen
  return !isSeen && options.qos === 0 && subscriptionIdentifier === undefined
}

/** UNSUBSCRIBE: exact matches are removed [MQTT5-3.10.4-1]; what is under way is finished. */
export function inboundUnsubscribe(
  connection: Connection,
  session: Session,
  unsubscribe: Unsubscribe,
): void {
  const { core } = connection
  const { mark } = core.journal
  const { packetIdentifier, topicFilters } = unsubscribe
  const reasonCodes = topicFilters.map((text) => {
    const subscription = findSubscription(core, session, text)
    if (subscription !== undefined) {
      core.sessions.forget(subscription)
      core.sessions.forgetFilter(session, text)
      return ReasonCode.Success
    }
    const reasonCode = checkUnknown(connection, text)
    // Where it was removed before and that found no room, it is not gone before it has.
    const { clientIdentifier } = session
    if (core.arrears.owes({ kind: 'subscription-end', clientIdentifier, text })) {
      core.sessions.forgetFilter(session, text)
    }
    return reasonCode
  })
  core.acknowledge(connection, mark, (error) => {
    if (error !== undefined) return connection.disconnect(0x83, 'store failed')
    connection.send({ type: 'unsuback', packetIdentifier, reasonCodes, properties: noProperties })
  })
}

/** Limits may have become stricter since it was made. */
function findSubscription(core: Core, session: Session, text: string): Subscription | undefined {
  try {
    return core.sessions.find(session, text)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

function checkUnknown(connection: Connection, text: string): number {
  try {
    parseSubscriptionFilter(text, connection.core.config.limits.topicLevels)
    return ReasonCode.NoSubscriptionExisted
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    // 3.x has no code in UNSUBACK to say it with.
    if (connection.version !== 5) throw error
    return error.reasonCode
  }
}
