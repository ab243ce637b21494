import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { silentLog } from '../log.ts'
import type { Transport } from '../transport.ts'
import type { Accept } from './listener.ts'
import { lab } from './tls.contract.ts'
import {
  admissionWith,
  type ConnectPeer,
  eventually,
  pattern,
  transportContract,
} from './transport.contract.ts'
import { startWebSocketListener, type WebSocketOptions } from './websocket.ts'

const options = {
  host: '127.0.0.1',
  port: 0,
  path: '/mqtt',
  closeTimeoutMs: 600,
  maximumPacketSize: 8 * 1_048_576,
  connectBytes: 16 * 1_048_576,
  handshakeTimeoutMs: 5_000,
  origins: [] as readonly string[],
  admission: admissionWith(),
}
const deaf = { receive() {}, drained() {}, closed() {} }

function start(accept: Accept = () => deaf, changed: Partial<WebSocketOptions> = {}) {
  return startWebSocketListener({ ...options, ...changed }, accept, silentLog)
}

const connectPeer =
  (changed: Partial<WebSocketOptions>): ConnectPeer =>
  async (accept) => {
    const listener = await start(accept, changed)
    const socket = new WebSocket(listener.url, 'mqtt', { ca: lab.ca })
    const chunks: Uint8Array[] = []
    socket.on('message', (bytes: Buffer) => chunks.push(bytes))
    socket.on('error', () => {})
    await once(socket, 'open')
    return {
      peer: {
        send: (bytes) => socket.send(bytes),
        received: () => Buffer.concat(chunks),
        isClosed: () => socket.readyState === WebSocket.CLOSED,
        stopReading: () => socket.pause(),
        startReading: () => socket.resume(),
        end: () => socket.close(),
        reset: () => socket.terminate(),
      },
      async [Symbol.asyncDispose]() {
        socket.terminate()
        await listener[Symbol.asyncDispose]()
      },
    }
  }

transportContract('websocket', connectPeer({}))
transportContract('secure websocket', connectPeer({ tls: lab.settings() }))

/** Sends text to the port and returns all that comes back before the end. */
async function exchange(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  let answer = ''
  socket.on('data', (text: string) => {
    answer += text
  })
  socket.write(request)
  await once(socket, 'close')
  return answer
}

function upgrade(lines: readonly string[], path = '/mqtt', method = 'GET'): string {
  return [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...lines,
    '',
    '',
  ].join('\r\n')
}

const refused = [
  ['no subprotocol', upgrade([]), 400],
  ['another subprotocol', upgrade(['Sec-WebSocket-Protocol: chat, MQTT']), 400],
  ['another path', upgrade(['Sec-WebSocket-Protocol: mqtt'], '/other'), 404],
  ['a path below', upgrade(['Sec-WebSocket-Protocol: mqtt'], '/mqtt/a'), 404],
  ['another method', upgrade(['Sec-WebSocket-Protocol: mqtt'], '/mqtt', 'POST'), 405],
  ['a plain GET', 'GET /mqtt HTTP/1.1\r\nHost: a\r\n\r\n', 426],
  ['a plain GET elsewhere', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 404],
  [
    'two lengths',
    'POST /mqtt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
  ],
  [
    'a length and chunks',
    'POST /mqtt HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'header lines that are too long',
    `GET /mqtt HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
  ],
  ['MQTT without WebSocket', '\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03abc', 400],
] as const

for (const [name, request, status] of refused) {
  test(`answers ${name} with ${status}`, { timeout: 10_000 }, async () => {
    await using listener = await start(() => assert.fail('must not be accepted'))
    assert.match(await exchange(listener.url, request), new RegExp(`^HTTP/1\\.1 ${status} `))
  })
}

const connecting = (...lines: string[]) => upgrade(['Sec-WebSocket-Protocol: mqtt', ...lines])
const page = 'https://page.example'

// origins that are configured, lines of the request, status
const origins = [
  ['a program', [], [], 101],
  ['a page of the same host', [], ['Origin: http://localhost'], 101],
  ['a page of the same host over TLS', [], ['Origin: https://localhost'], 101],
  ['a page of another port', [], ['Origin: http://localhost:81'], 403],
  ['a page of another site', [], [`Origin: ${page}`], 403],
  ['a page from nowhere', [], ['Origin: null'], 403],
  ['a listed page', ['http://a', page], ['Origin: HTTPS://page.example'], 101],
  ['a page whose site begins like a listed one', [page], [`Origin: ${page}.evil`], 403],
  ['any page', ['*'], ['Origin: http://evil.example'], 101],
] as const

// By what name the page and we are reached: whether the page is believed to be ours.
const names = [
  ['127.0.0.1', '127.0.0.1:8083', {}, 101],
  ['127.0.0.1', '[::1]:8083', {}, 101],
  ['127.0.0.1', 'busbar.localhost', {}, 101],
  ['127.0.0.1', 'evil.example:8083', {}, 403],
  ['localhost', 'notlocalhost:8083', {}, 403],
  ['127.0.0.1', 'good.example:8083', { origins: ['http://good.example:8083'] }, 101],
] as const

for (const [host, name, changed, status] of names) {
  test(`on ${host}, a page of ${name} that leads to us gets ${status}`, async () => {
    const accept: Accept = (transport) => {
      transport.destroy()
      return deaf
    }
    await using listener = await start(accept, { host, ...changed })
    const lines = connecting(`Origin: http://${name}`).replace(/Host: .*/, `Host: ${name}`)
    assert.match(await exchange(listener.url, lines), new RegExp(`^HTTP/1\\.1 ${status} `))
  })
}

