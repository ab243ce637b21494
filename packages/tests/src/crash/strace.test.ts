import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTrace } from './strace.ts'

const trace = [
  String.raw`10 1.000001 pwrite64(7<\x2f\x61>, "\x41\x42", 2, 0) = 2`,
  String.raw`10 1.000002 fdatasync(7<\x2f\x61> <unfinished ...>`,
  String.raw`11 1.000003 writev(9<TCP:[1:2->3:4]>, [{iov_base="\x40", iov_len=1}, {iov_base="\x02", iov_len=1}], 2) = 2`,
  '10 1.000004 <... fdatasync resumed>)     = 0',
  '11 +++ exited with 0 +++',
  String.raw`10 1.000005 write(9<TCP:[1:2->3:4]>, "\x00", 1) = -1 EAGAIN (Resource temporarily unavailable)`,
].join('\n')

test('reads what began, what ended, and on what', () => {
  const calls = readTrace(trace).map(({ bytes, ...call }) => ({
    ...call,
    hex: bytes.toString('hex'),
  }))
  assert.deepEqual(calls, [
    { name: 'pwrite64', target: '/a', hex: '4142', result: 2, begun: 0, ended: 0 },
    { name: 'writev', target: 'TCP:[1:2->3:4]', hex: '4002', result: 2, begun: 2, ended: 2 },
    { name: 'fdatasync', target: '/a', hex: '', result: 0, begun: 1, ended: 3 },
    { name: 'write', target: 'TCP:[1:2->3:4]', hex: '00', result: -1, begun: 5, ended: 5 },
  ])
})
