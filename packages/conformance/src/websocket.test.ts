import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { concat, hex } from './bytes.ts'
import { opcode, openWebSocket } from './websocket.ts'

interface Server extends AsyncDisposable {
  readonly url: URL
}

/** Upgrades, hands the socket over, and refuses where the path is `/no`. */
async function startServer(onSocket: (socket: Duplex) => void): Promise<Server> {
  const sockets = new Set<Duplex>()
  const server = http.createServer((_, response) => response.writeHead(404).end())
  server.on('upgrade', ({ headers, url }, socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (url === '/no') {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const accept = createHash('sha1')
      .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    const lines = ['HTTP/1.1 101 Switching Protocols', `Sec-WebSocket-Accept: ${accept}`]
    socket.write(`${lines.join('\r\n')}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`)
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return {
    url: new URL(`ws://127.0.0.1:${port}/mqtt`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('reads frames of every length, cut anywhere', async () => {
  const lengths = [0, 125, 126, 65_535, 65_536]
  await using server = await startServer((socket) => {
    for (const length of lengths) {
      const payload = new Uint8Array(length).fill(length % 251)
      const header =
        length < 126
          ? [length]
          : length < 65_536
            ? [126, length >> 8, length & 255]
            : [127, 0, 0, 0, 0, 0, 1, 0, 0]
      const frame = concat(0x82, Uint8Array.from(header), payload)
      socket.write(frame.subarray(0, 3))
      socket.write(frame.subarray(3))
    }
  })
  const wire = await openWebSocket(server.url)
  const received: number[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  wire.listen(
    (bytes) => {
      received.push(bytes.length)
      if (received.length === lengths.length) resolve()
    },
    () => {},
  )
  await promise
  assert.deepEqual(received, lengths)
  assert.equal(wire.response.headers.get('sec-websocket-protocol'), 'mqtt')
  wire.abort()
})

test('masks what it sends, answers a ping and takes a close frame for the end', async () => {
  const { promise: pong, resolve } = Promise.withResolvers<Buffer>()
  await using server = await startServer((socket) => {
    socket.write(hex('89 02 6869'))
    socket.once('data', (bytes: Buffer) => {
      resolve(bytes)
      socket.write(hex('88 02 03e8'))
    })
  })
  const wire = await openWebSocket(server.url)
  const { promise: closed, resolve: onClose } = Promise.withResolvers<void>()
  wire.listen(() => {}, onClose)
  const bytes = await pong
  assert.deepEqual([...bytes.subarray(0, 2)], [0x80 | opcode.pong, 0x82])
  const payload = bytes.subarray(6).map((byte, at) => byte ^ (bytes[2 + at] ?? 0))
  assert.equal(Buffer.from(payload).toString(), 'hi')
  await closed
  assert.deepEqual(
    wire.frames.map((frame) => frame.opcode),
    [opcode.ping, opcode.close],
  )
  wire.abort()
})

test('gives a refusal as a response', async () => {
  await using server = await startServer(() => {})
  const wire = await openWebSocket(new URL('/no', server.url))
  assert.deepEqual([wire.isUpgraded, wire.response.status], [false, 400])
  wire.abort()
})
