import { noProperties, type QoS } from '@busbar/protocol'
import { copyBytes } from './copy-bytes.ts'
import { bytesOf, type Message } from './message.ts'
import { RecordTable } from './record-table.ts'
import { SharedTexts } from './shared-texts.ts'
import { ByteReader, ByteWriter } from './store/byte-writer.ts'
import { readProperties, writeProperties } from './store/message-codec.ts'
import { TextCache } from './text-cache.ts'

const segmentBytes = 65_536

/** A larger record has a segment of its own. */
const largestShared = segmentBytes / 4

/** As long as less than this is holes, nothing is moved. */
const leastWaste = 1_048_576

/** So many segments are looked at when there are too many holes: each release pays a little. */
const lookedAtOnce = 4

/** Records begin at multiples of this. */
const unit = 8

/*
 * A record, in words of 32 bits: its number; its units, shifted, with its flags; arrival and expiry
 * as doubles; bytes of the payload, bytes of the topic, publisher, one that is not used. Then topic,
 * payload, and what only some messages have.
 */
const headBytes = 40
const numberAt = 0
const sizeAt = 1
const arrivedAt = 1 // in doubles
const expiresAt = 2 // in doubles
const payloadBytesAt = 6
const topicBytesAt = 7
const publisherAt = 8
const flagBits = 5
const retainFlag = 4
const extrasFlag = 8
/** The topic has more bytes than characters. */
const wideFlag = 16

/** Where the bytes of a message are that is nothing but topic and payload. */
export interface PlainRecord {
  readonly bytes: Uint8Array
  /** The topic begins here, and the payload behind it. */
  readonly start: number
  /** Its characters, too: it is ASCII. */
  readonly topicBytes: number
  readonly payloadBytes: number
}

interface Segment {
  readonly bytes: Uint8Array
  /** The same, for texts. */
  readonly buffer: Buffer
  readonly words: Uint32Array
  readonly doubles: Float64Array
  used: number
  /** Of the records that somebody holds. */
  live: number
}

/**
 * Messages that wait or are retained, as bytes: objects would take several times the memory, and the
 * collector would go through all of them again and again. Records lie one behind the other in
 * segments, and whoever holds one knows its number. One message is one record, however many hold it.
 * What was written in a segment never changes, so that a payload that is read may be a view of it.
 */
export class PackedMessages {
  readonly #table = new RecordTable()
  readonly #segments: (Segment | undefined)[] = []
  readonly #free: number[] = []
  #current = 0
  /** Bytes of the segments that many share, and of the records there. */
  #used = 0
  #live = 0
  #nextLookedAt = 0
  readonly #extras = new ByteWriter()
  readonly #topic = new TextCache()
  readonly #publishers = new SharedTexts()
  /** The one that was kept or read last, as long as somebody holds it. */
  #latest: { readonly message: Message; readonly number: number } | undefined

  constructor() {
    this.#current = this.#addSegment(segmentBytes)
  }

  /** Keeps a message for one more holder; gives its number, the same for many in succession. */
  keep(message: Message): number {
    if (this.#latest?.message === message) {
      this.hold(this.#latest.number)
      return this.#latest.number
    }
    const number = this.#add(message)
    this.#latest = { message, number }
    return number
  }

  #add(message: Message): number {
    const { topicName, publisher, payload } = message
    const topicBytes = byteLength(topicName)
    const extras = this.#extrasOf(message)
    const length = headBytes + topicBytes + payload.length
    const units = Math.ceil((length + (extras?.length ?? 0)) / unit)
    const index = this.#segmentFor(units * unit)
    const segment = this.#segments[index] as Segment
    const start = segment.used
    const number = this.#table.add(index, start)
    this.#count(segment, units * unit)
    segment.used += units * unit
    const { words, doubles, bytes, buffer } = segment
    const word = start >>> 2
    const double = start >>> 3
    words[word + numberAt] = number
    const isWide = topicBytes !== topicName.length
    const own = message.qos | (message.retain ? retainFlag : 0)
    const more = (extras ? extrasFlag : 0) | (isWide ? wideFlag : 0)
    words[word + sizeAt] = (units << flagBits) | own | more
    doubles[double + arrivedAt] = message.arrivedAt
    doubles[double + expiresAt] = message.expiresAt
    words[word + payloadBytesAt] = payload.length
    words[word + topicBytesAt] = topicBytes
    words[word + publisherAt] = this.#publishers.take(publisher)
    writeText(buffer, start + headBytes, topicName, topicBytes)
    bytes.set(payload, start + headBytes + topicBytes)
    if (extras !== undefined) bytes.set(extras, start + length)
    return number
  }

