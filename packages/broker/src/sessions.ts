import { ByText, parseSubscriptionFilter, protocolError } from '@busbar/protocol'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { gather, type Router } from './router.ts'
import { Session, type SessionIdentity } from './session.ts'
import type { Change, QueueEntry, StoredDeadline, StoredSession } from './store/store.ts'
import type { Subscription } from './subscription.ts'
import type { Wills } from './wills.ts'

/** The value that means "never" in a Session Expiry Interval (section 3.1.2.11.2). */
const never = 0xffff_ffff

/** Seconds, Infinity for never, at most what the configuration allows. */
export function limitExpiry(config: Config, seconds: number): number {
  const { sessionExpiryMaximumSeconds: limit } = config.mqtt
  const asked = seconds === never ? Number.POSITIVE_INFINITY : seconds
  return limit === 'never' ? asked : Math.min(asked, limit)
}

/** So many stored entries of a Session that ends are passed on at once. */
const pageLength = 256

interface Leaving {
  readonly session: Session
  /** Those who wait for it. */
  readonly gone: (() => void)[]
}

/** All Sessions by Client Identifier: how they begin, wait and end. */
export class Sessions {
  readonly context: Context
  readonly #router: Router
  readonly #wills: Wills
  readonly #byIdentifier = new ByText<Session>()
  /** They have ended, and what they had for others is still being passed on. */
  #leaving = new Map<string, Leaving>()

  constructor(context: Context, router: Router, wills: Wills) {
    this.context = context
    this.#router = router
    this.#wills = wills
  }

  get(clientIdentifier: string): Session | undefined {
    return this.#byIdentifier.get(clientIdentifier)
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#byIdentifier[Symbol.iterator]()
  }

  /** A Session with this Client Identifier has ended, and is still in the way of another. */
  isLeaving(clientIdentifier: string): boolean {
    return this.#leaving.has(clientIdentifier)
  }

  /** Calls back when it is no longer. */
  whenGone(clientIdentifier: string, gone: () => void): void {
    this.#leaving.get(clientIdentifier)?.gone.push(gone)
  }

  /** A new Session; its predecessor must have ended, and be gone. */
  begin(identity: SessionIdentity): Session {
    const session = new Session(this, identity)
    this.#byIdentifier.set(identity.clientIdentifier, session)
    this.context.statistics.sessions++
    this.context.hooks.sessionBegan?.(session)
    return session
  }

  /** Says once more what the store could not be told; false when that is out of date. */
  restate(change: Change): boolean {
    if (change.kind === 'session' || change.kind === 'session-end') {
      const { clientIdentifier } = change.kind === 'session' ? change.session : change
      const session = this.#byIdentifier.get(clientIdentifier)
      if (session?.isStored) this.save(session)
      // Else its end is still to come.
      else if (!this.#leaving.has(clientIdentifier)) {
        const { journal, durability } = this.context
        journal.add({ kind: 'session-end', clientIdentifier }, durability.default)
      }
      return true
    }
    if (change.kind !== 'subscription' && change.kind !== 'subscription-end') return false
    const session = this.#byIdentifier.get(change.clientIdentifier)
    if (!session?.isStored) return false
    const text = change.kind === 'subscription' ? change.subscription.text : change.text
    const subscription = this.find(session, text)
    if (subscription === undefined) this.forgetFilter(session, text)
    else this.saveSubscription(subscription)
    return true
  }

  /** The subscription that a Session has with this text. Throws a ProtocolError where it is no filter. */
  find(session: Session, text: string): Subscription | undefined {
    return this.#router.find(session, parseSubscriptionFilter(text))
  }

  /** Whether it awaits something retained has changed. */
  awaitsRetained(session: Session, text: string): void {
    if (!session.isStored || session.hasEnded) return
    const subscription = this.find(session, text)
    if (subscription !== undefined) this.saveSubscription(subscription)
  }

  /** `isNext`: what is retained is to be sent to it next. */
  saveSubscription(
    { session, text, options, subscriptionIdentifier }: Subscription,
    isNext = false,
  ): void {
    if (!session.isStored) return
    const { clientIdentifier, level, senderIfAny } = session
    const isAwaited = isNext || senderIfAny?.backlog?.has(text) === true
    const awaits = isAwaited && ({ awaitsRetained: true } as const)
    const subscription = { text, options, subscriptionIdentifier, ...awaits }
    this.context.journal.add({ kind: 'subscription', clientIdentifier, subscription }, level)
  }

