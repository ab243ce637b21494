import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sent } from '../../fuzz/arbitraries.ts'
import { hexOf, readFrame } from '../../fuzz/frames.ts'
import type { Packet } from '../packet.ts'
import { encodePacket, writePacket } from './write-packet.ts'
import { PacketWriter } from './writer.ts'

const publish: Packet = {
  type: 'publish',
  dup: false,
  qos: 0,
  retain: false,
  topicName: 'a',
  packetIdentifier: 0,
  properties: {},
  payload: new Uint8Array(0),
}

test('what is written is read as the same packet', () => {
  fc.assert(
    fc.property(sent, ({ packet, version, from }) => {
      assert.deepEqual(readFrame(encodePacket(packet, version), version, from), packet)
    }),
    { numRuns: 2_000 },
  )
})

test('appends what encodePacket gives', () => {
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 5 }), (all) => {
      const writer = new PacketWriter(0)
      for (const { packet, version } of all) writePacket(writer, packet, version)
      const one = all.map(({ packet, version }) => hexOf(encodePacket(packet, version)))
      assert.equal(hexOf(writer.view()), one.join(''))
    }),
  )
})

for (const size of [
  0, 123, 124, 125, 126, 16_379, 16_380, 16_381, 2_097_147, 2_097_148, 2_097_149,
]) {
  test(`writes a payload of ${size} bytes behind the shortest length [MQTT5-1.5.5-1]`, () => {
    const packet = { ...publish, payload: new Uint8Array(size).fill(7) }
    for (const version of [4, 5] as const) {
      assert.deepEqual(readFrame(encodePacket(packet, version), version, 'client'), packet)
    }
  })
}

test('the bytes of one call do not change with the next', () => {
  const first = encodePacket({ type: 'pingreq' }, 5)
  encodePacket({ type: 'pingresp' }, 5)
  assert.equal(hexOf(first), 'c000')
})

test('a packet that cannot be written leaves nothing behind', () => {
  const writer = new PacketWriter()
  writePacket(writer, publish, 5)
  const before = hexOf(writer.view())
  const impossible = { ...publish, properties: { contentType: 'x'.repeat(65_536) } }
  assert.throws(() => writePacket(writer, impossible, 5), RangeError)
  assert.equal(hexOf(writer.view()), before)
  assert.throws(() => encodePacket(impossible, 5), RangeError)
  assert.equal(hexOf(encodePacket(publish, 5)), before)
})

test('tells a 3.1 client nothing of Session Present', () => {
  const connack: Packet = { type: 'connack', sessionPresent: true, reasonCode: 0, properties: {} }
  assert.equal(hexOf(encodePacket(connack, 3)), '20020000')
  assert.equal(hexOf(encodePacket(connack, 4)), '20020100')
})