for (const [name, allowed, lines, status] of origins) {
  test(`${name} is answered with ${status}`, { timeout: 10_000 }, async () => {
    // Closed as soon as it is accepted.
    const accept: Accept = (transport) => {
      transport.destroy()
      return deaf
    }
    await using listener = await start(accept, { origins: allowed })
    const answer = await exchange(listener.url, connecting(...lines))
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
  })
}

const chosen = [
  [['mqtt'], 'mqtt'],
  [['mqttv3.1'], 'mqttv3.1'],
  [['mqttv3.1', 'mqtt'], 'mqtt'],
  [['other', 'mqtt'], 'mqtt'],
] as const

for (const [offered, selected] of chosen) {
  test(`selects ${selected} of ${offered} [MQTT5-6.0.0-4]`, async () => {
    await using listener = await start()
    const socket = new WebSocket(`${listener.url}?token=1`, [...offered])
    await once(socket, 'open')
    assert.equal(socket.protocol, selected)
    assert.equal(socket.extensions, '')
    socket.terminate()
  })
}

test('a text frame ends the connection with 1003 [MQTT5-6.0.0-1]', async () => {
  let received = 0
  await using listener = await start(() => ({ ...deaf, receive: () => received++ }))
  const socket = new WebSocket(listener.url, 'mqtt')
  await once(socket, 'open')
  socket.send('text')
  socket.send(Uint8Array.of(0xc0, 0))
  const [code] = await once(socket, 'close')
  assert.deepEqual([code, received], [1_003, 0])
})

test('fragments of one message arrive in order', async () => {
  const chunks: Uint8Array[] = []
  await using listener = await start(() => ({
    ...deaf,
    receive: (bytes) => chunks.push(Uint8Array.from(bytes)),
  }))
  const socket = new WebSocket(listener.url, 'mqtt')
  await once(socket, 'open')
  const sent = pattern(30)
  for (let index = 0; index < 30; index++)
    socket.send(sent.subarray(index, index + 1), { binary: true, fin: index === 29 })
  await eventually(() => Buffer.concat(chunks).length === 30, 'all of it arrives')
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(sent))
  socket.terminate()
})

test('each write is one binary message', async () => {
  let transport: Transport | undefined
  await using listener = await start((accepted) => {
    transport = accepted
    return deaf
  })
  const socket = new WebSocket(listener.url, 'mqtt')
  const sizes: number[] = []
  socket.on('message', (data: Buffer, isBinary) => sizes.push(isBinary ? data.length : -1))
  await once(socket, 'open')
  await eventually(() => transport !== undefined, 'it is accepted')
  for (const size of [1, 0x7e, 70_000]) transport?.write(pattern(size))
  await eventually(() => sizes.length === 3, 'three messages arrive')
  assert.deepEqual(sizes, [1, 0x7e, 70_000])
  socket.terminate()
})

test('a message above the limit ends the connection with 1009', async () => {
  let closed = 0
  await using listener = await start(() => ({ ...deaf, closed: () => closed++ }), {
    maximumPacketSize: 1_000,
  })
  const socket = new WebSocket(listener.url, 'mqtt')
  await once(socket, 'open')
  socket.on('error', () => {})
  socket.send(new Uint8Array(1_000 + 65_537))
  const [code] = await once(socket, 'close')
  assert.equal(code, 1_009)
  await eventually(() => closed === 1, 'closed() is called')
})

test('a client that has yet to log in cannot make the broker keep a long message', async () => {
  let received = 0
  const count = (bytes: Uint8Array) => {
    received += bytes.length
  }
  await using listener = await start(() => ({ ...deaf, receive: count }), { connectBytes: 65_536 })
  const socket = new WebSocket(listener.url, 'mqtt')
  await once(socket, 'open')
  socket.on('error', () => {})
  socket.send(new Uint8Array(40_000), { fin: false })
  socket.send(new Uint8Array(40_000), { fin: false })
  await once(socket, 'close')
  assert.equal(received, 0)
})

for (const [name, answer, isClosed] of [
  ['an AUTH does not lift', 'f0 02 18 00', true],
  ['a CONNACK lifts', '20 03 00 00 00', false],
] as const) {
  test(`${name} the limit before CONNECT is accepted`, { timeout: 10_000 }, async () => {
    const accept: Accept = (transport) => ({
      ...deaf,
      receive: () => transport.write(Buffer.from(answer.replaceAll(' ', ''), 'hex')),
    })
    await using listener = await start(accept, { connectBytes: 65_536 })
    const socket = new WebSocket(listener.url, 'mqtt')
    await once(socket, 'open')
    socket.on('error', () => {})
    socket.send(new Uint8Array(100))
    await once(socket, 'message')
    socket.send(new Uint8Array(40_000), { fin: false })
    socket.send(new Uint8Array(40_000), { fin: false })
    socket.ping()
    await Promise.race([once(socket, 'close'), once(socket, 'pong')])
    assert.equal(socket.readyState === WebSocket.CLOSED, isClosed)
    socket.terminate()
  })
}

test('a request that does not end is given up', { timeout: 10_000 }, async () => {
  await using listener = await start(() => deaf, { handshakeTimeoutMs: 200 })
  for (const start of ['', 'GET /mqtt HTTP/1.1\r\nHost: a\r\n'])
    assert.match(await exchange(listener.url, start), /^$|^HTTP\/1\.1 408 /)
})

test('a port in use suggests --ws-port 0', async () => {
  await using first = await start()
  const port = Number(new URL(first.url).port)
  await assert.rejects(
    start(() => deaf, { port }),
    /the port is in use.*`--ws-port 0`/,
  )
})
