import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../log.ts'
import { tcpContract } from './tcp.contract.ts'
import { startTcpListener } from './tcp.ts'

const options = { host: '127.0.0.1', port: 0, closeTimeoutMs: 600 }
const deaf = { receive() {}, drained() {}, closed() {} }

tcpContract('tcp', startTcpListener)
tcpContract('tcp, plain reads', (given, accept, log) =>
  startTcpListener({ ...given, reads: 'plain' }, accept, log),
)

test('an address of another machine is reported', async () => {
  await assert.rejects(
    startTcpListener({ ...options, host: '192.0.2.1' }, () => deaf, silentLog),
    { message: 'Cannot listen on 192.0.2.1:0: this machine does not have the address.' },
  )
})

test('an IPv6 address has brackets in the url', async (at) => {
  const listener = await startTcpListener({ ...options, host: '::1' }, () => deaf, silentLog).catch(
    () => undefined,
  )
  if (listener === undefined) return at.skip('IPv6 absent')
  assert.match(listener.url, /^mqtt:\/\/\[::1\]:\d+$/)
  await listener[Symbol.asyncDispose]()
})
