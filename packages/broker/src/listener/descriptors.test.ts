import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { createLog } from '../log.ts'
import { watchDescriptors } from './descriptors.ts'

test('the last descriptor is reported, and not again for ten seconds', () => {
  const lines: string[] = []
  let now = 0
  const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
  const watch = watchDescriptors(log, 64, () => now)
  const socket = (fd: number | undefined) => ({ _handle: { fd } }) as unknown as Socket
  for (const fd of [5, 62, undefined]) watch(socket(fd))
  assert.equal(lines.length, 0)
  watch(socket(63))
  now = 9_999
  watch(socket(63))
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /error out of file descriptors.* limit=64\n$/)
  now = 10_000
  watch(socket(63))
  assert.equal(lines.length, 2)
})