  forgetFilter({ isStored, clientIdentifier, level }: Session, text: string): void {
    if (!isStored) return
    this.context.journal.add({ kind: 'subscription-end', clientIdentifier, text }, level)
  }

  /** The Session's lasting properties have changed. */
  save(session: Session): void {
    const { clientIdentifier, isStored, hasEnded } = session
    if (!isStored || (hasEnded && this.#leaving.get(clientIdentifier)?.session !== session)) return
    this.context.journal.add({ kind: 'session', session: this.#stored(session) }, session.level)
  }

  /** Its Network Connection is gone: the Session waits, or ends with it [MQTT5-4.1.0-2]. */
  connectionEnded(session: Session): void {
    const { clock, deadlines } = this.context
    session.connection = undefined
    const endsAt = clock.now() + session.sessionExpiryInterval * 1_000
    session.endsAt = endsAt
    this.#wills.connectionEnded(session)
    if (session.sessionExpiryInterval === 0) return this.end(session)
    deadlines.set(session, endsAt)
    this.save(session)
  }

  /** Its Session Expiry Interval has passed. */
  expire(session: Session): void {
    this.context.statistics.sessionsExpired++
    this.end(session)
  }

  /** Throws the Session's state away; its Will is published if that is still due. */
  end(session: Session): void {
    if (session.hasEnded) return
    session.hasEnded = true
    const { deadlines, hooks, statistics } = this.context
    const { clientIdentifier } = session
    this.#byIdentifier.delete(clientIdentifier)
    statistics.sessions--
    hooks.sessionEnded?.(session)
    deadlines.clear(session)
    const hasOfOthers = session.senderIfAny !== undefined || session.will !== undefined
    if (hasOfOthers) this.#leaving.set(clientIdentifier, { session, gone: [] })
    this.#wills.publish(session)
    for (const subscription of session.subscriptions) this.forget(subscription)
    if (!hasOfOthers) return this.#saveEnd(session)
    this.#passOn(session, () => {
      const { gone } = this.#leaving.get(clientIdentifier) ?? { gone: [] }
      this.#leaving.delete(clientIdentifier)
      // Most leave at once, so that a Map for all of them would be a chain of tables (`ByText`).
      if (this.#leaving.size === 0) this.#leaving = new Map()
      this.#saveEnd(session)
      for (const goOn of gone) goOn()
    })
  }

  #saveEnd({ isStored, clientIdentifier, level }: Session): void {
    if (isStored) this.context.journal.add({ kind: 'session-end', clientIdentifier }, level)
  }

  /** DISCONNECT gives another Session Expiry Interval (U5-3.14.2-b). */
  changeExpiry(session: Session, seconds: number): void {
    if (session.sessionExpiryInterval === 0 && seconds > 0) {
      throw protocolError('Session Expiry Interval was 0 in CONNECT', 'U5-3.14.2-a')
    }
    session.sessionExpiryInterval = limitExpiry(this.context.config, seconds)
  }

  /** Adds a subscription, or replaces the one with the same filter: then it returns false. */
  subscribe(subscription: Subscription): boolean {
    const { session, shareName } = subscription
    const replaced = this.#router.add(subscription)
    if (replaced === undefined) this.#countSubscription(subscription, 1)
    else session.removeSubscription(replaced)
    session.addSubscription(subscription)
    session.hasShared ||= shareName !== undefined
    return replaced === undefined
  }

  /** Removes a subscription for good. */
  unsubscribe(subscription: Subscription): void {
    this.forget(subscription)
    this.forgetFilter(subscription.session, subscription.text)
  }

  /** Removes a subscription from routing and from its Session. */
  forget(subscription: Subscription): void {
    this.#router.remove(subscription)
    subscription.session.removeSubscription(subscription)
    subscription.session.senderIfAny?.backlog?.forget(subscription.text)
    this.#countSubscription(subscription, -1)
  }

  #countSubscription(subscription: Subscription, sign: 1 | -1): void {
    const { statistics } = this.context
    statistics.subscriptions += sign
    if (subscription.shareName !== undefined) statistics.sharedSubscriptions += sign
  }

  /**
   * What a Shared Subscription gave to a Session that ends goes to another member (U5-4.8.2-c), but a
   * QoS 2 delivery that has begun does not [MQTT5-4.8.2-5]. Everything else is lost, and counted.
   * Each entry leaves this queue and joins the other in one batch, and the Session's end is stored
   * behind them all: wherever a crash falls, each is in one place.
   */
  #passOn(session: Session, finished: () => void): void {
    const { statistics, losses } = this.context
    const { clientIdentifier, hasShared, senderIfAny: sender } = session
    if (sender === undefined) return finished()
    statistics.inFlight -= sender.inFlight
    let open = 1
    const close = () => {
      if (--open === 0) finished()
    }
    const given = sender.giveUp((entry, error) => {
      const bytes = entry.message.payload.length
      // A message that could not be stored was not acknowledged: its publisher sends it again.
      if (error !== undefined) losses.record(clientIdentifier, 'store-failed', bytes)
      else this.#passOnEntry(session, entry)
      close()
    })
    const { waiting, packed, begun, undecided, inStore, lastInHand } = given
    open += undecided
    if (packed.messages > 0)
      losses.record(clientIdentifier, 'session-ended', packed.bytes, packed.messages)
    for (const bytes of begun) losses.record(clientIdentifier, 'session-ended', bytes)
    for (const entry of waiting) this.#passOnEntry(session, entry)
    if (inStore > 0 && hasShared) {
      open++
      this.#passOnStored(session, lastInHand, inStore, close)
    } else if (inStore > 0) losses.record(clientIdentifier, 'session-ended', 0, inStore)
    close()
  }

