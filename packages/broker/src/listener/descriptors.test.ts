import assert from 'node:assert/strict'
import { type Socket, Socket as TcpSocket } from 'node:net'
import { test } from 'node:test'
import { createLog, silentLog } from '../log.ts'
import { closeWhenShort, DescriptorShortage } from './descriptors.ts'

test('the last descriptors are kept, which is reported, and not again for ten seconds', () => {
  const lines: string[] = []
  let now = 0
  const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
  const shortage = new DescriptorShortage(log, 64, () => now)
  const open = (fd: number | undefined) => {
    const socket = Object.assign(new TcpSocket(), { _handle: { fd, close() {} } }) as Socket
    closeWhenShort(socket, shortage)
    return !socket.destroyed
  }
  for (const fd of [5, 47, undefined]) assert.ok(open(fd))
  assert.equal(lines.length, 0)
  assert.equal(open(48), false)
  now = 9_999
  assert.equal(open(63), false)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /error out of file descriptors.* are closed limit=64\n$/)
  now = 10_000
  assert.equal(open(63), false)
  assert.equal(lines.length, 2)
})

test('it is over when the next descriptor is none of those that are kept', () => {
  assert.equal(new DescriptorShortage(silentLog, 1_000_000).isOver, true)
  assert.equal(new DescriptorShortage(silentLog, 16).isOver, false)
})
