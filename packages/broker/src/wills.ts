import type { Will } from '@busbar/protocol'
import type { Context } from './context.ts'
import { Deadline } from './deadlines.ts'
import { createMessage, type Message } from './message.ts'
import type { Session } from './session.ts'
import { StoreFullError } from './store/errors.ts'

/** A Will Message on its Session, from CONNECT until it is published or dropped. */
export interface PendingWill {
  readonly will: Will
  readonly delayMs: number
  /** Set while the Network Connection is gone and the Will Delay Interval runs. */
  readonly due: Deadline
  dueAt: number
}

/** How long a Will waits for room in the store before it is published again. */
const retryMs = 1_000

interface WillEffects {
  /** `mustWait`: the message may not leave before this turn's batch is committed. */
  publish(message: Message, mustWait: boolean): void
  /** The Session has changed. */
  save(session: Session): void
}

/** Publishes Will Messages when their time has come. */
export class Wills {
  readonly #context: Context
  readonly #effects: WillEffects

  constructor(context: Context, effects: WillEffects) {
    this.#context = context
    this.#effects = effects
  }

  /** Ties the Will of an accepted CONNECT to its Session [MQTT5-3.1.2-7]. */
  keep(session: Session, will: Will): void {
    session.will = {
      will: { ...will, payload: will.payload.slice() },
      delayMs: (will.properties.willDelayInterval ?? 0) * 1_000,
      due: new Deadline(() => this.publish(session)),
      dueAt: Number.POSITIVE_INFINITY,
    }
  }

  /**
   * The Network Connection is gone and did not take the Will with it: published when its delay is
   * over or the Session ends [MQTT5-3.1.2-8]. `leftMs`: what is left of a delay that has begun.
   */
  connectionEnded(session: Session, leftMs = session.will?.delayMs ?? 0): void {
    const pending = session.will
    if (pending === undefined) return
    const delayMs = Math.min(leftMs, session.sessionExpiryInterval * 1_000)
    if (delayMs <= 0) return this.publish(session)
    pending.dueAt = this.#context.clock.now() + delayMs
    this.#context.deadlines.set(pending.due, pending.dueAt)
  }

  /** Deletes the Will unpublished: DISCONNECT 0x00 [MQTT5-3.14.4-3], or a timely return [MQTT5-3.1.3-9]. */
  cancel(session: Session): void {
    if (session.will === undefined) return
    this.#context.deadlines.clear(session.will.due)
    session.will = undefined
  }

  /** Publishes the Will now; it is deleted by that [MQTT5-3.1.2-10]. */
  publish(session: Session): void {
    const pending = session.will
    if (pending === undefined) return
    this.cancel(session)
    this.#send(session, pending.will)
  }

  #send(session: Session, will: Will): void {
    const { access, clock, losses } = this.#context
    const { topicName, payload, qos, retain, properties } = will
    // Asked again when it fires: the right to it may be gone since CONNECT.
    if (!access.mayPublish(session, topicName, retain)) {
      losses.record(session.clientIdentifier, 'not-authorized', payload.length)
      return
    }
    const { willDelayInterval: _, ...publishProperties } = properties
    const publisher = session.clientIdentifier
    const from = { publisher, publisherUser: session.user }
    const message = { topicName, payload, qos, retain, properties: publishProperties, ...from }
    this.#effects.publish(createMessage(message, clock.now()), session.isStored)
    if (!session.isStored) return
    // In the same batch, which it does not leave before: so a crash does not publish it twice.
    this.#effects.save(session)
    this.#context.journal.whenCommitted((error) => {
      if (error instanceof StoreFullError) this.#sendLater(session, will)
    })
  }

  /** Nobody has had it, and the Session in the store still has it: it goes when there is room. */
  #sendLater(session: Session, will: Will): void {
    const { clock, deadlines } = this.#context
    deadlines.set(new Deadline(() => this.#send(session, will)), clock.now() + retryMs)
  }
}
