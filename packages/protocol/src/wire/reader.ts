import { malformed, protocolError } from '../errors.ts'
import type { UserProperty } from '../version.ts'

// A byte order mark at the start is a character like any other [MQTT5-1.5.4-3].
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// Up to this many bytes fromCharCode beats TextDecoder, whose call alone costs about 150 ns.
const longestShortText = 48

// One array of each length, since `apply` takes its argument count from the array.
const characterCodes: readonly number[][] = Array.from({ length: longestShortText + 1 }, (_, n) =>
  new Array<number>(n).fill(0),
)

/** A cursor over part of a packet: the seven data types of section 1.5, bounds checked once. */
export class PacketReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.#end = end
    this.#at = start
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number
  }

  u16(): number {
    const at = this.#take(2)
    const bytes = this.#bytes
    return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  }

  u32(): number {
    const at = this.#take(4)
    const bytes = this.#bytes
    const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
    return high * 0x10000 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  }

  /** A Variable Byte Integer; inside a packet only 5.0 has them, so the shortest form is due. */
  varint(): number {
    const first = this.byte()
    if (first < 0x80) return first
    let value = first & 0x7f
    for (let shift = 7; shift <= 21; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte >= 0x80) continue
      if (byte === 0) throw malformed('integer is longer than its value needs', 'MQTT5-1.5.5-1')
      return value
    }
    throw malformed('integer has more than four bytes', 'U5-1.5.5-a')
  }

  utf8String(): string {
    const length = this.u16()
    const start = this.#take(length)
    if (length <= longestShortText) {
      const text = shortAscii(this.#bytes, start, length)
      if (text !== undefined) return text
    }
    return decodeText(this.#bytes.subarray(start, start + length))
  }

  /** The same, but `known` itself where the bytes say that: nothing is decoded then. */
  knownString(known: string): string {
    const length = this.u16()
    if (length === known.length && isAscii(known, this.#bytes, this.#at)) {
      this.#take(length)
      return known
    }
    this.#at -= 2
    return this.utf8String()
  }

  /** Binary Data, as a view of the bytes that are read: copy it to keep it. */
  binary(): Uint8Array {
    const length = this.u16()
    const start = this.#take(length)
    return this.#bytes.subarray(start, start + length)
  }

  pair(): UserProperty {
    return [this.utf8String(), this.utf8String()]
  }

  /** A reader confined to the next `length` bytes, which this one skips. */
  slice(length: number): PacketReader {
    const start = this.#take(length)
    return new PacketReader(this.#bytes, start, start + length)
  }

  /** What is left, as a view of the bytes that are read: copy it to keep it. */
  rest(): Uint8Array {
    const start = this.#at
    this.#at = this.#end
    return this.#bytes.subarray(start, this.#end)
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#end) throw malformed('packet ends before its last field')
    this.#at = at + length
    return at
  }
}

/** A Packet Identifier, which is never 0. */
export function readPacketIdentifier(body: PacketReader): number {
  const packetIdentifier = body.u16()
  if (packetIdentifier === 0) throw protocolError('Packet Identifier is 0', 'MQTT5-2.2.1-3')
  return packetIdentifier
}

/** Whether the text is ASCII, and these bytes. */
function isAscii(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code !== bytes[start + i] || code >= 0x80) return false
  }
  return true
}

/** Undefined where a byte is not ASCII, or is 0. */
function shortAscii(bytes: Uint8Array, start: number, length: number): string | undefined {
  const codes = characterCodes[length] as number[]
  for (let i = 0; i < length; i += 1) {
    const code = bytes[start + i] as number
    if (code >= 0x80 || code === 0) return undefined
    codes[i] = code
  }
  return String.fromCharCode.apply(null, codes)
}

function decodeText(bytes: Uint8Array): string {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw malformed('text is not well-formed UTF-8', 'MQTT5-1.5.4-1') // and [MQTT3-1.5.3-1]
  }
  if (text.includes('\0')) throw malformed('text contains U+0000', 'MQTT5-1.5.4-2') // and [MQTT3-1.5.3-2]
  return text
}
