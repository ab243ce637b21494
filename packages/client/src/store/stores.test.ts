import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileStore } from '../node/file-store.ts'
import { memoryStore } from './memory.ts'
import { durableStoreCases, storeCases } from './session-store.contract.ts'

for (const { name, run } of storeCases) {
  test(`the memory store ${name}`, async () => {
    const store = memoryStore()
    // It outlives whoever closes it.
    await run(() => store)
  })
}

for (const { name, run } of [...storeCases, ...durableStoreCases]) {
  for (const compactAtBytes of [undefined, 0]) {
    const kind = compactAtBytes === 0 ? 'that compacts all the time' : ''
    test(`the file store ${kind} ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'busbar-store-'))
      try {
        const path = join(folder, 'session')
        await run(() => fileStore(path, compactAtBytes === undefined ? {} : { compactAtBytes }))
      } finally {
        await rm(folder, { recursive: true })
      }
    })
  }
}

test('a store takes nothing more after a write that failed', async () => {
  const { CommitQueue } = await import('./commit-queue.ts')
  let writes = 0
  const queue = new CommitQueue(async () => {
    writes++
    throw new Error('no space left')
  })
  const commits = [queue.commit([]), queue.commit([])]
  for (const { status, reason } of (await Promise.allSettled(commits)) as PromiseRejectedResult[]) {
    assert.equal(status, 'rejected')
    assert.equal(reason.code, 'store-failed')
  }
  await assert.rejects(queue.commit([]), { code: 'store-failed', message: /no space left/ })
  assert.equal(writes, 1)
})

test('what is committed during a write is written as one, in order', async () => {
  const { CommitQueue } = await import('./commit-queue.ts')
  const written: (readonly { type: string }[])[] = []
  const turns: (() => void)[] = []
  const queue = new CommitQueue((changes) => {
    written.push(changes)
    return new Promise((resolve) => turns.push(resolve))
  })
  const remove = (sequence: number) => [{ type: 'remove', sequence }] as const
  const first = queue.commit(remove(1))
  await Promise.resolve()
  const rest = [queue.commit(remove(2)), queue.commit(remove(3))]
  turns[0]?.()
  await first
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(written, [remove(1), [...remove(2), ...remove(3)]])
  turns[1]?.()
  await Promise.all(rest)
})
