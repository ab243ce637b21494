import type { PublishProperties, QoS } from '@busbar/protocol'
import { type Message, messageBytes } from './message.ts'

const chunkBytes = 65_536

/** A larger payload has memory of its own. */
const largestShared = 4_096

/** As long as less than this has been replaced, nothing is packed anew. */
const leastWaste = 1_048_576

/** A retained message: its payload is a range of a chunk that many share. */
export class RetainedEntry {
  readonly topicName: string
  chunk: Uint8Array
  start: number
  end: number
  readonly bytes: number
  readonly #qos: QoS
  readonly #properties: PublishProperties
  readonly #publisher: string
  readonly #publisherUser: string | undefined
  readonly #arrivedAt: number
  readonly expiresAt: number

  constructor(message: Message) {
    this.topicName = message.topicName
    this.chunk = message.payload
    this.start = 0
    this.end = message.payload.length
    this.bytes = messageBytes(message)
    this.#qos = message.qos
    this.#properties = message.properties
    this.#publisher = message.publisher
    this.#publisherUser = message.publisherUser
    this.#arrivedAt = message.arrivedAt
    this.expiresAt = message.expiresAt
  }

  get message(): Message {
    const { topicName, expiresAt } = this
    return {
      topicName,
      payload: this.chunk.subarray(this.start, this.end),
      qos: this.#qos,
      retain: true,
      properties: this.#properties,
      publisher: this.#publisher,
      ...(this.#publisherUser !== undefined && { publisherUser: this.#publisherUser }),
      arrivedAt: this.#arrivedAt,
      expiresAt,
    }
  }
}

/**
 * The payloads of retained messages, one behind the other: an array for each would take more memory
 * than most payloads. What is replaced leaves a hole; when there are too many, all are moved.
 */
export class RetainedPayloads {
  #chunk = new Uint8Array(0)
  #used = 0
  /** Bytes in the chunks that still hold a payload, as far as is known. */
  #taken = 0
  #live = 0

  /** Moves the payload of a new entry here. */
  add(entry: RetainedEntry): void {
    this.#live += entry.end - entry.start
    this.#place(entry)
  }

  removed(entry: RetainedEntry): void {
    this.#live -= entry.end - entry.start
  }

  /** More than half of the memory is holes. */
  get isWasteful(): boolean {
    return this.#taken > 2 * this.#live + leastWaste
  }

  pack(entries: Iterable<RetainedEntry>): void {
    this.#taken = 0
    this.#chunk = new Uint8Array(0)
    this.#used = 0
    for (const entry of entries) this.#place(entry)
  }

  #place(entry: RetainedEntry): void {
    const length = entry.end - entry.start
    this.#taken += length
    const payload = entry.chunk.subarray(entry.start, entry.end)
    if (length > largestShared) {
      if (payload.buffer.byteLength > length) entry.chunk = new Uint8Array(payload)
    } else {
      if (this.#used + length > this.#chunk.length) {
        this.#chunk = new Uint8Array(chunkBytes)
        this.#used = 0
      }
      this.#chunk.set(payload, this.#used)
      entry.chunk = this.#chunk
    }
    entry.start = length > largestShared ? 0 : this.#used
    entry.end = entry.start + length
    if (length <= largestShared) this.#used += length
  }
}
