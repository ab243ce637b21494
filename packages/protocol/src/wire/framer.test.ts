import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packet } from '../../fuzz/arbitraries.ts'
import { bytesOf, hexOf, refusal } from '../../fuzz/frames.ts'
import type { ProtocolVersion } from '../version.ts'
import { Framer, largestPacket } from './framer.ts'
import type { Sender } from './properties.ts'
import { readPacket } from './read-packet.ts'
import { encodePacket } from './write-packet.ts'

function frames(framer: Framer, chunk: Uint8Array): string[] {
  const found: string[] = []
  framer.push(chunk)
  while (framer.advance()) {
    const { firstByte, bytes, bodyStart, bodyEnd } = framer
    found.push(`${hexOf(Uint8Array.of(firstByte))} ${hexOf(bytes.subarray(bodyStart, bodyEnd))}`)
  }
  return found
}

test('frames several packets in one chunk', () => {
  const framer = new Framer(largestPacket)
  assert.deepEqual(frames(framer, bytesOf('c000 40021234 e000')), ['c0 ', '40 1234', 'e0 '])
  assert.ok(!framer.isWaiting)
})

test('frames packets that come byte by byte', () => {
  const framer = new Framer(largestPacket)
  const found = [...bytesOf('c000 40021234 e000')].map((byte) =>
    frames(framer, Uint8Array.of(byte)),
  )
  assert.deepEqual(found, [[], ['c0 '], [], [], [], ['40 1234'], [], ['e0 ']])
})

test('accepts the padded length of 3.x, refuses it in 5.0', () => {
  const framer = new Framer(largestPacket)
  assert.deepEqual(frames(framer, bytesOf('c08000 c0808000')), ['c0 ', 'c0 '])
  framer.strictLengths = true
  assert.deepEqual(frames(framer, bytesOf('c000')), ['c0 '])
  const error = refusal(() => frames(framer, bytesOf('c08000')))
  assert.deepEqual([error.reasonCode, error.statement], [0x81, 'MQTT5-1.5.5-1'])
})

const refused = [
  ['U5-2.1.2-a', 'packet type 0 as soon as it is seen', 0x81, '00'],
  ['U5-2.1.2-a', 'packet type 0 with flags', 0x81, '0f00'],
  ['U5-1.5.5-a', 'a fifth length byte before it arrives', 0x81, '30 ffffffff'],
  ['MQTT5-3.2.2-15', 'a packet of 101 bytes at its header', 0x95, '30 63'],
  ['MQTT5-3.2.2-15', 'the largest packet at its header', 0x95, '30 ffffff7f'],
] as const

for (const [statement, name, reasonCode, hex] of refused) {
  test(`refuses ${name} [${statement}]`, () => {
    const bytes = bytesOf(hex)
    const error = refusal(() => frames(new Framer(100), bytes))
    assert.deepEqual([error.reasonCode, error.statement], [reasonCode, statement])
    const framer = new Framer(100)
    const slow = refusal(() => {
      for (const byte of bytes) frames(framer, Uint8Array.of(byte))
    })
    assert.deepEqual([slow.reasonCode, slow.statement], [reasonCode, statement])
    // and again, should anybody go on
    assert.equal(refusal(() => frames(framer, bytes)).reasonCode, reasonCode)
  })
}

test('counts the fixed header in the size [MQTT5-3.1.2-24]', () => {
  const framer = new Framer(100)
  assert.equal(frames(framer, Uint8Array.of(0x30, 98, ...new Uint8Array(98))).length, 1)
})

test('the maximum may change between packets', () => {
  const framer = new Framer(4)
  assert.equal(frames(framer, bytesOf('40021234')).length, 1)
  framer.maximumPacketSize = 3
  assert.equal(refusal(() => frames(framer, bytesOf('4002'))).reasonCode, 0x95)
})

test('a large announcement allocates next to nothing', () => {
  const framer = new Framer(largestPacket)
  const before = process.memoryUsage().arrayBuffers
  assert.deepEqual(frames(framer, bytesOf('30 ffffff7f 00')), [])
  assert.ok(framer.isWaiting)
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024)
})

