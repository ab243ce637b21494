import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacketIdentifiers } from './packet-identifiers.ts'

test('Packet Identifiers rotate and are never 0 [MQTT5-2.2.1-3]', () => {
  const identifiers = new PacketIdentifiers()
  for (let expected = 1; expected <= 65_535; expected++) {
    assert.equal(identifiers.take(), expected)
    identifiers.release(expected)
  }
  assert.equal(identifiers.take(), 1)
})

test('one in use is not given again; when all are, there is none', () => {
  const identifiers = new PacketIdentifiers()
  identifiers.reserve(3)
  const taken = new Set<number>([3])
  for (let count = 1; count < 65_535; count++) taken.add(identifiers.take())
  assert.equal(taken.size, 65_535)
  assert.ok(identifiers.isFull)
  assert.equal(identifiers.take(), 0)
  identifiers.release(7)
  identifiers.release(7)
  assert.equal(identifiers.take(), 7)
  assert.ok(identifiers.isFull)
})
