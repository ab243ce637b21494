import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { IdentifierTable } from './identifier-table.ts'

/** Some that meet in every small table, and any others. */
const identifiers = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map((n) => 1 + n * 256),
  fc.integer({ min: 1, max: 65_535 }),
  fc.integer({ min: 1, max: 12 }),
)
const steps = fc.array(fc.record({ identifier: identifiers, number: fc.option(fc.nat(9)) }), {
  maxLength: 300,
})

test('is a Map of Packet Identifiers', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const table = new IdentifierTable()
      const map = new Map<number, number>()
      for (const { identifier, number } of all) {
        assert.equal(table.get(identifier), map.get(identifier))
        if (number === null) assert.equal(table.delete(identifier), map.delete(identifier))
        else {
          table.set(identifier, number)
          map.set(identifier, number)
        }
        assert.equal(table.size, map.size)
      }
      const inOrder = [...table].sort(([one], [other]) => one - other)
      assert.deepEqual(
        inOrder,
        [...map].sort(([one], [other]) => one - other),
      )
    }),
  )
})

test('holds all Packet Identifiers', () => {
  const table = new IdentifierTable()
  for (let identifier = 1; identifier <= 65_535; identifier++) table.set(identifier, identifier)
  assert.equal(table.size, 65_535)
  assert.ok([...table].every(([identifier, number]) => identifier === number))
  for (let identifier = 1; identifier <= 65_535; identifier++) table.delete(identifier)
  assert.deepEqual([...table], [])
})
