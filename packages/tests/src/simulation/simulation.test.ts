import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { writeLogLine } from '../model/log.ts'
import { faultKinds } from './profile.ts'
import { Random } from './random.ts'
import { type Run, simulate } from './simulation.ts'

/** Everything that happened in a run, as one number. */
function digest({ logs, notes, packets, simulatedMs }: Run): string {
  const hash = createHash('sha256')
  for (const { clientIdentifier, events } of logs) {
    for (const event of events) hash.update(writeLogLine(clientIdentifier, event))
  }
  return hash.update(JSON.stringify([notes, packets, simulatedMs])).digest('hex')
}

test('the same seed makes the same run, bit for bit', async () => {
  for (const seed of [3, 14, 159]) {
    const [first, second] = [await simulate({ seed }), await simulate({ seed })]
    assert.ok(first.packets > 100)
    assert.equal(digest(first), digest(second))
  }
})

test('another seed makes another run', async () => {
  const digests = new Set<string>()
  for (const seed of [1, 2, 3, 4]) digests.add(digest(await simulate({ seed, durationMs: 2_000 })))
  assert.equal(digests.size, 4)
})

test('runs have every kind of fault, and packets of every kind', async () => {
  const faults = new Set<string>()
  const events = new Set<string>()
  for (let seed = 1; seed <= 20; seed++) {
    const run = await simulate({ seed })
    for (const kind of run.faults.keys()) faults.add(kind)
    for (const { events: logged } of run.logs) for (const { event } of logged) events.add(event)
  }
  // A queue that is full is a setting and not an event.
  const missing = faultKinds.filter((kind) => kind !== 'full-queue' && !faults.has(kind))
  assert.deepEqual(missing, [])
  for (const event of ['acked', 'received', 'refused', 'leaving', 'unsubscribed']) {
    assert.ok(events.has(event), event)
  }
})

test('the generator is even, and its streams differ', () => {
  const counts = new Array<number>(10).fill(0)
  const random = new Random(1)
  for (let i = 0; i < 10_000; i++) counts[random.below(10)] = (counts[random.below(10)] ?? 0) + 1
  assert.ok(counts.every((count) => count > 0))
  const of = (seed: number, stream: string) => new Random(seed, stream).next()
  assert.equal(new Set([of(1, 'a'), of(1, 'b'), of(2, 'a'), of(2, 'b')]).size, 4)
})
