import { ReasonCode } from '@busbar/protocol'
import { RetainedSources } from './access/retained-sources.ts'
import type { Core } from './core.ts'
import type { Delivery } from './delivery.ts'
import type { Message } from './message.ts'
import { copyPayload } from './payload.ts'
import type { Route } from './route-cache.ts'
import { deliveryCode, deliveryTo } from './router.ts'
import type { Session } from './session.ts'

/** What becomes of a message once its publisher may publish it: retained, routed, delivered. */
export class Publishing {
  readonly #core: Core
  readonly #sources: RetainedSources

  constructor(core: Core) {
    this.#core = core
    this.#sources = new RetainedSources(core.access, (id) => core.sessions.get(id))
  }

  /**
   * Retains and routes a message. Returns the Reason Code for its publisher: 0x10 when nobody has
   * subscribed, 0x97 when everybody's queue is full or there is no room to retain it. `mustWait`: it
   * may not leave before this turn's batch is committed; `route`: that of its topic, where it is known.
   */
  publish(message: Message, how: { mustWait?: boolean; route?: Route | undefined } = {}): number {
    if (message.retain) {
      if (!this.#core.retained.hasRoom(message)) {
        this.#core.losses.record(message.publisher, 'retained-full', message.payload.length)
        return ReasonCode.QuotaExceeded
      }
      this.#core.retained.store(message)
    }
    return this.route(message, how.mustWait, how.route)
  }

  /** A Will that is due; `mustWait` as above. */
  publishWill(will: Message, mustWait: boolean): void {
    const { publish } = this.#core.hooks
    if (publish === undefined) return this.#publishAllowedWill(will, mustWait)
    const { publisher: clientIdentifier, publisherUser: user } = will
    publish(will, { clientIdentifier, user, origin: 'will' }, (changed, refusal) => {
      if (changed !== undefined && refusal === undefined) {
        this.#publishAllowedWill(changed, mustWait)
      } else this.#core.losses.record(clientIdentifier, 'refused-by-hook', will.payload.length)
    })
  }

  /** A Will goes to those who wait for it also where there is no room to retain it. */
  #publishAllowedWill(will: Message, mustWait: boolean): void {
    const isKept = !will.retain || this.#core.retained.hasRoom(will)
    if (!isKept) this.#core.losses.record(will.publisher, 'retained-full', will.payload.length)
    this.publish(isKept ? will : { ...will, retain: false }, { mustWait })
  }

  /** Sends or queues a message as the hooks want it; false when it was lost. */
  send(session: Session, delivery: Delivery, mustWait = false): boolean {
    const { deliver } = this.#core.hooks
    if (deliver === undefined) return session.sender.deliver(delivery, mustWait)
    const changed = deliver(delivery, session)
    if (changed !== undefined) return session.sender.deliver(changed, mustWait)
    const { payload } = delivery.message
    this.#core.losses.record(session.clientIdentifier, 'refused-by-hook', payload.length)
    return true
  }

  /** To everybody who has subscribed; returns the Reason Code for the publisher. */
  route(message: Message, mustWait = false, known?: Route): number {
    const targets = (known ?? this.#core.router.learn(message.topicName))?.targets
    let delivered = 0
    let lost = 0
    if (targets !== undefined) {
      if (targets.length > 0) apart(message)
      for (const target of targets) {
        const outcome = this.deliver(target.session, deliveryTo(target, message), mustWait)
        if (outcome === 'delivered') delivered++
        else if (outcome === 'lost') lost++
      }
    } else {
      const deliveries = this.#core.router.match(message)
      if (deliveries.length > 0) apart(message)
      for (const delivery of deliveries) {
        const outcome = this.deliver(delivery.session, delivery, mustWait)
        if (outcome === 'delivered') delivered++
        else if (outcome === 'lost') lost++
      }
    }
    return deliveryCode(delivered, lost)
  }

  /** Whether a retained message may be sent to a new subscriber. What may not is in the ledger. */
  mayReceiveRetained(session: Session, message: Message): boolean {
    const { access, config, losses } = this.#core
    const isAllowed =
      access.mayReceive(session, message.topicName) &&
      (!config.access.checkRetainedSource || this.#sources.mayStillPublish(message))
    const { clientIdentifier } = session
    if (!isAllowed) losses.record(clientIdentifier, 'not-authorized', message.payload.length)
    return isAllowed
  }

  /** One delivery that the router has decided on, unless the receiver may not have it. */
  deliver(session: Session, delivery: Delivery, mustWait = false): 'delivered' | 'lost' | 'denied' {
    const { topicName, payload } = delivery.message
    if (this.#core.access.mayReceive(session, topicName)) {
      return this.send(session, delivery, mustWait) ? 'delivered' : 'lost'
    }
    this.#core.losses.record(session.clientIdentifier, 'not-authorized', payload.length)
    return 'denied'
  }
}

/** Whoever keeps it until it is acknowledged is not to keep what lies beside it where it is retained. */
function apart(message: Message): void {
  if (message.retain) message.payload = copyPayload(message.payload)
}
