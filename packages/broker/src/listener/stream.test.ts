import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { createLog, silentLog } from '../log.ts'
import type { Transport } from '../transport.ts'
import type { FrontOptions } from './front.ts'
import { type Accept, ListenError } from './listener.ts'
import { startFrontedTcpListener, startUnixListener } from './stream.ts'
import { lab } from './tls.contract.ts'
import {
  admissionWith,
  type ConnectPeer,
  eventually,
  transportContract,
} from './transport.contract.ts'

const deaf = { receive() {}, drained() {}, closed() {} }
const base = {
  host: '127.0.0.1',
  port: 0,
  closeTimeoutMs: 600,
  handshakeTimeoutMs: 10_000,
  admission: admissionWith(),
}

function start(accept: Accept, changed: Partial<FrontOptions> = {}, log = silentLog) {
  return startFrontedTcpListener({ ...base, ...changed }, accept, log)
}

const portOf = (url: string) => Number(new URL(url).port)
const clientKey = { cert: lab.client.certificate, key: lab.client.key }

function peerOf(socket: Socket, raw = socket) {
  const chunks: Uint8Array[] = []
  socket.on('data', (bytes: Buffer) => chunks.push(bytes))
  socket.on('error', () => {})
  return {
    send: (bytes: Uint8Array) => void socket.write(bytes),
    received: () => Buffer.concat(chunks),
    isClosed: () => socket.closed,
    stopReading: () => void socket.pause(),
    startReading: () => void socket.resume(),
    end: () => void socket.end(),
    // A Unix socket has nothing to reset it with.
    reset: () => void (raw.remotePort === undefined ? raw.destroy() : raw.resetAndDestroy()),
  }
}

/** A listener, and a peer that `open` connects to it. */
const harness =
  (changed: Partial<FrontOptions>, open: (port: number) => Promise<Socket>): ConnectPeer =>
  async (accept) => {
    const listener = await start(accept, changed)
    const socket = await open(portOf(listener.url))
    return {
      peer: peerOf(socket, rawSockets.get(socket)),
      async [Symbol.asyncDispose]() {
        socket.destroy()
        await listener[Symbol.asyncDispose]()
      },
    }
  }

/** Under a socket with TLS. */
const rawSockets = new WeakMap<Socket, Socket>()

async function secured(port: number, more: object = {}, before = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.write(before)
  const secure = connectTls({ socket, host: 'localhost', ca: lab.ca, ...more })
  await once(secure, 'secureConnect')
  rawSockets.set(secure, socket)
  return secure
}

async function plain(port: number, before = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(before)
  return socket
}

const header = 'PROXY TCP4 192.0.2.1 203.0.113.7 50014 1883\r\n'
const proxies = ['127.0.0.0/8']
const mutual = lab.settings({ ca: 'ca.crt', clientCertificate: 'require' })

transportContract(
  'TLS',
  harness({ tls: lab.settings() }, (port) => secured(port)),
)
transportContract(
  'mutual TLS',
  harness({ tls: mutual }, (port) => secured(port, clientKey)),
)
transportContract(
  'TLS 1.2',
  harness({ tls: lab.settings() }, (port) => secured(port, { maxVersion: 'TLSv1.2' })),
)
transportContract(
  'behind a proxy',
  harness({ proxies }, (port) => plain(port, header)),
)
transportContract(
  'TLS behind a proxy',
  harness({ proxies, tls: mutual }, (port) => secured(port, clientKey, header)),
)

const folder = mkdtempSync(join(tmpdir(), 'busbar-unix-'))
after(() => rmSync(folder, { recursive: true }))
let sockets = 0
const newPath = () => join(folder, `${++sockets}.sock`)

const startUnix = (path: string, accept: Accept = () => deaf, mode = '0660') =>
  startUnixListener({ ...base, path, mode }, accept, silentLog)

