import type { QoS } from '@busbar/protocol'
import type { Message } from '../message.ts'
import type { PackedMessages, PlainRecord } from '../packed-messages.ts'
import type { QueueEntry } from './store.ts'

type Fields = Omit<QueueEntry, 'message' | 'record' | 'plainBytes'>

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
  readonly #messages: PackedMessages
  readonly #number: number
  readonly #plainBytes: number | undefined
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
    this.#plainBytes =
      fields.subscriptionIdentifiers.length > 0 ? undefined : messages.plainBytes(number)
    this.#messages = messages
    this.#number = number
  }

  get plainBytes(): number | undefined {
    return this.#plainBytes
  }

  /** Looked up each time: it may have been moved, and nobody is to hold on to where it was. */
  get record(): PlainRecord | undefined {
    return this.#plainBytes === undefined ? undefined : this.#messages.plain(this.#number)
  }

  /** Its payload is a view of what stays as long as somebody looks at it. */
  get message(): Message {
    this.#message ??= this.#messages.read(this.#number)
    return this.#message
  }
}
