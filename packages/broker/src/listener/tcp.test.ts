import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { createLog, silentLog } from '../log.ts'
import { type Accept, ListenError } from './listener.ts'
import { startTcpListener } from './tcp.ts'
import {
  eventually,
  type Peer,
  type TransportHarness,
  transportContract,
} from './transport.contract.ts'

const options = { host: '127.0.0.1', port: 0, closeTimeoutMs: 300 }
const deaf = { receive() {}, drained() {}, closed() {} }

const connectPeer = async (
  accept: Accept,
  reads: 'shared' | 'plain' = 'shared',
): Promise<TransportHarness> => {
  const listener = await startTcpListener({ ...options, reads }, accept, silentLog)
  const socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
  const peer = socketPeer(socket)
  await once(socket, 'connect')
  return {
    peer,
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
}

function socketPeer(socket: Socket): Peer {
  const chunks: Uint8Array[] = []
  socket.on('data', (bytes: Buffer) => chunks.push(bytes))
  socket.on('error', () => {})
  return {
    send: (bytes) => void socket.write(bytes),
    received: () => Buffer.concat(chunks),
    isClosed: () => socket.closed,
    stopReading: () => void socket.pause(),
    startReading: () => void socket.resume(),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  }
}

transportContract('tcp', (accept) => connectPeer(accept))
transportContract('tcp, plain reads', (accept) => connectPeer(accept, 'plain'))

test('a small write that has to wait is followed by drained() as well', async () => {
  let drained = 0
  await using listener = await startTcpListener(
    options,
    (transport) => {
      // More than the system takes at once, in pieces below the high-water mark.
      while (transport.pendingBytes === 0) transport.write(new Uint8Array(50_000))
      assert.ok(transport.pendingBytes <= 65_536)
      return { ...deaf, drained: () => drained++ }
    },
    silentLog,
  )
  const socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
  await once(socket, 'connect')
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  assert.equal(drained, 0)
  socket.resume()
  await eventually(() => drained === 1, 'drained() is called')
  socket.destroy()
})

test('a port in use is reported with who holds it', async () => {
  await using first = await startTcpListener(options, () => deaf, silentLog)
  const port = Number(new URL(first.url).port)
  await assert.rejects(
    startTcpListener({ ...options, port }, () => deaf, silentLog),
    (error) => {
      assert.ok(error instanceof ListenError)
      const holder = process.platform === 'linux' ? ` by .+ \\(process ${process.pid}\\)` : '.*'
      assert.match(
        error.message,
        new RegExp(`^Cannot listen on 127.0.0.1:${port}: the port is in use${holder}; .--port 0.`),
      )
      return true
    },
  )
})

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

test('stopAccepting() keeps open connections and takes no new ones', async () => {
  await using listener = await startTcpListener(options, () => deaf, silentLog)
  const port = Number(new URL(listener.url).port)
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  await new Promise(setImmediate)
  listener.stopAccepting()
  const refused = connect(port, '127.0.0.1')
  const [error] = await once(refused, 'error')
  assert.equal(error.code, 'ECONNREFUSED')
  assert.equal(socket.closed, false)
  socket.destroy()
})

test('a core that fails to accept costs one connection and is logged', async () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
  await using listener = await startTcpListener(
    options,
    () => {
      throw new Error('a defect')
    },
    log,
  )
  const socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
  socket.resume()
  socket.on('error', () => {})
  await once(socket, 'close')
  assert.match(lines.join(''), /error defect in the broker.*a defect/)
})
