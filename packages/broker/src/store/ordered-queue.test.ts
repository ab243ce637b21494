import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OrderedQueue } from './ordered-queue.ts'

/** The same numbers each time. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
}

/** Does something to a queue and to its model, which have to agree. */
function step(queue: OrderedQueue, model: Map<number, number>, below: (n: number) => number): void {
  const known = [...model.keys()].sort((a, b) => a - b)
  const [last, first, anywhere] = [known.at(-1) ?? 0, known[0] ?? 1, below(60)]
  const value = below(1_000)
  const kind = below(6)
  const position = kind < 2 ? last + 1 : kind === 2 ? first : anywhere
  if (kind < 2 || kind === 3) {
    assert.equal(queue.add(position, value), model.get(position))
    model.set(position, value)
  } else if (kind === 4) {
    queue.replace(position, value)
    if (model.has(position)) model.set(position, value)
  } else {
    assert.equal(queue.remove(position), model.get(position))
    model.delete(position)
  }
  assert.equal(queue.get(position), model.get(position))
  assert.equal(queue.count, model.size)
}

for (let seed = 1; seed <= 20; seed++) {
  test(`is an ordered list, whatever is added and removed: seed ${seed}`, () => {
    const below = chance(seed)
    const queue = new OrderedQueue()
    const model = new Map<number, number>()
    for (let i = 0; i < 500; i++) {
      step(queue, model, below)
      const positions = [...model.keys()].sort((a, b) => a - b)
      assert.equal(queue.lastPosition, positions.at(-1) ?? 0)
      const seen: [number, number | undefined][] = []
      queue.visit(20, (value, position) => {
        seen.push([position, value])
        return 'more'
      })
      const behind = positions.filter((position) => position > 20)
      assert.deepEqual(
        seen,
        behind.map((position) => [position, model.get(position)]),
      )
    }
  })
}
