import { protocolError } from '@busbar/protocol'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { gather, type Router } from './router.ts'
import { Session, type SessionIdentity } from './session.ts'
import type { QueueEntry, StoredDeadline, StoredSession } from './store/store.ts'
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

/** All Sessions by Client Identifier: how they begin, wait and end. */
export class Sessions {
  readonly #context: Context
  readonly #router: Router
  readonly #wills: Wills
  readonly #byIdentifier = new Map<string, Session>()

  constructor(context: Context, router: Router, wills: Wills) {
    this.#context = context
    this.#router = router
    this.#wills = wills
  }

  get(clientIdentifier: string): Session | undefined {
    return this.#byIdentifier.get(clientIdentifier)
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#byIdentifier.values()
  }

  /** A new Session; its predecessor must have ended. */
  begin(identity: SessionIdentity): Session {
    const session = new Session(this.#context, identity, (expired) => {
      this.#context.statistics.sessionsExpired++
      this.end(expired)
    })
    this.#byIdentifier.set(identity.clientIdentifier, session)
    this.#context.statistics.sessions++
    return session
  }

  /** Deletes what the store may have kept of an earlier Session that it could not delete. */
  forgetStored({ clientIdentifier, level }: Session): void {
    this.#context.journal.add({ kind: 'session-end', clientIdentifier }, level)
  }

  /** The Session's lasting properties have changed. */
  save(session: Session): void {
    if (!session.isStored) return
    this.#context.journal.add({ kind: 'session', session: this.#stored(session) }, session.level)
  }

  /** Its Network Connection is gone: the Session waits, or ends with it [MQTT5-4.1.0-2]. */
  connectionEnded(session: Session): void {
    const { clock, deadlines } = this.#context
    session.connection = undefined
    session.endsAt = clock.now() + session.sessionExpiryInterval * 1_000
    this.#wills.connectionEnded(session)
    if (session.sessionExpiryInterval === 0) return this.end(session)
    deadlines.set(session.ends, session.endsAt)
    this.save(session)
  }

  /** Throws the Session's state away; its Will is published if that is still due. */
  end(session: Session): void {
    if (session.hasEnded) return
    session.hasEnded = true
    const { deadlines, journal, statistics } = this.#context
    const { clientIdentifier } = session
    this.#byIdentifier.delete(clientIdentifier)
    statistics.sessions--
    deadlines.clear(session.ends)
    this.#wills.publish(session)
    for (const subscription of session.subscriptions.values()) this.forget(subscription)
    this.#passOn(session)
    if (session.isStored) journal.add({ kind: 'session-end', clientIdentifier }, session.level)
  }

  /** DISCONNECT gives another Session Expiry Interval (U5-3.14.2-b). */
  changeExpiry(session: Session, seconds: number): void {
    if (session.sessionExpiryInterval === 0 && seconds > 0) {
      throw protocolError('Session Expiry Interval was 0 in CONNECT', 'U5-3.14.2-a')
    }
    session.sessionExpiryInterval = limitExpiry(this.#context.config, seconds)
  }

  /** Adds a subscription, or replaces the one with the same filter. */
  subscribe(subscription: Subscription): void {
    const { session, filter } = subscription
    if (!session.subscriptions.has(filter.text)) this.#countSubscription(subscription, 1)
    session.subscriptions.set(filter.text, subscription)
    session.hasShared ||= filter.shareName !== undefined
    this.#router.add(subscription)
  }

  /** Removes a subscription from routing and from its Session. */
  forget(subscription: Subscription): void {
    const { session, filter } = subscription
    this.#router.remove(subscription)
    session.subscriptions.delete(filter.text)
    this.#countSubscription(subscription, -1)
  }

  #countSubscription(subscription: Subscription, sign: 1 | -1): void {
    const { statistics } = this.#context
    statistics.subscriptions += sign
    if (subscription.filter.shareName !== undefined) statistics.sharedSubscriptions += sign
  }

  /**
   * What a Shared Subscription gave to a Session that ends goes to another member (U5-4.8.2-c), but a
   * QoS 2 delivery that has begun does not [MQTT5-4.8.2-5]. Everything else is lost, and counted.
   */
  #passOn(session: Session): void {
    const { statistics, store, losses } = this.#context
    const { clientIdentifier, queue } = session
    const unfinished = [...session.outbound.unfinished()].map((entry) => entry.message)
    statistics.inFlight -= unfinished.length
    const { inStore, lastInHand } = queue
    const inHand = queue.clear()
    for (const entry of [...unfinished, ...inHand]) this.#passOnEntry(session, entry)
    if (inStore === 0) return
    if (!session.hasShared) return losses.record(clientIdentifier, 'session-ended', 0, inStore)
    // Asked for before this turn's batch, which deletes them, is handed over.
    store.readQueue(clientIdentifier, lastInHand, inStore, (entries) => {
      for (const entry of entries) this.#passOnEntry(session, entry)
    })
  }

  #passOnEntry(session: Session, entry: QueueEntry): void {
    const { losses } = this.#context
    const heir = entry.qos === 2 && entry.state !== 'queued' ? undefined : this.#heir(entry)
    if (heir !== undefined) heir.session.deliver(gather(heir, entry.message))
    else losses.record(session.clientIdentifier, 'session-ended', entry.message.payload.length)
  }

  #heir(entry: QueueEntry): Subscription | undefined {
    if (entry.sharedFilter === undefined) return undefined
    return this.#router.chooseAnother(entry.sharedFilter, entry.message)
  }

  #stored(session: Session): StoredSession {
    const { clientIdentifier, user, protocolVersion, sessionExpiryInterval, will } = session
    const isWaiting = session.connection === undefined
    return {
      clientIdentifier,
      owner: user,
      protocolVersion,
      sessionExpiryInterval,
      ends:
        isWaiting && session.endsAt !== Number.POSITIVE_INFINITY
          ? this.#deadline(session.endsAt - this.#context.clock.now())
          : undefined,
      will: will && {
        ...will.will,
        due:
          isWaiting && will.dueAt !== Number.POSITIVE_INFINITY
            ? this.#deadline(will.dueAt - this.#context.clock.now())
            : undefined,
      },
    }
  }

  #deadline(remainingMs: number): StoredDeadline {
    return { atMs: this.#context.clock.wallNow() + remainingMs, remainingMs }
  }
}