transportContract('unix', async (accept) => {
  const path = newPath()
  const listener = await startUnix(path, accept)
  const socket = connect(path)
  await once(socket, 'connect')
  return {
    peer: peerOf(socket),
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
})

describe('a PROXY header', () => {
  const split = (text: string, at: number) => [text.slice(0, at), text.slice(at)] as const

  test('names the client, and what is behind it arrives', async () => {
    const seen: Transport[] = []
    const chunks: Uint8Array[] = []
    await using listener = await start(
      (transport) => {
        seen.push(transport)
        return { ...deaf, receive: (bytes) => chunks.push(Uint8Array.from(bytes)) }
      },
      { proxies },
    )
    // In two pieces, the second with the first bytes of the client.
    const [first, second] = split(`${header}hello`, 20)
    const socket = await plain(portOf(listener.url), first)
    await new Promise(setImmediate)
    socket.write(second)
    await eventually(() => Buffer.concat(chunks).toString() === 'hello', 'what is behind it')
    assert.deepEqual(
      seen.map(({ address }) => address),
      ['192.0.2.1:50014'],
    )
    socket.destroy()
  })

  const refused = [
    ['that is malformed', 'PROXY TCP4 here there 1 2\r\n'],
    ['that is missing', '\x10\x0e\x00\x04MQTT'],
  ] as const
  for (const [name, bytes] of refused) {
    test(`${name} ends the connection`, async () => {
      const accept = () => assert.fail('must not be accepted')
      await using listener = await start(accept, { proxies })
      const socket = await plain(portOf(listener.url), bytes)
      socket.on('error', () => {})
      await once(socket.resume(), 'close')
    })
  }

  test('that does not end is given up', async () => {
    await using listener = await start(() => deaf, { proxies, handshakeTimeoutMs: 100 })
    const socket = await plain(portOf(listener.url), 'PROXY TCP4 ')
    socket.on('error', () => {})
    await once(socket.resume(), 'close')
  })

  test('from anybody else is what the client said', async () => {
    const chunks: Uint8Array[] = []
    await using listener = await start(
      ({ address }) => {
        assert.match(address, /^127\.0\.0\.1:/)
        return { ...deaf, receive: (bytes) => chunks.push(Uint8Array.from(bytes)) }
      },
      { proxies: ['192.0.2.0/24'] },
    )
    const socket = await plain(portOf(listener.url), header)
    await eventually(() => Buffer.concat(chunks).toString() === header, 'the header as it is')
    socket.destroy()
  })

  test('counts for limits by the address in it', async () => {
    const admission = admissionWith({ connectionsPerAddress: 1 })
    const refusals: (number | undefined)[] = []
    const accept: Accept = (_, entry) => {
      refusals.push(entry?.refusal?.reasonCode)
      return deaf
    }
    await using listener = await start(accept, { proxies, admission })
    const open = (address: string) =>
      plain(portOf(listener.url), `PROXY TCP4 ${address} 203.0.113.7 1 2\r\n`)
    const ends = [await open('192.0.2.1'), await open('192.0.2.2')]
    await eventually(() => refusals.length === 2, 'two')
    ends.push(await open('192.0.2.1'))
    await eventually(() => refusals.length === 3, 'three')
    assert.deepEqual(refusals, [undefined, undefined, 0x97])
    for (const socket of ends) socket.destroy()
    await eventually(() => admission.open === 0, 'all have left')
  })
})

describe('a Unix socket', () => {
  test('has the mode that is configured, and goes with the listener', async () => {
    const path = newPath()
    const listener = await startUnix(path, undefined, '0600')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(listener.url, `unix://${path}`)
    await listener[Symbol.asyncDispose]()
    assert.equal(existsSync(path), false)
  })

  test('that was left behind is replaced', async () => {
    const path = newPath()
    // Closing it removes the file, so that it is put back as a crash would leave it.
    const dead = createServer().listen(path)
    await once(dead, 'listening')
    const copy = `${path}.copy`
    linkSync(path, copy)
    dead.close()
    await once(dead, 'close')
    await using listener = await startUnix(copy)
    assert.equal(listener.url, `unix://${copy}`)
  })

  const cannot = [
    ['on which somebody listens', 'another program listens there'],
    ['in the place of a file', 'a file that is no socket'],
    ['in a folder that is not there', 'its folder is not there'],
    ['whose path is too long', 'too long for a socket: it has \\d+ bytes, \\d+ are allowed'],
  ] as const
  for (const [name, message] of cannot) {
    test(`${name} is refused`, async () => {
      const path = newPath()
      await using used = new AsyncDisposableStack()
      if (name.startsWith('on')) used.use(await startUnix(path))
      if (name.startsWith('in the place')) writeFileSync(path, '')
      const asked = name.startsWith('whose')
        ? join(folder, 'x'.repeat(120))
        : name.startsWith('in a folder')
          ? join(folder, 'absent', 'a.sock')
          : path
      await assert.rejects(startUnix(asked), (error) => {
        assert.ok(error instanceof ListenError)
        assert.match(error.message, new RegExp(message))
        return true
      })
    })
  }
})

test('a TLS handshake that does not begin, or does not go on, is given up', async () => {
  const lines: string[] = []
  const log = createLog({ level: 'debug', format: 'text' }, { write: (line) => lines.push(line) })
  const admission = admissionWith()
  const options = { tls: lab.settings(), handshakeTimeoutMs: 100, admission }
  await using listener = await start(() => assert.fail('must not be accepted'), options, log)
  // A ClientHello that is cut.
  for (const bytes of ['', '\x16\x03\x01\x02\x00\x01']) {
    const socket = await plain(portOf(listener.url), bytes)
    socket.on('error', () => {})
    await once(socket.resume(), 'close')
  }
  await eventually(() => admission.open === 0, 'both have left')
})
