import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { WebSocket } from 'ws'
import { parseConfig } from '../../config.ts'
import { createLog, type Log, silentLog } from '../../log.ts'
import type { SecureSettings } from '../front.ts'
import type { Accept, Listener } from '../listener.ts'
import { admitting } from '../start.ts'
import { type StartTcp, tcpContract } from '../tcp.contract.ts'
import { lab } from '../tls.contract.ts'
import {
  admissionWith,
  type ConnectPeer,
  eventually,
  transportContract,
} from '../transport.contract.ts'
import { IoWorkers } from './io-workers.ts'
import type { Place } from './messages.ts'

const { limits, mqtt } = parseConfig({})
const deaf = { receive() {}, drained() {}, closed() {} }
const host = '127.0.0.1'

/** That of the test at hand. */
let heard: Log = silentLog
const log: Log = {
  isOn: (level) => heard.isOn(level),
  error: (event, fields) => heard.error(event, fields),
  warn: (event, fields) => heard.warn(event, fields),
  info: (event, fields) => heard.info(event, fields),
  debug: (event, fields) => heard.debug(event, fields),
}

/** A listener in workers, with the times of the contract. */
function listenIn(
  workers: IoWorkers,
  listener: Place['listener'],
  accept: Accept,
  { tls, closeTimeoutMs = 300 }: { tls?: SecureSettings; closeTimeoutMs?: number } = {},
): Promise<Listener> {
  const admission = admissionWith()
  const times = { closeTimeoutSeconds: closeTimeoutMs / 1_000, connectBytes: 16 * 1_048_576 }
  const larger = { ...mqtt, maximumPacketSize: 16 * 1_048_576 }
  const config = { limits: { ...limits, ...times }, mqtt: larger }
  const place = { listener, config, material: tls?.files.material }
  return workers.listen(place, listener.kind, { admission, accept: admitting(admission, accept) })
}

for (const backEnd of ['net', 'epoll'] as const) {
  const workers = await IoWorkers.start(2, { backEnd, log })
  after(() => workers[Symbol.asyncDispose]())
  const start: StartTcp = ({ host, port, closeTimeoutMs }, accept, given) => {
    heard = given
    return listenIn(workers, { kind: 'tcp', host, port }, accept, { closeTimeoutMs })
  }
  tcpContract(`workers with ${backEnd}`, start, { isElsewhere: true })
}

const workers = await IoWorkers.start(2, { backEnd: 'net', log })
after(() => workers[Symbol.asyncDispose]())
const portOf = ({ url }: Listener) => Number(new URL(url).port)

function peerOf(socket: Socket, raw: Socket) {
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
    reset: () => void raw.resetAndDestroy(),
  }
}

/** The section `tls` of a listener whose files are handed over with it. */
function section({ clientCertificate }: SecureSettings) {
  const names = { certificate: 'server.crt', key: 'server.key', hosts: [] }
  return { ...names, clientCertificate, minimumVersion: 'TLSv1.2' } as const
}

const mutual = lab.settings({ ca: 'ca.crt', clientCertificate: 'require' })
const clientKey = { cert: lab.client.certificate, key: lab.client.key }
const header = 'PROXY TCP4 192.0.2.1 203.0.113.7 50014 1883\r\n'

/** Mutual TLS behind a proxy. */
const secured: ConnectPeer = async (accept) => {
  heard = silentLog
  const proxyProtocol = ['127.0.0.0/8']
  const place = { kind: 'tcp', host, port: 0, tls: section(mutual), proxyProtocol } as const
  const listener = await listenIn(workers, place, accept, { tls: mutual })
  const socket = connect(portOf(listener), host)
  socket.write(header)
  const secure = connectTls({ socket, host: 'localhost', ca: lab.ca, ...clientKey })
  await once(secure, 'secureConnect')
  return {
    peer: peerOf(secure, socket),
    async [Symbol.asyncDispose]() {
      secure.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
}
transportContract('TLS in workers', secured)

const webSocket: ConnectPeer = async (accept) => {
  heard = silentLog
  const place = { kind: 'ws', host, port: 0, path: '/mqtt', origins: [] } as const
  const listener = await listenIn(workers, place, accept)
  const socket = new WebSocket(listener.url, 'mqtt')
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
transportContract('WebSocket in workers', webSocket)

test('the core learns the address that a proxy tells, and the certificate', async () => {
  const seen: unknown[] = []
  await using harness = await secured((transport) => {
    seen.push(transport.address, transport.certificate?.commonNames)
    return deaf
  })
  await eventually(() => seen.length === 2, 'it is accepted')
  assert.deepEqual(seen, ['192.0.2.1:50014', ['device-7']])
  harness.peer.end()
})

test('new files reach every worker, and the same ones change nothing', async () => {
  const tls = lab.settings()
  const place = { kind: 'tcp', host, port: 0, tls: section(tls) } as const
  await using listener = await listenIn(workers, place, () => deaf, { tls })
  assert.equal(listener.replaceFiles?.(lab.settings().files), false)
  const other = lab.issue('server', 'localhost', ['localhost', 'renewed.example'])
  const { certificate, key } = other
  const { files } = lab.settings(
    { certificate: 'other.crt', key: 'other.key' },
    { 'other.crt': certificate, 'other.key': key },
  )
  assert.equal(listener.replaceFiles?.(files), true)
  // So often that each worker has had its turn; a handshake may have been under way before.
  const isNew = async () => {
    const socket = connectTls({ port: portOf(listener), host, servername: 'localhost', ca: lab.ca })
    await once(socket, 'secureConnect')
    const names = socket.getPeerCertificate().subjectaltname ?? ''
    socket.destroy()
    return names.includes('renewed.example')
  }
  while (!(await isNew()));
  for (let count = 0; count < 20; count++) assert.ok(await isNew())
})

/** The worker of the broker, and a way to break it. */
function breakable(channel: string): URL {
  const worker = new URL('./io-worker.ts', import.meta.url).href
  const code = `
    import ${JSON.stringify(worker)}
    const channel = new BroadcastChannel(${JSON.stringify(channel)})
    channel.onmessage = () => { throw new Error('a defect') }
    channel.unref()
  `
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

for (const backEnd of ['net', 'epoll'] as const) {
  const title = `a worker with ${backEnd} that fails closes its connections, is logged and replaced`
  test(title, { timeout: 60_000 }, async () => {
    const lines: string[] = []
    heard = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
    const file = breakable(`break ${backEnd}`)
    await using failing = await IoWorkers.start(1, { backEnd, log, file })
    let closed = 0
    let accepted = 0
    const accept: Accept = () => {
      accepted++
      return { ...deaf, closed: () => closed++ }
    }
    await using listener = await listenIn(failing, { kind: 'tcp', host, port: 0 }, accept)
    const socket = connect(portOf(listener), host)
    await eventually(() => accepted === 1, 'it is accepted')
    const channel = new BroadcastChannel(`break ${backEnd}`)
    channel.postMessage('now')
    await once(socket.resume(), 'close')
    await eventually(() => closed === 1, 'the core hears of it')
    const isLogged = () => /error an I\/O worker has failed.*a defect/.test(lines.join(''))
    await eventually(isLogged, 'a line in the log')
    await eventually(() => lines.join('').includes('started anew'), 'another one', 30_000)
    channel.close()
    const next = connect(portOf(listener), host)
    await eventually(() => accepted === 2, 'it is accepted', 10_000)
    next.destroy()
  })
}
