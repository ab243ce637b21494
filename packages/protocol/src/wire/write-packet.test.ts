import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sent } from '../../fuzz/arbitraries.ts'
import { Framer, largestPacket } from './framer.ts'
import { readPacket } from './read-packet.ts'
import { encodePacket } from './write-packet.ts'
test('writing and reading gives the same packet', () => {
  fc.assert(
    fc.property(sent, ({ packet, version, from }) => {
      const framer = new Framer(largestPacket)
      framer.strictLengths = true
      framer.push(encodePacket(packet, version))
      assert.ok(framer.advance())
      assert.deepEqual(readPacket(framer.firstByte, framer.body(), version, from), packet)
      assert.ok(!framer.advance())
      assert.ok(!framer.isWaiting)
    }),{numRuns:20000}
  )
})
