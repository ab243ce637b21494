import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '../src/errors.ts'
import type { Packet } from '../src/packet.ts'
import type { ProtocolVersion } from '../src/version.ts'
import { Framer, largestPacket } from '../src/wire/framer.ts'
import type { Sender } from '../src/wire/properties.ts'
import { encodePacket } from '../src/wire/write-packet.ts'
import { readBothWays } from './both-readers.ts'

/** Bytes from hex; spaces stand where fields meet, and 'text' for its characters. */
export function bytesOf(hex: string): Uint8Array {
  const plain = hex.replaceAll(/'([^']*)'/g, (_, text: string) =>
    hexOf(new TextEncoder().encode(text)),
  )
  const digits = plain.replaceAll(' ', '')
  assert.match(digits, /^([0-9a-f]{2})*$/i)
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The only packet in these bytes. */
export function readFrame(bytes: Uint8Array, version: ProtocolVersion, from: Sender): Packet {
  const framer = new Framer(largestPacket)
  framer.strictLengths = version === 5
  framer.push(bytes)
  assert.ok(framer.advance(), 'the frame is not whole')
  const packet = readBothWays(framer, version, from)
  assert.ok(!framer.advance() && !framer.isWaiting, 'something follows the frame')
  return packet
}

/** A frame around a body, for rows in which the length does not matter. */
export function frame(firstByte: number, body: string): Uint8Array {
  const bytes = bytesOf(body)
  assert.ok(bytes.length < 128)
  return Uint8Array.of(firstByte, bytes.length, ...bytes)
}

export type Accepted = readonly [
  name: string,
  version: ProtocolVersion,
  from: Sender,
  firstByte: number,
  body: string,
  packet: Packet,
]

/** Each row is read as its packet, and its packet is written as the row. */
export function readsAndWrites(rows: readonly Accepted[]): void {
  for (const [name, version, from, firstByte, body, packet] of rows) {
    test(`reads and writes ${packet.type} ${version}: ${name}`, () => {
      assert.deepEqual(readFrame(frame(firstByte, body), version, from), packet)
      assert.equal(hexOf(encodePacket(packet, version)), hexOf(frame(firstByte, body)))
    })
  }
}

/** Each row is read as its packet, though nobody here would write it like that. */
export function reads(rows: readonly Accepted[]): void {
  for (const [name, version, from, firstByte, body, packet] of rows) {
    test(`reads ${packet.type} ${version}: ${name}`, () => {
      assert.deepEqual(readFrame(frame(firstByte, body), version, from), packet)
    })
  }
}

export type Refused = readonly [
  statement: string | undefined,
  name: string,
  version: ProtocolVersion,
  from: Sender,
  reasonCode: number,
  firstByte: number,
  body: string,
]

export function refuses(rows: readonly Refused[]): void {
  for (const [statement, name, version, from, reasonCode, firstByte, body] of rows) {
    test(`refuses ${name} in version ${version} [${statement}]`, () => {
      const error = refusal(() => readFrame(frame(firstByte, body), version, from))
      assert.deepEqual([error.reasonCode, error.statement], [reasonCode, statement], error.message)
    })
  }
}

/** The ProtocolError that this throws. */
export function refusal(read: () => unknown): ProtocolError {
  try {
    read()
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
  return assert.fail('nothing was refused')
}
