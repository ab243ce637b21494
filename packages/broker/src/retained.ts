import { type TopicFilter, TopicIndex, type TopicName } from '@busbar/protocol'
import type { Context } from './context.ts'
import { type Message, messageBytes } from './message.ts'

/** The retained message of each topic. */
export class Retained {
  readonly #context: Context
  readonly #messages = new TopicIndex<Message>()
  /** What the limits are for: all but the broker's own. */
  readonly #limited = { messages: 0, bytes: 0 }

  constructor(context: Context) {
    this.#context = context
  }

  /** Replaces the topic's message [MQTT5-3.3.1-5]; an empty one removes it [MQTT5-3.3.1-6], -7. */
  store(message: Message): void {
    const { journal, durability, arrears } = this.#context
    const level = durability.ofMessage(message.topicName)
    if (message.payload.length === 0) {
      const change = { kind: 'retained-end', topicName: message.topicName } as const
      // Where an earlier deletion found no room, this one is not done before it has.
      if (this.#forget(message.topicName) || arrears.owes(change)) journal.add(change, level)
      return
    }
    this.restore(message)
    journal.add({ kind: 'retained', message }, level)
  }

  /** Whether the limits allow it to be kept. */
  hasRoom(message: Message): boolean {
    if (message.payload.length === 0) return true
    const { retainedMessages, retainedBytes } = this.#context.config.limits
    const replaced = this.#messages.get(message.topicName as TopicName)
    const count = this.#limited.messages + (replaced === undefined ? 1 : 0)
    const freed = replaced === undefined ? 0 : messageBytes(replaced)
    const bytes = this.#limited.bytes - freed + messageBytes(message)
    return (
      (retainedMessages === 0 || count <= retainedMessages) &&
      (retainedBytes === 0 || bytes <= retainedBytes)
    )
  }

  /** Says once more what the store could not be told of a topic. */
  restate(topicName: string): void {
    const { journal, durability } = this.#context
    const message = this.#messages.get(topicName as TopicName)
    const level = durability.ofMessage(topicName)
    if (message === undefined) journal.add({ kind: 'retained-end', topicName }, level)
    else journal.add({ kind: 'retained', message }, level)
  }

  /** A message that the store has already. */
  restore(message: Message): void {
    this.#forget(message.topicName)
    this.#messages.set(message.topicName as TopicName, message)
    this.#count(message, 1)
  }

  /** What a new subscription is sent, expired messages left out (U5-3.3.1-b). */
  *matching(filter: TopicFilter, now: number): Iterable<Message> {
    for (const message of this.#messages.matching(filter)) {
      if (message.expiresAt > now) yield message
      else this.#expire(message)
    }
  }

  /** Throws expired messages away that nobody asked for. */
  sweep(now: number): void {
    for (const message of this.#messages) if (message.expiresAt <= now) this.#expire(message)
  }

  get size(): number {
    return this.#messages.size
  }

  #expire(message: Message): void {
    this.#forget(message.topicName)
    const { topicName } = message
    this.#context.journal.add({ kind: 'retained-end', topicName }, 'memory')
  }

  #forget(topicName: string): boolean {
    const message = this.#messages.get(topicName as TopicName)
    if (message === undefined) return false
    this.#count(message, -1)
    return this.#messages.delete(topicName as TopicName)
  }

  #count(message: Message, sign: 1 | -1): void {
    if (!message.topicName.startsWith('$SYS/')) {
      this.#limited.messages += sign
      this.#limited.bytes += sign * messageBytes(message)
    }
    this.#context.statistics.retainedMessages += sign
    this.#context.statistics.retainedBytes += sign * messageBytes(message)
  }
}
