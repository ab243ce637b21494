import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InFlight } from './in-flight.ts'

interface Entry {
  readonly packetIdentifier: number
  previous: Entry | undefined
  next: Entry | undefined
}

const entryOf = (packetIdentifier: number): Entry => {
  return { packetIdentifier, previous: undefined, next: undefined }
}

const identifier = fc.oneof(fc.nat(40), fc.integer({ min: 1, max: 65_535 }))

test('keeps what was added and not deleted, in that order', () => {
  fc.assert(
    fc.property(fc.array(identifier, { maxLength: 300 }), (identifiers) => {
      const inFlight = new InFlight<Entry>()
      const model = new Map<number, Entry>()
      for (const each of identifiers) {
        const known = model.get(each)
        assert.equal(inFlight.get(each), known)
        if (known === undefined) {
          model.set(each, entryOf(each))
          inFlight.add(model.get(each) as Entry)
        } else {
          model.delete(each)
          inFlight.delete(known)
        }
        assert.equal(inFlight.size, model.size)
        assert.equal(inFlight.first, model.values().next().value)
      }
      assert.deepEqual([...inFlight].map(idOf), [...model.keys()])
    }),
    { numRuns: 500 },
  )
})

test("all identifiers can be in use, and one that stays long is in nobody's way", () => {
  const inFlight = new InFlight<Entry>()
  for (let id = 1; id <= 65_535; id++) inFlight.add(entryOf(id))
  for (let id = 2; id <= 65_535; id++) inFlight.delete(inFlight.get(id) as Entry)
  for (let round = 0; round < 3; round++) {
    for (let id = 2; id <= 65_535; id++) {
      inFlight.add(entryOf(id))
      inFlight.delete(inFlight.get(id) as Entry)
    }
  }
  assert.deepEqual([...inFlight].map(idOf), [1])
})

test('a second one of an identifier takes the place of the first', () => {
  const inFlight = new InFlight<Entry>()
  for (const id of [1, 2, 1]) inFlight.add(entryOf(id))
  assert.equal(inFlight.size, 2)
  assert.deepEqual([...inFlight].map(idOf), [2, 1])
})

function idOf({ packetIdentifier }: Entry): number {
  return packetIdentifier
}
