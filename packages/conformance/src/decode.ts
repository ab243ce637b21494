import { toHex, type Version } from './data-types.ts'
import { type PropertyType, propertyByIdentifier } from './properties.ts'
import { type PropertyValue, Received, type ReceivedFields, type ReceivedType } from './received.ts'
import { checkReceived, type Violation } from './violations.ts'

/** The Server sent bytes that are no packet. */
export class DecodeError extends Error {
  override name = 'DecodeError'
  readonly statement: string | undefined

  constructor(message: string, statement?: string) {
    super(message)
    this.statement = statement
  }
}

const typeNames: Readonly<Record<number, ReceivedType>> = {
  2: 'connack',
  3: 'publish',
  4: 'puback',
  5: 'pubrec',
  6: 'pubrel',
  7: 'pubcomp',
  9: 'suback',
  11: 'unsuback',
  13: 'pingresp',
  14: 'disconnect',
  15: 'auth',
}

/** Cuts the stream of a Server into packets and decodes them. */
export class Decoder {
  readonly #version: Version
  readonly #report: (violation: Violation) => void
  #pending: Uint8Array = new Uint8Array()

  /** `report` is told what no case waits for: a packet that can be read but breaks a statement. */
  constructor(version: Version, report: (violation: Violation) => void = () => {}) {
    this.#version = version
    this.#report = report
  }

  /** Bytes that are not a whole packet yet. */
  get pending(): Uint8Array {
    return this.#pending
  }

