import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sent } from '../../fuzz/arbitraries.ts'
import { frame, readFrame, refusal } from '../../fuzz/frames.ts'
import { ProtocolError } from '../errors.ts'
import type { ProtocolVersion } from '../version.ts'
import { Framer, largestPacket } from './framer.ts'
import type { Sender } from './properties.ts'
import { readPacket } from './read-packet.ts'
import { PacketReader } from './reader.ts'
import { encodePacket } from './write-packet.ts'

/** Types by who may send them, table 2-1. */
const both = [3, 4, 5, 6, 7]
const clients = [1, 8, 10, 12]
const servers = [2, 9, 11, 13]
const allowed: readonly (readonly [ProtocolVersion, Sender, readonly number[]])[] = [
  [3, 'client', [...both, ...clients, 14]],
  [3, 'server', [...both, ...servers]],
  [4, 'client', [...both, ...clients, 14]],
  [4, 'server', [...both, ...servers]],
  [5, 'client', [...both, ...clients, 14, 15]],
  [5, 'server', [...both, ...servers, 14, 15]],
]

for (const [version, from, types] of allowed) {
  test(`a ${from} of version ${version} sends its packet types only (U5-2.1.2-a)`, () => {
    for (let type = 0; type <= 15; type += 1) {
      const flags = type === 6 || type === 8 || type === 10 ? 2 : 0
      const read = () =>
        readPacket((type << 4) | flags, new PacketReader(new Uint8Array(0), 0, 0), version, from)
      let statement: string | undefined
      try {
        read()
      } catch (error) {
        assert.ok(error instanceof ProtocolError)
        statement = error.statement
      }
      assert.equal(statement === 'U5-2.1.2-a', !types.includes(type), `type ${type}`)
    }
  })
}

/** Flags that version 3 takes beside those of table 2-2. */
const takenBy31 = { 6: [2, 3, 10, 11], 8: [2, 3, 10, 11], 10: [2, 3, 10, 11] } as const
const bodies: Readonly<Record<number, string>> = {
  4: '0001',
  5: '0001',
  6: '0001',
  7: '0001',
  8: "0001 0001 'a' 00",
  10: "0001 0001 'a'",
  12: '',
  14: '',
}

test('3.1.1 takes one set of flags for each type [MQTT3-2.2.2-2], 3.1 also those it has no use for', () => {
  for (const [type, body] of Object.entries(bodies)) {
    const due = type === '6' || type === '8' || type === '10' ? 2 : 0
    for (let flags = 0; flags < 16; flags += 1) {
      const read = (version: ProtocolVersion) =>
        readFrame(frame((Number(type) << 4) | flags, body), version, 'client')
      if (flags === due) read(4)
      else assert.equal(refusal(() => read(4)).reasonCode, 0x81)
      const taken = takenBy31[Number(type) as 6]?.includes(flags as 2) ?? true
      if (taken) read(3)
      else assert.equal(refusal(() => read(3)).reasonCode, 0x81)
    }
  }
})

test('waits for the rest of every packet that is cut off', () => {
  fc.assert(
    fc.property(sent, fc.nat(), ({ packet, version }, cut) => {
      const bytes = encodePacket(packet, version)
      const framer = new Framer(largestPacket)
      framer.push(bytes.subarray(0, cut % bytes.length))
      assert.ok(!framer.advance())
      assert.equal(framer.isWaiting, cut % bytes.length > 0)
    }),
  )
})

test('gives a packet or a ProtocolError for every body that is cut off', () => {
  fc.assert(
    fc.property(sent, ({ packet, version, from }) => {
      const framer = new Framer(largestPacket)
      framer.push(encodePacket(packet, version))
      assert.ok(framer.advance())
      const { bytes, bodyStart, firstByte } = framer
      const end = Math.min(framer.bodyEnd, bodyStart + 300)
      for (let cut = bodyStart; cut < end; cut += 1) {
        try {
          readPacket(firstByte, new PacketReader(bytes, bodyStart, cut), version, from)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, `cut at ${cut}: ${error}`)
        }
      }
    }),
  )
})
