import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sent } from '../../fuzz/arbitraries.ts'
import { bytesOf, hexOf } from '../../fuzz/frames.ts'
import { ProtocolError } from '../errors.ts'
import { Framer } from './framer.ts'
import { PacketStream } from './packet-stream.ts'
import { encodePacket } from './write-packet.ts'

const maximum = 100

/** The frames of these chunks, and what ends them. */
function framesOf(framer: Framer | PacketStream, chunks: readonly Uint8Array[]): string[] {
  const found: string[] = []
  try {
    for (const chunk of chunks) {
      framer.push(chunk)
      while (framer.advance()) {
        const { firstByte, bytes, bodyStart, bodyEnd } = framer
        found.push(`${firstByte} ${hexOf(bytes.subarray(bodyStart, bodyEnd))}`)
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    found.push(`${error.reasonCode} ${error.statement}`)
  }
  return found
}

function assertLikeFramer(chunks: readonly Uint8Array[], isStrict: boolean): string[] {
  const framer = new Framer(maximum)
  framer.strictLengths = isStrict
  const found = framesOf(new PacketStream(maximum, isStrict), chunks)
  assert.deepEqual(found, framesOf(framer, chunks))
  return found
}

const rows = [
  ['several packets', 'c000 40021234 e000', 3],
  ['a padded length', 'c0808000 c000', 2],
  ['packet type 0', 'c000 0f00', 2],
  ['a fifth length byte', '30 ffffffff', 1],
  ['a packet larger than the maximum', '30 63', 1],
  ['one as large as it', `30 62 ${'00'.repeat(98)}`, 1],
  ['a packet that is not whole', 'c000 4002', 1],
] as const

for (const [name, hex, count] of rows) {
  test(`frames ${name} as Framer does, in one chunk or byte by byte`, () => {
    const bytes = bytesOf(hex)
    assert.equal(assertLikeFramer([bytes], false).length, count)
    const single = [...bytes].map((byte) => Uint8Array.of(byte))
    assert.deepEqual(assertLikeFramer(single, false), assertLikeFramer([bytes], false))
    assertLikeFramer(single, true)
  })
}

const split = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 20 })
const faulty = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })

test('frames any split of any stream as Framer does, faulty or not', () => {
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 6 }), split, faulty, (packets, sizes, faults) => {
      const all = packets.map(({ packet, version }) => encodePacket(packet, version))
      const bytes = Uint8Array.from(all.flatMap((each) => [...each]))
      for (const [at, byte] of faults) if (bytes.length > 0) bytes[at % bytes.length] = byte
      const chunks: Uint8Array[] = []
      for (let at = 0; at < bytes.length; ) {
        const size = sizes[chunks.length % sizes.length] as number
        chunks.push(bytes.slice(at, at + size))
        at += size
      }
      for (const isStrict of [true, false]) assertLikeFramer(chunks, isStrict)
    }),
    { numRuns: 300 },
  )
})

test('a large packet in small chunks is not copied for each, and a large announcement is not believed', () => {
  const size = 1_000_004
  const whole = Uint8Array.from({ length: size }, (_, i) => i % 251)
  whole.set([0x30, 0xc0, 0x84, 0x3d])
  const stream = new PacketStream(size, true)
  const arrays = new Set<unknown>()
  for (let at = 0; at < size; at += 1_009) {
    stream.push(whole.subarray(at, at + 1_009))
    arrays.add(stream.bytes)
    assert.ok(stream.bytes.length <= 2 * (at + 1_009))
    assert.equal(stream.advance(), at + 1_009 >= size)
  }
  assert.deepEqual(stream.body().rest(), whole.subarray(4))
  assert.ok(arrays.size < 20, `${arrays.size} arrays`)
})

test('views of a packet last, and their slice is a copy, also of a Buffer', () => {
  const stream = new PacketStream(maximum, true)
  const views: Uint8Array[] = []
  for (const hex of ['3003000061 30', '03000062 300300', '0063']) {
    stream.push(Buffer.from(bytesOf(hex)))
    while (stream.advance()) views.push(stream.body().rest())
  }
  assert.deepEqual(views.map(hexOf), ['000061', '000062', '000063'])
  for (const view of views) assert.equal(view.constructor, Uint8Array)
})