test('a packet in small chunks comes out whole', () => {
  const framer = new Framer(largestPacket)
  const whole = Uint8Array.from({ length: 1_000_004 }, (_, i) => i % 251)
  whole.set([0x30, 0xc0, 0x84, 0x3d])
  for (let at = 0; at < whole.length; at += 1_009) {
    framer.push(whole.subarray(at, at + 1_009))
    assert.equal(framer.advance(), at + 1_009 >= whole.length)
  }
  assert.deepEqual(framer.body().rest(), whole.subarray(4))
})

test('settle copies what is not framed yet', () => {
  const framer = new Framer(largestPacket)
  const chunk = Buffer.from(bytesOf('c000 40021234 4002'))
  framer.push(chunk)
  assert.ok(framer.advance())
  framer.settle()
  chunk.fill(0xee)
  assert.deepEqual(frames(framer, bytesOf('5678 c000')), ['40 1234', '40 5678', 'c0 '])
})

test('keep makes packets outlive their chunk, each in its place', () => {
  const framer = new Framer(largestPacket)
  let copies = 0
  const copy = (bytes: Uint8Array) => {
    copies++
    return bytes.slice()
  }
  const kept: Uint8Array[] = []
  const chunk = Buffer.alloc(20)
  const push = (hex: string) => {
    const bytes = bytesOf(hex)
    chunk.set(bytes)
    framer.push(chunk.subarray(0, bytes.length))
    while (framer.advance()) {
      framer.keep(copy)
      kept.push(framer.bytes.subarray(framer.start, framer.bodyEnd))
    }
    chunk.fill(0xee)
  }
  push('c000 40021234 40')
  push('025678 c000')
  assert.deepEqual(kept.map(hexOf), ['c000', '40021234', '40025678', 'c000'])
  assert.equal(copies, 2) // one for each chunk; what comes in parts is copied anyway
  assert.equal(kept[0]?.buffer, kept[1]?.buffer)
})

test('parts of an array are read where they lie, and need not be kept', () => {
  const framer = new Framer(largestPacket)
  const array = bytesOf('ffff c000 40021234 40 ffff 025678 c000 ff')
  const found: string[] = []
  for (const [start, end] of [
    [2, 9],
    [11, 16],
  ] as const) {
    framer.pushPart(array, start, end)
    while (framer.advance()) {
      framer.keep(() => assert.fail('it lasts'))
      found.push(hexOf(framer.bytes.subarray(framer.start, framer.bodyEnd)))
    }
  }
  assert.deepEqual(found, ['c000', '40021234', '40025678', 'c000'])
})

test('gives views whose slice is a copy, also of a Buffer', () => {
  const framer = new Framer(largestPacket)
  framer.push(Buffer.from(bytesOf('30020000')))
  assert.ok(framer.advance())
  assert.equal(framer.body().rest().constructor, Uint8Array)
})

const stream = fc
  .tuple(fc.constantFrom<ProtocolVersion>(3, 4, 5), fc.constantFrom<Sender>('client', 'server'))
  .chain(([version, from]) =>
    fc.record({
      version: fc.constant(version),
      from: fc.constant(from),
      packets: fc.array(packet(version, from), { minLength: 1, maxLength: 6 }),
      sizes: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 40 }),
    }),
  )

test('any split of a stream gives the same packets, though chunks are reused', () => {
  fc.assert(
    fc.property(stream, ({ version, from, packets, sizes }) => {
      const sent = packets.map((one) => hexOf(encodePacket(one, version)))
      const bytes = bytesOf(sent.join(''))
      const framer = new Framer(largestPacket)
      const received: string[] = []
      const chunk = Buffer.alloc(300)
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const part = bytes.subarray(at, at + (sizes[i % sizes.length] as number))
        chunk.set(part)
        framer.push(chunk.subarray(0, part.length))
        while (framer.advance()) {
          const one = readPacket(framer.firstByte, framer.body(), version, from)
          received.push(hexOf(encodePacket(one, version)))
        }
        chunk.fill(0xee)
        at += part.length
      }
      assert.ok(!framer.isWaiting)
      assert.deepEqual(received, sent)
    }),
    { numRuns: 300 },
  )
})
