import {
  noProperties,
  type PublishProperties,
  type QoS,
  type UserProperty,
  type WillProperties,
} from '@busbar/protocol'
import type { Clock } from '../clock.ts'
import type { Message } from '../message.ts'
import { TextCache } from '../text-cache.ts'
import { ByteReader, type ByteWriter } from './byte-writer.ts'
import type { QueueEntry, StoredWill } from './store.ts'

/** In the byte with QoS and RETAIN: the publisher's user is there, too. */
const HAS_USER = 8

/** So much is held as long as one of the messages in it. */
const largestShared = 65_536

/** How many bytes of a stored message are its topic, and where its payload begins. */
export interface Layout {
  readonly topicBytes: number
  readonly payloadAt: number
  readonly bytes: number
}

/**
 * Writes a message as topic, head, payload: so that SQL can show the first and the last. Times are
 * written as they are, with both clocks, the one of this run and the other, at the same instant.
 */
export function writeMessage(to: ByteWriter, message: Message, times: Times): Layout {
  const start = to.length
  const topicBytes = to.text(message.topicName)
  const { publisherUser } = message
  to.u8(message.qos | (message.retain ? 4 : 0) | (publisherUser === undefined ? 0 : HAS_USER))
  to.u32(times.run)
  to.f64(message.arrivedAt)
  to.f64(message.expiresAt)
  to.f64(times.now)
  to.f64(times.wallNow)
  to.string(message.publisher)
  if (publisherUser !== undefined) to.string(publisherUser)
  writeProperties(to, message.properties)
  const payloadAt = to.length - start
  to.raw(message.payload)
  return { topicBytes, payloadAt, bytes: to.length - start }
}

/** Reads stored messages that lie in one array. */
export class MessageReader {
  readonly #bytes: Uint8Array
  readonly #from: ByteReader
  readonly #times: Times
  // neighbours are often of one topic, and of one publisher
  readonly #topics = new TextCache()
  readonly #publishers = new TextCache()

  constructor(bytes: Uint8Array, times: Times) {
    this.#bytes = bytes
    this.#from = new ByteReader(bytes)
    this.#times = times
  }