  /** Gives the packets that `bytes` completes; throws `DecodeError`. */
  push(bytes: Uint8Array): Received[] {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    const packets: Received[] = []
    for (;;) {
      const length = this.#packetLength()
      if (length === undefined || length.total > this.#pending.length) return packets
      // A copy, and a plain Uint8Array also where the socket gave a Buffer.
      const whole = new Uint8Array(this.#pending.subarray(0, length.total))
      this.#pending = this.#pending.subarray(length.total)
      const received = decodePacket(whole, length.header, this.#version)
      checkReceived(received, length.header, this.#report)
      packets.push(received)
    }
  }

  #packetLength(): { total: number; header: number } | undefined {
    let value = 0
    for (let at = 1; at <= 4; at += 1) {
      const byte = this.#pending[at]
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * 128 ** (at - 1)
      if (byte < 0x80) return { total: value + at + 1, header: at + 1 }
    }
    throw new DecodeError(
      `Remaining Length of more than 4 bytes: ${toHex(this.#pending, 8)}`,
      'U5-1.5.5-a',
    )
  }
}

function decodePacket(bytes: Uint8Array, header: number, version: Version): Received {
  const type = typeNames[(bytes[0] ?? 0) >> 4]
  if (type === undefined || (version !== 5 && (type === 'disconnect' || type === 'auth'))) {
    throw new DecodeError(`no packet that a Server sends: ${toHex(bytes, 32)}`, 'U5-2.1.2-a')
  }
  const cursor = new Cursor(bytes, header)
  const fields = {
    ...empty(type, version, bytes, header),
    ...readBody(type, cursor, bytes, version),
  }
  if (!cursor.isAtEnd) throw new DecodeError(`${type} has bytes left over: ${toHex(bytes, 32)}`)
  return new Received(fields)
}

function empty(
  type: ReceivedType,
  version: Version,
  bytes: Uint8Array,
  header: number,
): ReceivedFields {
  const nothing = new Uint8Array()
  return {
    type,
    version,
    bytes,
    body: bytes.subarray(header),
    packetId: 0,
    reasonCode: 0,
    reasonCodes: [],
    sessionPresent: false,
    topic: '',
    topicBytes: nothing,
    payload: nothing,
    propertyList: [],
  }
}

function readBody(
  type: ReceivedType,
  cursor: Cursor,
  bytes: Uint8Array,
  version: Version,
): Partial<ReceivedFields> {
  switch (type) {
    case 'connack': {
      const sessionPresent = (cursor.u8() & 1) === 1
      const reasonCode = cursor.u8()
      // Only a refusal may have the form of the other version: that of an unknown Protocol Level.
      if (reasonCode === 0) {
        return { sessionPresent, propertyList: version === 5 ? cursor.properties() : [] }
      }
      return { sessionPresent, reasonCode, propertyList: cursor.propertiesIfAny() }
    }
    case 'publish': {
      const topicBytes = cursor.binary()
      const packetId = ((bytes[0] ?? 0) & 0b0110) === 0 ? 0 : cursor.u16()
      const propertyList = version === 5 ? cursor.properties() : []
      const topic = text.decode(topicBytes)
      return { topic, topicBytes, packetId, propertyList, payload: cursor.rest() }
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp': {
      const packetId = cursor.u16()
      return version === 5 ? { packetId, ...cursor.reasonAndProperties() } : { packetId }
    }
    case 'suback':
    case 'unsuback': {
      const packetId = cursor.u16()
      if (version !== 5 && type === 'unsuback') return { packetId }
      const propertyList = version === 5 ? cursor.properties() : []
      return { packetId, propertyList, reasonCodes: [...cursor.rest()] }
    }
    case 'disconnect':
    case 'auth':
      return cursor.reasonAndProperties()
    case 'pingresp':
      return {}
  }
}

// Without fatal, so that the broken text can be shown; `violations.ts` judges the bytes.
const text = new TextDecoder('utf-8', { ignoreBOM: true })

class Cursor {
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, start: number, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#end) {
      throw new DecodeError(`packet ends before its last field: ${toHex(this.#bytes, 32)}`)
    }
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  u8(): number {
    return this.#take(1)[0] ?? 0
  }

  u16(): number {
    return this.u8() * 256 + this.u8()
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16()
  }

  varint(): number {
    let value = 0
    for (let factor = 1; factor <= 128 ** 3; factor *= 128) {
      const byte = this.u8()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new DecodeError('Variable Byte Integer of more than 4 bytes', 'U5-1.5.5-a')
  }

  binary(): Uint8Array {
    return this.#take(this.u16())
  }

  rest(): Uint8Array {
    return this.#take(this.#end - this.#at)
  }

  reasonAndProperties(): Partial<ReceivedFields> {
    if (this.isAtEnd) return {}
    return { reasonCode: this.u8(), propertyList: this.propertiesIfAny() }
  }

  propertiesIfAny(): ReceivedFields['propertyList'] {
    return this.isAtEnd ? [] : this.properties()
  }

  properties(): ReceivedFields['propertyList'] {
    const length = this.varint()
    const start = this.#at
    this.#take(length)
    const inner = new Cursor(this.#bytes, start, this.#at)
    const list: [number, PropertyValue][] = []
    while (!inner.isAtEnd) {
      const identifier = inner.varint()
      const row = propertyByIdentifier(identifier)
      if (row === undefined) {
        throw new DecodeError(`unknown property 0x${identifier.toString(16)}`, 'U5-2.2.2-a')
      }
      list.push([identifier, inner.#value(row.type)])
    }
    return list
  }

  #value(type: PropertyType): PropertyValue {
    switch (type) {
      case 'byte':
        return this.u8()
      case 'u16':
        return this.u16()
      case 'u32':
        return this.u32()
      case 'varint':
        return this.varint()
      case 'binary':
        return this.binary()
      case 'string':
        return this.#text()
      case 'pair':
        return [this.#text(), this.#text()]
    }
  }

  #text(): string {
    const bytes = this.binary()
    const decoded = text.decode(bytes)
    if (!isWellFormed(bytes)) {
      throw new DecodeError(`ill-formed UTF-8 in a property: ${toHex(bytes, 32)}`, 'MQTT5-1.5.4-1')
    }
    return decoded
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function isWellFormed(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}
