import type { QoS } from '@busbar/protocol'
import { NumberSet } from './number-set.ts'

/** How the retained messages of one subscription are sent: by their numbers among the packed ones. */
export interface RetainedSending {
  /** As subscribed. */
  readonly text: string
  /** Something of it begins to wait, or nothing does any more. */
  waitingChanged(): void
  /** At which QoS this one goes. */
  qosOf(number: number): QoS
  send(number: number): void
}

/** A subscription that has yet to be sent these. */
interface Waiting {
  readonly sending: RetainedSending
  readonly numbers: NumberSet
}

/** What backlogs need to know of the retained messages, and of what is allowed. */
export interface BacklogOptions {
  /** The number of the topic's retained message. */
  readonly numberOf: (topicName: string) => number | undefined
  /** Whether one Session may have so many bytes of backlog. */
  readonly mayTake: (bytes: number) => boolean
}

/**
 * What one Session has yet to be sent of what was retained when it subscribed: more than there is room
 * for in its queue. It is no copy, but a bit for each message. What is no longer retained is not sent
 * any more: what replaced it, or its removal, was published to the subscription meanwhile.
 */
export class RetainedBacklog {
  readonly #all: RetainedBacklogs
  readonly #byFilter = new Map<string, Waiting>()

  constructor(all: RetainedBacklogs) {
    this.#all = all
  }

  get isEmpty(): boolean {
    return this.#byFilter.size === 0
  }

  /** False where it may not grow so much: nothing was done. */
  add(sending: RetainedSending, number: number): boolean {
    const { text } = sending
    const known = this.#byFilter.get(text)
    const waiting = known ?? { sending, numbers: new NumberSet() }
    const { numbers } = waiting
    const more = numbers.bytesWith(number) - numbers.bytes
    if (more > 0 && !this.#all.options.mayTake(this.#bytes + more)) return false
    numbers.add(number)
    this.#all.added(number)
    if (known === undefined) {
      this.#all.filled(this)
      this.#byFilter.set(text, waiting)
      sending.waitingChanged()
    }
    return true
  }

  /** Something waits for this filter. */
  has(text: string): boolean {
    return this.#byFilter.has(text)
  }

  get #bytes(): number {
    let bytes = 0
    for (const { numbers } of this.#byFilter.values()) bytes += numbers.bytes
    return bytes
  }

  /** Sends what the receiver takes now, one filter after the other. */
  sendTo(receiver: { takesRetained(qos: QoS): boolean }): void {
    for (const waiting of this.#byFilter.values()) {
      const { sending, numbers } = waiting
      for (let next = numbers.first; next !== undefined; next = numbers.first) {
        if (!receiver.takesRetained(sending.qosOf(next))) return
        this.#remove(waiting, next)
        sending.send(next)
      }
    }
  }

  /** Sends what waits of a topic: a later message to it must not overtake that [MQTT5-4.6.0-5]. */
  sendTopic(topicName: string): void {
    const number = this.#all.options.numberOf(topicName)
    if (number === undefined) return
    for (const waiting of this.#byFilter.values()) {
      if (this.#remove(waiting, number)) waiting.sending.send(number)
    }
  }

  /** It is no longer retained. */
  gone(number: number): void {
    for (const waiting of this.#byFilter.values()) this.#remove(waiting, number)
  }

  /** The subscription is gone, or begins anew. False when nothing of it has waited. */
  forget(text: string): boolean {
    if (!this.#byFilter.delete(text)) return false
    if (this.isEmpty) this.#all.emptied(this)
    return true
  }

  #remove({ sending, numbers }: Waiting, number: number): boolean {
    const wasThere = numbers.delete(number)
    if (wasThere && numbers.size === 0) {
      this.forget(sending.text)
      sending.waitingChanged()
    }
    return wasThere
  }
}

/** The backlogs of all Sessions. */
export class RetainedBacklogs {
  readonly options: BacklogOptions
  readonly #filled = new Set<RetainedBacklog>()
  /** In one of them, now or before: nearly every message that is replaced is in none. */
  #numbers = new NumberSet()

  constructor(options: BacklogOptions) {
    this.options = options
  }

  create(): RetainedBacklog {
    return new RetainedBacklog(this)
  }

  filled(backlog: RetainedBacklog): void {
    this.#filled.add(backlog)
  }

  added(number: number): void {
    this.#numbers.add(number)
  }

  emptied(backlog: RetainedBacklog): void {
    this.#filled.delete(backlog)
    if (this.#filled.size === 0) this.#numbers = new NumberSet()
  }

  /** A message is no longer retained, and its number may be another's soon. */
  gone(number: number): void {
    if (!this.#numbers.delete(number)) return
    for (const backlog of this.#filled) backlog.gone(number)
  }
}