  /** The message from `start` to `end`. Its payload is a view where all of the array is not much. */
  read(start: number, end: number, topicBytes: number, payloadAt: number): Message {
    const from = this.#from
    from.open(start, end)
    const topicName = from.text(topicBytes, this.#topics)
    const flags = from.u8()
    const run = from.u32()
    const arrivedAt = from.f64()
    const expiresAt = from.f64()
    const shift = this.#times.shift(run, from.f64(), from.f64())
    const publisher = from.string(this.#publishers)
    const publisherUser = flags & HAS_USER ? from.string() : undefined
    const properties: PublishProperties = readProperties(from)
    const payload = this.#bytes.subarray(start + payloadAt, end)
    // Without spreads, which would cost more than the rest.
    const message: Message = {
      topicName,
      payload: this.#bytes.length > largestShared ? new Uint8Array(payload) : payload,
      qos: (flags & 3) as QoS,
      retain: (flags & 4) !== 0,
      properties,
      publisher,
      arrivedAt: arrivedAt + shift,
      expiresAt: expiresAt + shift,
    }
    return publisherUser === undefined ? message : { ...message, publisherUser }
  }
}

/**
 * The clock that does not jump starts anew with each process, so what it said in an earlier run is
 * moved into this one. While the process was down the other clock counted: however that was set
 * meanwhile, nothing gets younger, so no deadline is further away than when it was written.
 */
export class Times {
  /** The number of this run of the store. */
  readonly run: number
  /** The instant for what is written from now on. */
  now: number
  wallNow: number
  readonly #clock: Clock
  readonly #openedAt: number
  readonly #openedWall: number

  constructor(run: number, clock: Clock) {
    this.run = run
    this.#clock = clock
    this.now = this.#openedAt = clock.now()
    this.wallNow = this.#openedWall = clock.wallNow()
  }

  refresh(): void {
    this.now = this.#clock.now()
    this.wallNow = this.#clock.wallNow()
  }

  /** What to add to a time of another run to have it in this one. */
  shift(run: number, writtenAt: number, writtenWall: number): number {
    if (run === this.run) return 0
    const down = Math.max(0, this.#openedWall - writtenWall)
    return this.#openedAt - (writtenAt + down)
  }
}

/** What an entry has beyond its columns; undefined for the usual one, which has nothing. */
export function writeRoute(to: ByteWriter, entry: QueueEntry): number {
  const { subscriptionIdentifiers: identifiers, sharedFilter } = entry
  if (identifiers.length === 0 && sharedFilter === undefined) return 0
  const start = to.length
  to.u32(identifiers.length)
  for (const each of identifiers) to.u32(each)
  to.u8(sharedFilter === undefined ? 0 : 1)
  if (sharedFilter !== undefined) to.string(sharedFilter)
  return to.length - start
}

/** Nothing beyond the columns. */
export const noRoute = { subscriptionIdentifiers: [], sharedFilter: undefined } as const

export function readRoute(
  bytes: Uint8Array,
): Pick<QueueEntry, 'subscriptionIdentifiers' | 'sharedFilter'> {
  const from = new ByteReader(bytes)
  const subscriptionIdentifiers = readList(from, () => from.u32())
  return { subscriptionIdentifiers, sharedFilter: from.u8() === 1 ? from.string() : undefined }
}

export function writeWill(to: ByteWriter, will: StoredWill): void {
  to.string(will.topicName)
  to.u8(will.qos | (will.retain ? 4 : 0))
  to.binary(will.payload)
  writeProperties(to, will.properties)
}

export function readWill(bytes: Uint8Array): Omit<StoredWill, 'due'> {
  const from = new ByteReader(bytes)
  const topicName = from.string()
  const flags = from.u8()
  return {
    topicName,
    qos: (flags & 3) as QoS,
    retain: (flags & 4) !== 0,
    payload: from.binary(),
    properties: readProperties(from),
  }
}

/** One bit for each property that is there. */
const FORMAT = 1
const FORMAT_IS_TEXT = 2
const EXPIRY = 4
const CONTENT_TYPE = 8
const RESPONSE_TOPIC = 16
const CORRELATION_DATA = 32
const USER_PROPERTIES = 64
const WILL_DELAY = 128

type Properties = Omit<PublishProperties, 'topicAlias' | 'subscriptionIdentifiers'> & WillProperties

export function writeProperties(to: ByteWriter, properties: Properties): void {
  const p = properties
  to.u8(
    (p.payloadFormatIndicator === undefined ? 0 : FORMAT) |
      (p.payloadFormatIndicator === 1 ? FORMAT_IS_TEXT : 0) |
      (p.messageExpiryInterval === undefined ? 0 : EXPIRY) |
      (p.contentType === undefined ? 0 : CONTENT_TYPE) |
      (p.responseTopic === undefined ? 0 : RESPONSE_TOPIC) |
      (p.correlationData === undefined ? 0 : CORRELATION_DATA) |
      (p.userProperties === undefined ? 0 : USER_PROPERTIES) |
      (p.willDelayInterval === undefined ? 0 : WILL_DELAY),
  )
  if (p.messageExpiryInterval !== undefined) to.u32(p.messageExpiryInterval)
  if (p.contentType !== undefined) to.string(p.contentType)
  if (p.responseTopic !== undefined) to.string(p.responseTopic)
  if (p.correlationData !== undefined) to.binary(p.correlationData)
  if (p.willDelayInterval !== undefined) to.u32(p.willDelayInterval)
  if (p.userProperties !== undefined) {
    to.u32(p.userProperties.length)
    for (const [name, value] of p.userProperties) {
      to.string(name)
      to.string(value)
    }
  }
}

export function readProperties(from: ByteReader): Properties {
  const there = from.u8()
  if (there === 0) return noProperties
  const properties: Properties = {}
  if (there & FORMAT) properties.payloadFormatIndicator = there & FORMAT_IS_TEXT ? 1 : 0
  if (there & EXPIRY) properties.messageExpiryInterval = from.u32()
  if (there & CONTENT_TYPE) properties.contentType = from.string()
  if (there & RESPONSE_TOPIC) properties.responseTopic = from.string()
  if (there & CORRELATION_DATA) properties.correlationData = from.binary()
  if (there & WILL_DELAY) properties.willDelayInterval = from.u32()
  if (there & USER_PROPERTIES) {
    properties.userProperties = readList<UserProperty>(from, () => [from.string(), from.string()])
  }
  return properties
}

function readList<T>(from: ByteReader, read: () => T): T[] {
  const list: T[] = []
  for (let left = from.u32(); left > 0; left--) list.push(read())
  return list
}
