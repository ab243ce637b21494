import { type TopicFilter, TopicIndex } from '@busbar/protocol'
import { type Context, seedFrom } from './context.ts'
import { type Message, messageBytes } from './message.ts'
import type { PackedMessages } from './packed-messages.ts'
import { RetainedBacklogs } from './retained-backlog.ts'
import type { Change, DurabilityLevel } from './store/store.ts'

/** The retained message of each topic. */
export class Retained {
  /** What Sessions have yet to be sent of it. */
  readonly backlogs: RetainedBacklogs
  readonly #context: Context
  readonly #messages: PackedMessages
  /** The number of each message there, by topic. */
  readonly #numbers: TopicIndex
  /** How many can expire. */
  #mortal = 0
  /** What the limits are for: all but the broker's own. */
  readonly #limited = { messages: 0, bytes: 0 }

  constructor(context: Context) {
    this.#context = context
    this.#messages = context.messages
    this.#numbers = new TopicIndex(seedFrom(context.random))
    this.backlogs = new RetainedBacklogs({
      numberOf: (topicName) => this.#numbers.get(topicName),
      // With no more memory, and within what may wait for one Session.
      mayTake: (bytes) => !context.memory.isShort && bytes <= context.config.limits.queue.bytes,
    })
  }

  /** Replaces the topic's message [MQTT5-3.3.1-5]; an empty one removes it [MQTT5-3.3.1-6], -7. */
  store(message: Message): void {
    const { journal, durability, arrears } = this.#context
    const level = durability.ofMessage(message.topicName)
    if (message.payload.length === 0) {
      const change = { kind: 'retained-end', topicName: message.topicName } as const
      // Where an earlier deletion found no room, this one is not done before it has.
      if (this.#forget(message.topicName) || arrears.owes(change)) this.#tell(change, level)
      return
    }
    const number = this.restore(message)
    if (this.#context.store.ignoresRetained) return
    // From now on it is here, whatever it was a view of.
    message.payload = this.#messages.payload(number)
    journal.add({ kind: 'retained', message }, level)
  }

  /** Whether the limits allow it to be kept. */
  hasRoom(message: Message): boolean {
    if (message.payload.length === 0) return true
    const { retainedMessages, retainedBytes } = this.#context.config.limits
    const fits = (count: number, bytes: number) =>
      (retainedMessages === 0 || this.#limited.messages + count <= retainedMessages) &&
      (retainedBytes === 0 || this.#limited.bytes + bytes <= retainedBytes)
    const bytes = messageBytes(message)
    if (!this.#context.memory.isShort && fits(1, bytes)) return true
    // What it replaces makes room.
    const replaced = this.#find(message.topicName)
    return replaced !== undefined && fits(0, bytes - messageBytes(replaced))
  }

  /** Says once more what the store could not be told of a topic. */
  restate(topicName: string): void {
    const message = this.#find(topicName)
    const level = this.#context.durability.ofMessage(topicName)
    if (message === undefined) this.#tell({ kind: 'retained-end', topicName }, level)
    else this.#tell({ kind: 'retained', message }, level)
  }

  /** A message that the store has already; gives its number among the packed ones. */
  restore(message: Message): number {
    const number = this.#messages.keep(message)
    this.#count(message, 1)
    const replaced = this.#numbers.set(message.topicName, number)
    if (replaced !== undefined) this.#release(replaced)
    return number
  }

  /**
   * Shows what a new subscription is sent, as numbers of packed messages; expired ones are left out
   * (U5-3.3.1-b).
   */
  matching(filter: TopicFilter, now: number, visit: (number: number) => void): void {
    // What the broker says of itself is found by filters with `$` only [MQTT5-4.7.2-1].
    if (this.#limited.messages === 0 && !filter.startsWith('$')) return
    this.#numbers.match(filter, (number) => {
      if (this.#messages.expiresAt(number) > now) visit(number)
      else this.#expire(number)
    })
  }

  /** Throws expired messages away that nobody asked for. */
  sweep(now: number): void {
    if (this.#mortal === 0) return
    this.#numbers.each((number) => {
      if (this.#messages.expiresAt(number) <= now) this.#expire(number)
    })
  }

  get size(): number {
    return this.#numbers.size
  }

  #find(topicName: string): Message | undefined {
    const number = this.#numbers.get(topicName)
    return number === undefined ? undefined : this.#messages.read(number)
  }

  #tell(change: Change, level: DurabilityLevel): void {
    if (!this.#context.store.ignoresRetained) this.#context.journal.add(change, level)
  }

  #expire(number: number): void {
    const { topicName } = this.#messages.read(number)
    this.#forget(topicName)
    this.#tell({ kind: 'retained-end', topicName }, 'memory')
  }

  #forget(topicName: string): boolean {
    const number = this.#numbers.delete(topicName)
    if (number !== undefined) this.#release(number)
    return number !== undefined
  }

  #release(number: number): void {
    this.backlogs.gone(number)
    this.#count(this.#messages.read(number), -1)
    this.#messages.release(number)
  }

  #count(message: Message, sign: 1 | -1): void {
    const bytes = sign * messageBytes(message)
    if (!message.topicName.startsWith('$SYS/')) {
      this.#limited.messages += sign
      this.#limited.bytes += bytes
    }
    if (message.expiresAt !== Number.POSITIVE_INFINITY) this.#mortal += sign
    this.#context.statistics.retainedMessages += sign
    this.#context.statistics.retainedBytes += bytes
  }
}
