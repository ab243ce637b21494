import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMessage } from './message.ts'
import { RetainedEntry, RetainedPayloads } from './retained-entry.ts'

function entryOf(topicName: string, payload: Uint8Array): RetainedEntry {
  const fields = { qos: 1, retain: true, properties: {}, publisher: 'p' } as const
  return new RetainedEntry(createMessage({ topicName, payload, ...fields }, 5))
}

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte)

test('an entry gives the message back, whatever became of its payload', () => {
  const payloads = new RetainedPayloads()
  const payload = filled(10, 1)
  const fields = { qos: 2, retain: true, properties: { contentType: 't' }, publisher: 'p' } as const
  const message = createMessage({ topicName: 'a', payload, ...fields, publisherUser: 'u' }, 7)
  const entry = new RetainedEntry(message)
  payloads.add(entry)
  const expected = structuredClone(message)
  payload.fill(0xee)
  assert.deepEqual(entry.message, expected)
})

test('payloads share memory, and keep what they are when they are moved', () => {
  const payloads = new RetainedPayloads()
  const kept = new Map<number, RetainedEntry>()
  let packed = 0
  for (let i = 0; i < 30_000; i++) {
    const entry = entryOf(`t/${i}`, filled((i * 37) % 400, i % 251))
    payloads.add(entry)
    // One in a hundred stays: each would hold a chunk of its own.
    if (i % 100 === 0) kept.set(i, entry)
    else payloads.removed(entry)
    if (!payloads.isWasteful) continue
    payloads.pack(kept.values())
    packed++
  }
  assert.ok(packed >= 2, `packed ${packed} times`)
  payloads.pack(kept.values())
  const chunks = new Set([...kept.values()].map(({ chunk }) => chunk.buffer))
  assert.ok(chunks.size <= 3, `${chunks.size} chunks for 60 KB`)
  for (const [i, { message }] of kept) {
    assert.deepEqual(message.payload, filled((i * 37) % 400, i % 251))
  }
})

test('a large payload has memory of its own, and no more than that', () => {
  const payloads = new RetainedPayloads()
  const entry = entryOf('a', filled(100_000, 3).subarray(0, 50_000))
  payloads.add(entry)
  assert.equal(entry.chunk.buffer.byteLength, 50_000)
  payloads.pack([entry])
  assert.deepEqual(entry.message.payload, filled(50_000, 3))
})
