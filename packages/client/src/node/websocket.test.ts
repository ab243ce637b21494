import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../transport/transport.contract.ts'
import { openWebSocket } from './websocket.ts'
import { encodeFrame, FrameReader, Opcode, WebSocketError } from './websocket-frames.ts'

interface Answer {
  readonly status?: string
  readonly accept?: string
  readonly protocol?: string | undefined
  readonly more?: string
}

/** A server that answers the upgrade by the letter. */
async function startRawServer(answer: Answer) {
  const requests: string[] = []
  const sockets: Socket[] = []
  const received: Buffer[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', (bytes) => {
      const request = bytes.toString('latin1')
      requests.push(request)
      socket.write(answerTo(request, answer))
      socket.on('data', (more: Buffer) => received.push(more))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`ws://127.0.0.1:${port}/mqtt?x=1`),
    requests,
    sockets,
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answerTo(request: string, answer: Answer): string {
  const { status = '101 Switching Protocols', protocol = 'mqtt', more = '' } = answer
  const key = /^Sec-WebSocket-Key: (.+)\r$/im.exec(request)?.[1]
  const right = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  return [
    `HTTP/1.1 ${status}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${answer.accept ?? right}`,
    ...(protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    ...(more === '' ? [] : [more]),
    '',
    '',
  ].join('\r\n')
}

const signal = new AbortController().signal
const silent = { receive() {}, drained() {}, closed() {} }

const refused = [
  ['a plain answer', { status: '200 OK', more: 'Content-Length: 0' }, /answered 200/],
  ['a refusal', { status: '403 Forbidden', more: 'Content-Length: 0' }, /answered 403/],
  ['another key', { accept: 'x' }, /has not read our WebSocket key/],
  ['no subprotocol', { protocol: '' }, /does not speak mqtt/],
  ['another subprotocol', { protocol: 'mqttv3.1' }, /does not speak mqtt/],
  ['an extension', { more: 'Sec-WebSocket-Extensions: permessage-deflate' }, /extension unasked/],
] as const

for (const [name, answer, message] of refused) {
  test(`opens no WebSocket on ${name} [MQTT5-6.0.0-4]`, async () => {
    await using server = await startRawServer(answer)
    await assert.rejects(openWebSocket({ url: server.url }, silent, signal), { message })
    await eventually(() => server.sockets.every(({ destroyed }) => destroyed), 'it is closed')
  })
}

test('asks for the subprotocol mqtt at the path of the URL [MQTT5-6.0.0-3]', async () => {
  await using server = await startRawServer({})
  const transport = await openWebSocket({ url: server.url }, silent, signal)
  assert.match(server.requests[0] ?? '', /^GET \/mqtt\?x=1 HTTP\/1.1\r\n/)
  assert.match(server.requests[0] ?? '', /\r\nSec-WebSocket-Protocol: mqtt\r\n/)
  transport.destroy()
})

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

test('a text frame ends the connection with 1003 [MQTT5-6.0.0-1]', async () => {
  await using server = await startRawServer({})
  const ends: unknown[] = []
  const events = { ...silent, closed: (error: unknown) => ends.push(error) }
  await openWebSocket({ url: server.url }, events, signal)
  server.sockets[0]?.write(bytes('81 01 41'))
  await eventually(() => ends.length === 1, 'closed')
  assert.ok(ends[0] instanceof WebSocketError)
  const [head = 0, length = 0, ...rest] = Buffer.concat(server.received)
  assert.deepEqual([head, length], [0x88, 0x82])
  const [m0 = 0, m1 = 0, , , p0 = 0, p1 = 0] = rest
  assert.equal(((p0 ^ m0) << 8) | (p1 ^ m1), 1003)
})

const lengths = [0, 1, 3, 4, 125, 126, 127, 65_535, 65_536, 70_001]
for (const length of lengths) {
  test(`writes a frame of ${length} bytes, masked`, () => {
    const payload = Uint8Array.from({ length }, (_, at) => at & 0xff)
    const frame = encodeFrame(Opcode.binary, payload)
    assert.equal(frame[0], 0x82)
    assert.ok(((frame[1] as number) & 0x80) !== 0)
    const start = frame.length - length
    const mask = frame.subarray(start - 4, start)
    const unmasked = frame.slice(start).map((byte, at) => byte ^ (mask[at % 4] as number))
    assert.equal(hex(unmasked), hex(payload))
  })
}

/** What a reader makes of frames that come in pieces of this size. */
function read(frames: string, size: number): string[] {
  const said: string[] = []
  let data = ''
  const reader = new FrameReader({
    data: (part) => {
      data += hex(part)
    },
    ping: (payload) => said.push(`ping ${hex(payload)}`),
    close: () => said.push('close'),
  })
  const all = bytes(frames)
  for (let at = 0; at < all.length; at += size) reader.push(all.slice(at, at + size))
  return [data, ...said]
}

const accepted = [
  ['one frame', '82 03 010203', ['010203']],
  ['an empty one', '82 00 82 01 05', ['05']],
  ['a fragmented message [MQTT5-6.0.0-2]', '02 01 01 00 02 0203 80 01 04', ['01020304']],
  ['a ping within it', '02 01 01 89 02 0708 80 01 02', ['0102', 'ping 0708']],
  ['an empty ping', '89 00', ['', 'ping ']],
  ['a pong', '8a 01 09 82 01 01', ['01']],
  ['a long length', '82 7e 0003 010203 82 7f 0000000000000001 04', ['01020304']],
  ['a close, and nothing behind it', '82 01 01 88 02 03e8 82 01 02', ['01', 'close']],
] as const

for (const [name, frames, expected] of accepted) {
  test(`reads ${name}, in any pieces`, () => {
    for (const size of [1, 2, 3, 1_000]) assert.deepEqual(read(frames, size), expected)
  })
}

const broken = [
  ['a reserved bit', 'c2 01 01'],
  ['a masked frame', '82 81 00000000 01'],
  ['a continuation of nothing', '80 01 01'],
  ['a message within a message', '02 01 01 82 01 01'],
  ['a text frame [MQTT5-6.0.0-1]', '81 01 41'],
  ['an unknown kind of data', '83 01 01'],
  ['an unknown kind of control', '8b 00'],
  ['a control frame in fragments', '09 01 01'],
  ['a long control frame', '89 7e 0080'],
  ['a length beyond all numbers', '82 7f ffffffffffffffff'],
] as const

for (const [name, frames] of broken) {
  test(`refuses ${name}`, () => {
    for (const size of [1, 1_000]) assert.throws(() => read(frames, size), WebSocketError)
  })
}
