import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PacketIdentifiers } from './packet-identifiers.ts'

test('all 65,535 can be in use, and 0 is none of them [MQTT5-2.2.1-3] [MQTT5-2.2.1-4]', () => {
  const identifiers = new PacketIdentifiers()
  const taken = new Set<number>()
  for (let count = 0; count < 65_535; count++) taken.add(identifiers.take())
  assert.equal(taken.size, 65_535)
  assert.equal(Math.min(...taken), 1)
  assert.equal(Math.max(...taken), 65_535)
  assert.equal(identifiers.isFull, true)
  assert.equal(identifiers.take(), 0)
  assert.equal(identifiers.size, 65_535)
  for (const free of [1, 65_535, 32_768, 40, 32, 31]) {
    identifiers.release(free)
    assert.equal(identifiers.has(free), false)
    assert.equal(identifiers.take(), free)
    assert.equal(identifiers.take(), 0)
  }
})

test('one that is freed is not the next to be taken [MQTT5-2.2.1-3]', () => {
  const identifiers = new PacketIdentifiers()
  const recent: number[] = []
  for (let count = 0; count < 200_000; count++) {
    const taken = identifiers.take()
    assert.ok(taken >= 1 && taken <= 65_535 && !recent.includes(taken))
    identifiers.release(taken)
    recent.push(taken)
    if (recent.length > 100) recent.shift()
  }
  assert.equal(identifiers.size, 0)
})

test('the rotation goes on behind those that were restored', () => {
  const identifiers = new PacketIdentifiers()
  identifiers.reserve(40_000)
  assert.equal(identifiers.take(), 40_001)
  identifiers.reserve(65_535)
  assert.equal(identifiers.take(), 1)
  for (const wrong of [0, -1, 65_536]) {
    assert.throws(() => identifiers.reserve(wrong), RangeError)
    assert.equal(identifiers.has(wrong), false)
    identifiers.release(wrong)
  }
  assert.equal(identifiers.size, 4)
})

test('behaves as a set of numbers does [MQTT5-2.2.1-3] [MQTT5-2.2.1-4]', () => {
  const near = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 65_535 }))
  const action = fc.oneof(
    fc.record({ kind: fc.constant('take'), identifier: fc.constant(0) }),
    fc.record({ kind: fc.constantFrom('reserve', 'release'), identifier: near }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 3_000, size: 'max' }), (actions) => {
      const identifiers = new PacketIdentifiers()
      const model = new Set<number>()
      for (const { kind, identifier } of actions) {
        if (kind === 'take') {
          const taken = identifiers.take()
          assert.ok(taken >= 1 && taken <= 65_535 && !model.has(taken))
          model.add(taken)
        } else if (kind === 'reserve') {
          identifiers.reserve(identifier)
          model.add(identifier)
        } else {
          identifiers.release(identifier)
          model.delete(identifier)
        }
        assert.equal(identifiers.has(identifier), model.has(identifier))
        assert.equal(identifiers.size, model.size)
      }
      for (const identifier of model) assert.ok(identifiers.has(identifier))
    }),
  )
})
