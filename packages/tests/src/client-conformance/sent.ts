import assert from 'node:assert/strict'
import { toHex } from '@busbar/conformance/bytes'

/** What a client may send, by name. */
export type SentType =
  | 'connect'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'unsubscribe'
  | 'pingreq'
  | 'disconnect'
  | 'auth'

type Value = number | string | Uint8Array | readonly [string, string]

/** One packet that the client sent; a field its type lacks has the empty value. */
export interface Sent {
  readonly type: SentType
  readonly bytes: Uint8Array
  readonly firstByte: number
  readonly packetId: number
  readonly reasonCode: number
  readonly topic: string
  readonly payload: Uint8Array
  readonly properties: ReadonlyMap<number, readonly Value[]>
  /** Of SUBSCRIBE with the byte of options, of UNSUBSCRIBE with 0. */
  readonly filters: readonly { readonly filter: string; readonly options: number }[]
  readonly connect: SentConnect | undefined
}

/** The rest of a CONNECT. */
export interface SentConnect {
  readonly protocolName: string
  readonly level: number
  readonly flags: number
  readonly keepAlive: number
  readonly clientId: string
  readonly willProperties: ReadonlyMap<number, readonly Value[]>
  readonly willTopic: string | undefined
  readonly willPayload: Uint8Array | undefined
  readonly username: string | undefined
  readonly password: Uint8Array | undefined
}

const types: Readonly<Record<number, readonly [type: SentType, flags: number]>> = {
  1: ['connect', 0],
  3: ['publish', 0],
  4: ['puback', 0],
  5: ['pubrec', 0],
  6: ['pubrel', 2],
  7: ['pubcomp', 0],
  8: ['subscribe', 2],
  10: ['unsubscribe', 2],
  12: ['pingreq', 0],
  14: ['disconnect', 0],
  15: ['auth', 0],
}

/** The Reason Codes that a client may send in 5.0 (tables 3-4 to 3-10, and 3.15.2.1). */
const allowedCodes: Partial<Record<SentType, string>> = {
  puback: '00 10 80 83 87 90 91 97 99',
  pubrec: '00 10 80 83 87 90 91 97 99',
  pubrel: '00 92',
  pubcomp: '00 92',
  disconnect: '00 04 80 81 82 83 90 93 94 95 96 97 98 99',
  auth: '18 19',
}

/** The properties of each packet of a client, by identifier, and those of a Will. */
const allowedProperties: Partial<Record<SentType | 'will', string>> = {
  connect: '11 15 16 17 19 21 22 26 27',
  will: '01 02 03 08 09 18 26',
  publish: '01 02 03 08 09 23 26',
  puback: '1f 26',
  pubrec: '1f 26',
  pubrel: '1f 26',
  pubcomp: '1f 26',
  subscribe: '0b 26',
  unsubscribe: '26',
  disconnect: '11 1f 26',
  auth: '15 16 1f 26',
}

/**
 * Takes the first packet off `bytes`; undefined while it is not whole. It shares no code with the
 * client, and fails at whatever no client may send.
 */
export function readSent(
  bytes: Uint8Array,
  version: 5 | 4,
): { readonly packet: Sent; readonly rest: Uint8Array } | undefined {
  let length = 0
  let at = 1
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at]
    if (byte === undefined) return undefined
    length += (byte & 0x7f) * factor
    at++
    if (byte < 0x80) {
      assert.ok(byte > 0 || at === 2, 'Remaining Length is in its shortest form [MQTT5-1.5.5-1]')
      break
    }
    assert.ok(at < 5, 'Remaining Length has 4 bytes at most (U5-1.5.5-a)')
  }
  if (bytes.length < at + length) return undefined
  const whole = bytes.slice(0, at + length)
  return { packet: decode(whole, at, version), rest: bytes.subarray(at + length) }
}

function decode(bytes: Uint8Array, start: number, version: 5 | 4): Sent {
  const firstByte = bytes[0] as number
  const row = types[firstByte >> 4]
  assert.ok(row !== undefined, `a packet that no client sends: ${toHex(bytes, 32)} (U5-2.1.2-a)`)
  const [type, flags] = row
  const isPublish = type === 'publish'
  if (!isPublish) assert.equal(firstByte & 0x0f, flags, `${type}: flags of the fixed header`)
  const cursor = new Cursor(bytes, start, version)
  const packet: Sent = {
    type,
    bytes,
    firstByte,
    packetId: 0,
    reasonCode: 0,
    topic: '',
    payload: new Uint8Array(),
    properties: new Map(),
    filters: [],
    connect: undefined,
    ...readBody(type, cursor, firstByte),
  }
  assert.ok(cursor.isAtEnd, `${type} has bytes left over: ${toHex(bytes, 64)}`)
  const codes = allowedCodes[type]?.split(' ')
  const code = toHex(Uint8Array.of(packet.reasonCode))
  if (version === 5) assert.ok(codes?.includes(code) ?? true, `${type} has Reason Code ${code}`)
  return packet
}

