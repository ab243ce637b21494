import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { heapGrowth } from './heap-growth.ts'
import { createLog } from './log.ts'
import { MemoryGuard } from './memory-guard.ts'

const MiB = 1_048_576

// what is taken, the limit, and the growth in percent
const rows = [
  [30, 3_000, 200, 'much room: to three times of it'],
  [111, 1_000, 200, 'a quarter of the room is just enough for that'],
  [112, 1_000, 150, 'less room'],
  [333, 1_000, 50, 'a quarter of the room is half of what is taken'],
  [334, 1_000, 0, 'little room: as V8 thinks best'],
  [1_000, 1_000, 0, 'none'],
  [2_000, 1_000, 0, 'more than all'],
] as const
for (const [taken, limit, expected, what] of rows) {
  test(`${what}: the heap may grow by ${expected} %`, () => {
    assert.equal(heapGrowth(taken * MiB, limit * MiB), expected)
  })
}

test('the growth is set once for each change, and without a limit by what the system has', () => {
  const log = createLog({ level: 'info', format: 'text' }, { write() {} })
  let [limit, heap]: [number | undefined, number] = [1_000, 100]
  const grown: number[] = []
  const guard = new MemoryGuard({
    limit: () => limit,
    use: () => ({ heap, heapLimit: 100_000, buffers: 100 }),
    available: 4_000,
    grow: (percent) => grown.push(percent),
    log,
  })
  for (const next of [11, 12, 15, 500, 500, 11]) {
    heap = next
    guard.look()
  }
  assert.deepEqual(grown, [200, 150, 0, 200])
  ;[limit, heap] = [undefined, 700] // three quarters of 4,000
  guard.look()
  ;[limit, heap] = [0, 100]
  guard.look()
  assert.deepEqual(grown.slice(4), [50, 200])
})

/** Full collections while the heap grows to 100 MB, after one that begins it. */
const counting = (percent: number) => `
  import { setHeapGrowth } from ${JSON.stringify(new URL('heap-growth.ts', import.meta.url))}
  import { constants, PerformanceObserver } from 'node:perf_hooks'
  setHeapGrowth(${percent})
  let full = 0
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++
  })
  observer.observe({ entryTypes: ['gc'] })
  gc()
  const kept = []
  while (kept.length < 1_600) {
    for (let i = 0; i < 20; i++) kept.push(new Array(8_192).fill(i))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
  console.log(full - 1)
`

test('V8 follows it: the more growth, the fewer full collections', async () => {
  const run = promisify(execFile)
  const collections = async (percent: number) => {
    const script = ['--input-type=module', '-e', counting(percent)]
    const { stdout, stderr } = await run(process.execPath, ['--expose-gc', ...script])
    assert.equal(stderr, '', 'V8 has such a flag')
    return Number(stdout)
  }
  const [little, much] = [await collections(20), await collections(200)]
  assert.ok(much < little, `${much} with 200 %, ${little} with 20 %`)
})