  /** The same, page by page, for what is in the store only. */
  #passOnStored(session: Session, behind: number, count: number, done: () => void): void {
    const { store, losses, log } = this.context
    const { clientIdentifier } = session
    const limit = Math.min(count, pageLength)
    store.readQueue(clientIdentifier, behind, limit, (entries, error) => {
      for (const entry of entries) this.#passOnEntry(session, entry)
      const last = entries.at(-1)
      const left = count - entries.length
      if (last !== undefined && left > 0) {
        return this.#passOnStored(session, last.position, left, done)
      }
      if (error !== undefined)
        log.error('queue cannot be read', { clientId: clientIdentifier, error })
      if (left > 0) losses.record(clientIdentifier, 'session-ended', 0, left)
      done()
    })
  }

  #passOnEntry(session: Session, entry: QueueEntry): void {
    const { access, losses, journal } = this.context
    const { clientIdentifier, isStored } = session
    const { position, qos, message } = entry
    const heir = this.#heir(entry)
    if (heir === undefined) {
      return losses.record(clientIdentifier, 'session-ended', message.payload.length)
    }
    if (isStored && qos > 0) journal.add({ kind: 'done', clientIdentifier, position }, 'memory')
    if (access.mayReceive(heir.session, message.topicName)) {
      heir.session.sender.deliver(gather(heir, message))
    } else losses.record(heir.session.clientIdentifier, 'not-authorized', message.payload.length)
  }

  #heir(entry: QueueEntry): Subscription | undefined {
    if (entry.sharedFilter === undefined) return undefined
    return this.#router.chooseAnother(entry.sharedFilter, entry.message)
  }

  #stored(session: Session): StoredSession {
    const { clientIdentifier, user, protocolVersion, sessionExpiryInterval, will } = session
    const { endsAt = Number.POSITIVE_INFINITY } = session
    const isWaiting = session.connection === undefined
    return {
      clientIdentifier,
      owner: user,
      protocolVersion,
      sessionExpiryInterval,
      ends:
        isWaiting && endsAt !== Number.POSITIVE_INFINITY
          ? this.#deadline(endsAt - this.context.clock.now())
          : undefined,
      will: will && {
        ...will.will,
        due:
          isWaiting && will.dueAt !== Number.POSITIVE_INFINITY
            ? this.#deadline(will.dueAt - this.context.clock.now())
            : undefined,
      },
    }
  }

  #deadline(remainingMs: number): StoredDeadline {
    return { atMs: this.context.clock.wallNow() + remainingMs, remainingMs }
  }
}
