import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { traceAcks } from '../src/crash/sync-trace.ts'
import { needs } from '../src/needs.ts'

const skip = needs('strace') || refusesTracing()

/** Not a failure in CI either: some kernels let nobody trace. */
function refusesTracing(): string | false {
  const { status } = spawnSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
  if (status === 0) return false
  console.log('skipped: ptrace refused')
  return 'skipped: ptrace refused'
}

const load = { oneByOne: 20, pipelined: 300 }

test('level disk: no PUBACK leaves before the sync of its message has ended', {
  skip,
}, async () => {
  const acks = await traceAcks({ level: 'disk', ...load })
  assert.equal(acks.length, load.oneByOne + load.pipelined)
  for (const { message, written, synced, acknowledged } of acks) {
    assert.ok(written !== undefined, `message ${message} was acknowledged and never written`)
    assert.ok(synced !== undefined, `message ${message} was acknowledged and never synced`)
    assert.ok(synced < acknowledged, `PUBACK ${message} at ${acknowledged}, synced at ${synced}`)
  }
})

test('level os: written before PUBACK, synced later', { skip }, async () => {
  const acks = await traceAcks({ level: 'os', ...load })
  assert.equal(acks.length, load.oneByOne + load.pipelined)
  for (const { message, written = Number.POSITIVE_INFINITY, acknowledged } of acks) {
    assert.ok(written < acknowledged, `PUBACK ${message} at ${acknowledged}, written at ${written}`)
  }
  // So the trace does tell the one from the other.
  const isEarly = ({ synced = Number.POSITIVE_INFINITY, acknowledged }: (typeof acks)[number]) =>
    acknowledged < synced
  assert.ok(acks.filter(isEarly).length > load.oneByOne / 2)
})
