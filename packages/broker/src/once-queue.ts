import { Fifo } from './fifo.ts'
import type { Amount } from './losses.ts'
import type { Message } from './message.ts'
import type { PackedMessages, PlainRecord } from './packed-messages.ts'
import { keepAlone } from './payload.ts'
import type { QueueEntry } from './store/store.ts'

const noIdentifiers: readonly number[] = []

/**
 * What waits for one Session at QoS 0, in order. Nearly always it is a packed message and whether
 * RETAIN is set, as one number; what has more to it stays what it is.
 */
export class OnceQueue {
  readonly #messages: PackedMessages
  readonly #entries = new Fifo<number | QueueEntry>()

  constructor(messages: PackedMessages) {
    this.#messages = messages
  }

  get length(): number {
    return this.#entries.length
  }

  push(entry: QueueEntry): void {
    const { message, retain, subscriptionIdentifiers, sharedFilter } = entry
    if (subscriptionIdentifiers.length > 0 || sharedFilter !== undefined) {
      keepAlone(message)
      this.#entries.push(entry)
    } else this.#entries.push(this.#messages.keep(message) * 2 + (retain ? 1 : 0))
  }

  /** The same of a packed message of which no more than this is known. */
  pushPacked(number: number, retain: boolean): void {
    this.#messages.hold(number)
    this.#entries.push(number * 2 + (retain ? 1 : 0))
  }

  /** The next one, if it can be sent without being read. */
  get firstPlain(): { readonly record: PlainRecord; readonly retain: boolean } | undefined {
    const entry = this.#entries.first
    const record = typeof entry === 'number' ? this.#messages.plain(entry >>> 1) : undefined
    return record && { record, retain: ((entry as number) & 1) !== 0 }
  }

  /** Done with that. */
  dropFirst(): void {
    this.#messages.release((this.#entries.shift() as number) >>> 1)
  }

  /** The next one, to be sent now: its payload may be a view of what others share. */
  shift(): QueueEntry | undefined {
    const entry = this.#entries.shift()
    return typeof entry === 'number' ? this.#unpack(entry) : entry
  }

  /** Keeps those that may stay, and gives the others. */
  purge(mayStay: (message: Message) => boolean): readonly QueueEntry[] {
    const gone: QueueEntry[] = []
    const entries = [...this.#entries]
    this.#entries.clear()
    for (const entry of entries) {
      const { message } = typeof entry === 'number' ? this.#read(entry) : entry
      if (mayStay(message)) this.#entries.push(entry)
      else gone.push(typeof entry === 'number' ? this.#unpack(entry) : entry)
    }
    return gone
  }

  /** Empties it; what is packed, and goes to nobody else, is not read for that. */
  clear(): { readonly entries: readonly QueueEntry[]; readonly packed: Amount } {
    const entries: QueueEntry[] = []
    let messages = 0
    let bytes = 0
    for (const entry of this.#entries) {
      if (typeof entry === 'number') {
        messages++
        bytes += this.#messages.payloadBytes(entry >>> 1)
        this.#messages.release(entry >>> 1)
      } else entries.push(entry)
    }
    this.#entries.clear()
    return { entries, packed: { messages, bytes } }
  }

  /** From now on it is held here no longer. */
  #unpack(entry: number): QueueEntry {
    const read = this.#read(entry)
    this.#messages.release(entry >>> 1)
    return read
  }

  #read(entry: number): QueueEntry {
    return {
      position: 0,
      message: this.#messages.read(entry >>> 1),
      qos: 0,
      retain: (entry & 1) !== 0,
      subscriptionIdentifiers: noIdentifiers,
      sharedFilter: undefined,
      packetIdentifier: 0,
      state: 'queued',
    }
  }
}