  /** One more holds it. */
  hold(number: number): void {
    this.#table.hold(number)
  }

  /** One less holds it; after the last its number is another's. */
  release(number: number): void {
    const index = this.#table.segmentOf(number)
    const segment = this.#segments[index] as Segment
    const start = this.#table.startOf(number)
    if (!this.#table.release(number)) return
    if (this.#latest?.number === number) this.#latest = undefined
    this.#publishers.give(segment.words[(start >>> 2) + publisherAt] as number)
    this.#count(segment, -sizeOf(segment, start))
    if (segment.live === 0 && index !== this.#current) this.#drop(index)
    if (this.#used > 2 * this.#live + leastWaste) this.#tidy()
  }

  /** The payload is a view: to be copied by whoever keeps it for long. */
  read(number: number): Message {
    const segment = this.#segments[this.#table.segmentOf(number)] as Segment
    const { words, doubles, bytes, buffer } = segment
    const start = this.#table.startOf(number)
    const word = start >>> 2
    const flags = words[word + sizeAt] as number
    const payload = payloadIn(segment, start)
    const topicStart = start + headBytes
    const topicEnd = topicStart + (words[word + topicBytesAt] as number)
    const message: Message = {
      topicName: this.#topic.read(buffer, topicStart, topicEnd),
      payload,
      qos: (flags & 3) as QoS,
      retain: (flags & retainFlag) !== 0,
      properties: noProperties,
      publisher: this.#publishers.text(words[word + publisherAt] as number),
      arrivedAt: doubles[(start >>> 3) + arrivedAt] as number,
      expiresAt: doubles[(start >>> 3) + expiresAt] as number,
    }
    const hasExtras = (flags & extrasFlag) !== 0
    const whole = hasExtras
      ? { ...message, ...readExtras(bytes, topicEnd + payload.length) }
      : message
    this.#latest = { message: whole, number }
    return whole
  }

  /** Where it is: as in a message that was read. */
  payload(number: number): Uint8Array {
    const segment = this.#segments[this.#table.segmentOf(number)] as Segment
    return payloadIn(segment, this.#table.startOf(number))
  }

  /** The length of that. */
  payloadBytes(number: number): number {
    const { words } = this.#segments[this.#table.segmentOf(number)] as Segment
    return words[(this.#table.startOf(number) >>> 2) + payloadBytesAt] as number
  }

  /** To send it without reading it; undefined where there is more to it. */
  plain(number: number): PlainRecord | undefined {
    const segment = this.#segments[this.#table.segmentOf(number)] as Segment
    const start = this.#table.startOf(number)
    if (!isPlain(segment, start)) return undefined
    const { words, bytes } = segment
    const word = start >>> 2
    const topicBytes = words[word + topicBytesAt] as number
    const payloadBytes = words[word + payloadBytesAt] as number
    return { bytes, start: start + headBytes, topicBytes, payloadBytes }
  }

  /** What such a one counts for where it waits, as `messageBytes`. */
  plainBytes(number: number): number | undefined {
    const segment = this.#segments[this.#table.segmentOf(number)] as Segment
    const start = this.#table.startOf(number)
    if (!isPlain(segment, start)) return undefined
    const word = start >>> 2
    const { words } = segment
    // It is ASCII: its topic has as many characters as bytes.
    return bytesOf(words[word + payloadBytesAt] as number, words[word + topicBytesAt] as number)
  }

  qos(number: number): QoS {
    const { words } = this.#segments[this.#table.segmentOf(number)] as Segment
    return ((words[(this.#table.startOf(number) >>> 2) + sizeAt] as number) & 3) as QoS
  }

  expiresAt(number: number): number {
    const { doubles } = this.#segments[this.#table.segmentOf(number)] as Segment
    return doubles[(this.#table.startOf(number) >>> 3) + expiresAt] as number
  }

  /** All memory of the segments, in bytes. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + (segment?.bytes.length ?? 0), 0)
  }

  #extrasOf({ properties, publisherUser }: Message): Uint8Array | undefined {
    if (properties === noProperties && publisherUser === undefined) return undefined
    const to = this.#extras
    to.u8(publisherUser === undefined ? 0 : 1)
    if (publisherUser !== undefined) to.string(publisherUser)
    writeProperties(to, properties)
    return to.take()
  }

  #segmentFor(size: number): number {
    if (size > largestShared) return this.#addSegment(size)
    const { used, live } = this.#segments[this.#current] as Segment
    if (used + size > segmentBytes) {
      if (live === 0) this.#drop(this.#current)
      this.#current = this.#addSegment(segmentBytes)
    }
    return this.#current
  }

  #addSegment(size: number): number {
    const buffer = Buffer.allocUnsafeSlow(size)
    const bytes = new Uint8Array(buffer.buffer)
    const [words, doubles] = [new Uint32Array(bytes.buffer), new Float64Array(bytes.buffer)]
    const index = this.#free.pop() ?? this.#segments.length
    this.#segments[index] = { bytes, buffer, words, doubles, used: 0, live: 0 }
    if (size === segmentBytes) this.#used += size
    return index
  }

  /** Somebody may still look at a payload in it. */
  #drop(index: number): void {
    if (this.#segments[index]?.bytes.length === segmentBytes) this.#used -= segmentBytes
    this.#segments[index] = undefined
    this.#free.push(index)
  }

  #count(segment: Segment, size: number): void {
    segment.live += size
    if (segment.bytes.length === segmentBytes) this.#live += size
  }

  /** Moves what is left in segments that are more than half holes. */
  #tidy(): void {
    for (let i = 0; i < lookedAtOnce; i++) {
      if (++this.#nextLookedAt >= this.#segments.length) this.#nextLookedAt = 0
      const index = this.#nextLookedAt
      const segment = this.#segments[index]
      if (segment === undefined || index === this.#current) continue
      if (segment.bytes.length !== segmentBytes || segment.live * 2 > segment.used) continue
      this.#empty(segment, index)
      return
    }
  }

  #empty(segment: Segment, index: number): void {
    let size = 0
    for (let start = 0; start < segment.used; start += size) {
      size = sizeOf(segment, start)
      const number = segment.words[(start >>> 2) + numberAt] as number
      if (this.#table.isAt(number, index, start)) this.#move(number, segment, start)
    }
    this.#drop(index)
  }

  #move(number: number, from: Segment, start: number): void {
    const size = sizeOf(from, start)
    const index = this.#segmentFor(size)
    const segment = this.#segments[index] as Segment
    copyBytes(from.bytes, start, start + size, segment.bytes, segment.used)
    this.#table.move(number, index, segment.used)
    segment.used += size
    this.#count(from, -size)
    this.#count(segment, size)
  }
}

function sizeOf({ words }: Segment, start: number): number {
  return ((words[(start >>> 2) + sizeAt] as number) >>> flagBits) * unit
}

/** Nothing but topic and payload. */
function isPlain({ words, doubles }: Segment, start: number): boolean {
  if (((words[(start >>> 2) + sizeAt] as number) & (extrasFlag | wideFlag)) !== 0) return false
  return doubles[(start >>> 3) + expiresAt] === Number.POSITIVE_INFINITY
}

/** Of the record that starts there. */
function payloadIn({ words, bytes }: Segment, start: number): Uint8Array {
  const word = start >>> 2
  const payloadStart = start + headBytes + (words[word + topicBytesAt] as number)
  return bytes.subarray(payloadStart, payloadStart + (words[word + payloadBytesAt] as number))
}

function readExtras(bytes: Uint8Array, at: number): Partial<Message> {
  const from = new ByteReader(bytes, at)
  const user = from.u8() === 1 ? { publisherUser: from.string() } : undefined
  return { ...user, properties: readProperties(from) }
}

function byteLength(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  }
  return text.length
}

function writeText(to: Buffer, start: number, text: string, length: number): void {
  if (length !== text.length) to.write(text, start, length)
  // Faster than `write` for the length that topics have.
  else for (let i = 0; i < length; i++) to[start + i] = text.charCodeAt(i)
}
