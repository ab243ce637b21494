import { type TopicFilter, TopicIndex, type TopicName } from '@busbar/protocol'
import type { Context } from './context.ts'
import { type Message, messageBytes } from './message.ts'
import { RetainedEntry, RetainedPayloads } from './retained-entry.ts'

/** The retained message of each topic. */
export class Retained {
  readonly #context: Context
  readonly #entries = new TopicIndex<RetainedEntry>()
  readonly #payloads = new RetainedPayloads()
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
    const replaced = this.#entries.get(message.topicName as TopicName)
    const count = this.#limited.messages + (replaced === undefined ? 1 : 0)
    const freed = replaced === undefined ? 0 : replaced.bytes
    const bytes = this.#limited.bytes - freed + messageBytes(message)
    return (
      (retainedMessages === 0 || count <= retainedMessages) &&
      (retainedBytes === 0 || bytes <= retainedBytes)
    )
  }

  /** Says once more what the store could not be told of a topic. */
  restate(topicName: string): void {
    const { journal, durability } = this.#context
    const message = this.#entries.get(topicName as TopicName)?.message
    const level = durability.ofMessage(topicName)
    if (message === undefined) journal.add({ kind: 'retained-end', topicName }, level)
    else journal.add({ kind: 'retained', message }, level)
  }

  /** A message that the store has already. */
  restore(message: Message): void {
    this.#forget(message.topicName)
    const entry = new RetainedEntry(message)
    this.#payloads.add(entry)
    this.#entries.set(message.topicName as TopicName, entry)
    this.#count(entry, 1)
    if (this.#payloads.isWasteful) this.#payloads.pack(this.#entries)
  }

  /** What a new subscription is sent, expired messages left out (U5-3.3.1-b). */
  *matching(filter: TopicFilter, now: number): Iterable<Message> {
    for (const entry of this.#entries.matching(filter)) {
      if (entry.expiresAt > now) yield entry.message
      else this.#expire(entry)
    }
  }

  /** Throws expired messages away that nobody asked for. */
  sweep(now: number): void {
    for (const entry of this.#entries) if (entry.expiresAt <= now) this.#expire(entry)
  }

  get size(): number {
    return this.#entries.size
  }

  #expire({ topicName }: RetainedEntry): void {
    this.#forget(topicName)
    this.#context.journal.add({ kind: 'retained-end', topicName }, 'memory')
  }

  #forget(topicName: string): boolean {
    const entry = this.#entries.get(topicName as TopicName)
    if (entry === undefined) return false
    this.#payloads.removed(entry)
    this.#count(entry, -1)
    return this.#entries.delete(topicName as TopicName)
  }

  #count({ topicName, bytes }: RetainedEntry, sign: 1 | -1): void {
    if (!topicName.startsWith('$SYS/')) {
      this.#limited.messages += sign
      this.#limited.bytes += sign * bytes
    }
    this.#context.statistics.retainedMessages += sign
    this.#context.statistics.retainedBytes += sign * bytes
  }
}