function readBody(type: SentType, cursor: Cursor, firstByte: number): Partial<Sent> {
  switch (type) {
    case 'connect':
      return readConnect(cursor)
    case 'publish': {
      const qos = (firstByte >> 1) & 3
      assert.notEqual(qos, 3, 'QoS 3')
      assert.ok(qos > 0 || (firstByte & 8) === 0, 'QoS 0 with DUP')
      const topic = cursor.string()
      assert.doesNotMatch(topic, /[+#]/, 'a wildcard in a Topic Name')
      const packetId = qos > 0 ? cursor.packetId() : 0
      const properties = cursor.properties(type)
      assert.ok(topic !== '' || properties.has(0x23), 'no Topic Name and no alias (U5-3.3.2-a)')
      assert.notEqual(properties.get(0x23)?.[0], 0, 'Topic Alias 0')
      return { topic, packetId, properties, payload: cursor.rest() }
    }
    case 'subscribe':
    case 'unsubscribe': {
      const packetId = cursor.packetId()
      const properties = cursor.properties(type)
      const filters: { filter: string; options: number }[] = []
      while (!cursor.isAtEnd) {
        const filter = cursor.string()
        filters.push({ filter, options: type === 'subscribe' ? cursor.byte() : 0 })
      }
      assert.ok(filters.length > 0, `${type} without a Topic Filter`)
      return { packetId, properties, filters }
    }
    case 'pingreq':
      return {}
    case 'disconnect':
    case 'auth':
      return cursor.reasonAndProperties(type)
    default:
      return { packetId: cursor.packetId(), ...cursor.reasonAndProperties(type) }
  }
}

function readConnect(cursor: Cursor): Partial<Sent> {
  const protocolName = cursor.string()
  const level = cursor.byte()
  const flags = cursor.byte()
  const keepAlive = cursor.u16()
  assert.equal(flags & 1, 0, 'the reserved Connect Flag')
  const properties = cursor.properties('connect')
  const clientId = cursor.string()
  const hasWill = (flags & 4) !== 0
  assert.notEqual((flags >> 3) & 3, 3, 'Will QoS 3')
  assert.ok(hasWill || (flags & 0b11_1000) === 0, 'Will QoS or Will Retain without a Will')
  assert.ok(level === 5 || (flags & 0xc0) !== 0x40, 'a password without user name')
  const connect: SentConnect = {
    protocolName,
    level,
    flags,
    keepAlive,
    clientId,
    willProperties: hasWill ? cursor.properties('will') : new Map(),
    willTopic: hasWill ? cursor.string() : undefined,
    willPayload: hasWill ? cursor.binary() : undefined,
    username: (flags & 0x80) !== 0 ? cursor.string() : undefined,
    password: (flags & 0x40) !== 0 ? cursor.binary() : undefined,
  }
  return { properties, connect }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const repeated = new Set([0x26])

class Cursor {
  readonly #bytes: Uint8Array
  readonly #version: 5 | 4
  #at: number

  constructor(bytes: Uint8Array, at: number, version: 5 | 4) {
    this.#bytes = bytes
    this.#at = at
    this.#version = version
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  #take(length: number): Uint8Array {
    this.#at += length
    assert.ok(this.#at <= this.#bytes.length, `the packet ends early: ${toHex(this.#bytes, 64)}`)
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  rest(): Uint8Array {
    return this.#take(this.#bytes.length - this.#at)
  }

  byte(): number {
    return this.#take(1)[0] as number
  }

  u16(): number {
    return this.byte() * 256 + this.byte()
  }

  packetId(): number {
    const packetId = this.u16()
    assert.notEqual(packetId, 0, 'Packet Identifier 0')
    return packetId
  }

  binary(): Uint8Array {
    return this.#take(this.u16())
  }

  string(): string {
    const text = strict.decode(this.binary())
    assert.ok(!text.includes('\0'), 'U+0000 in a string')
    return text
  }

  varint(): number {
    const first = this.byte()
    return first < 0x80 ? first : (first & 0x7f) + 128 * this.varint()
  }

  reasonAndProperties(type: SentType): Partial<Sent> {
    if (this.isAtEnd) return {}
    assert.equal(this.#version, 5, `${type} of 3.1.1 has no Reason Code`)
    const reasonCode = this.byte()
    return this.isAtEnd ? { reasonCode } : { reasonCode, properties: this.properties(type) }
  }

  properties(of: SentType | 'will'): Map<number, Value[]> {
    const found = new Map<number, Value[]>()
    if (this.#version !== 5) return found
    const length = this.varint()
    const end = this.#at + length
    const allowed = (allowedProperties[of] ?? '').split(' ')
    while (this.#at < end) {
      const identifier = this.varint()
      const name = identifier.toString(16).padStart(2, '0')
      assert.ok(allowed.includes(name), `property 0x${name} is not for ${of} of a client`)
      const values = found.get(identifier) ?? []
      assert.ok(values.length === 0 || repeated.has(identifier), `property 0x${name} comes twice`)
      found.set(identifier, [...values, this.#value(identifier)])
    }
    assert.equal(this.#at, end, 'properties end where their length says')
    return found
  }

  #value(identifier: number): Value {
    if ([0x01, 0x17, 0x19].includes(identifier)) return this.byte()
    if ([0x21, 0x22, 0x23].includes(identifier)) return this.u16()
    if ([0x02, 0x11, 0x18, 0x27].includes(identifier)) return this.u16() * 65_536 + this.u16()
    if (identifier === 0x0b) return this.varint()
    if ([0x09, 0x16].includes(identifier)) return this.binary()
    return identifier === 0x26 ? [this.string(), this.string()] : this.string()
  }
}
