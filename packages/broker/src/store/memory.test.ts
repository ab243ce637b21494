import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore } from './memory.ts'
import { storeContract } from './store.contract.ts'
import { message, queued, session } from './store-samples.contract.ts'

storeContract('memory', async () => {
  const store = createMemoryStore()
  return { store, reopen: async () => store }
})

test('applies and calls back before the call returns', async () => {
  await using store = createMemoryStore()
  await store.open()
  let calls = 0
  const shared = message()
  store.commit([session('a'), queued('a', 1, { message: shared })], 'disk', () => calls++)
  assert.equal(calls, 1)
  store.readQueue('a', 0, 1, ([entry]) => {
    calls++
    assert.deepEqual(entry?.message, shared)
  })
  assert.equal(calls, 2)
})
