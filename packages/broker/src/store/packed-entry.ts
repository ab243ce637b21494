import type { QoS } from '@busbar/protocol'
import type { Message } from '../message.ts'
import type { PackedMessages, PlainRecord } from '../packed-messages.ts'
import type { QueueEntry } from './store.ts'

type Fields = Omit<QueueEntry, 'message' | 'record'>

/**
 * An entry of a packed message, which is read when somebody asks for it: nearly all are sent from
 * where they are. The store holds the message until the end of the entry is committed.
 */
export class PackedEntry implements QueueEntry {
  readonly position: number
  readonly qos: QoS
  readonly retain: boolean
  readonly subscriptionIdentifiers: readonly number[]
  readonly sharedFilter: string | undefined
  packetIdentifier: number
  state: QueueEntry['state']
  readonly record: PlainRecord | undefined
  readonly #messages: PackedMessages
  readonly #number: number
  #message: Message | undefined

  /** `number`: that of its message. */
  constructor(messages: PackedMessages, number: number, fields: Fields) {
    this.position = fields.position
    this.qos = fields.qos
    this.retain = fields.retain
    this.subscriptionIdentifiers = fields.subscriptionIdentifiers
    this.sharedFilter = fields.sharedFilter
    this.packetIdentifier = fields.packetIdentifier
    this.state = fields.state
    // With an identifier of its subscription it is not the packet that others get.
    const isPlain = fields.subscriptionIdentifiers.length === 0
    this.record = isPlain ? messages.plain(number) : undefined
    this.#messages = messages
    this.#number = number
  }

  /** Its payload is a view of what stays as long as somebody looks at it. */
  get message(): Message {
    this.#message ??= this.#messages.read(this.#number)
    return this.#message
  }
}
