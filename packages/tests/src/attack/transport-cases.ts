import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { encodePacket, type UserProperty } from '@busbar/protocol'
import { WebSocket } from 'ws'
import type { BrokerUrls } from '../busbar.ts'
import { within } from '../deadline.ts'
import { connectPacket, RawClient } from '../raw-client.ts'
import { type AttackCase, checkOthers } from './attack-case.ts'
import { startOwnBroker } from './own-broker.ts'
import { startTlsBroker, TestAuthority, type TlsBroker } from './tls-broker.ts'

const ownTls = 'certificates that it makes itself'

/** TLS, WebSocket and the PROXY protocol. */
export const transportCases: readonly AttackCase[] = [
  { number: 5, name: 'a TLS handshake that stalls', own: ownTls, run: stalledHandshake },
  { number: 50, name: 'old TLS, weak suites, renegotiation', own: ownTls, run: weakTls },
  { number: 51, name: 'bad client certificates', own: ownTls, run: badCertificates },
  { number: 52, name: 'a page of another origin', needsWebSocket: true, run: foreignOrigin },
  {
    number: 53,
    name: 'WebSocket text, fragments, compression, size',
    needsWebSocket: true,
    run: frames,
  },
  { number: 54, name: 'no subprotocol, HTTP smuggling', needsWebSocket: true, run: smuggling },
  { number: 55, name: 'a PROXY header from anybody', own: 'listed proxies', run: proxyHeader },
  {
    number: 59,
    name: 'paths out of the folder, large bodies, __proto__',
    needsWebSocket: true,
    run: pathsAndBodies,
  },
]

const connectBytes = encodePacket(connectPacket({ clientIdentifier: 'secure' }), 5)

/** What comes back for a CONNECT through TLS: `connack`, or why not. */
function secured(url: string, ca: string, options: ConnectionOptions = {}): Promise<string> {
  const port = Number(new URL(url).port)
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ...options })
  const outcome = new Promise<string>((resolve) => {
    socket.once('data', (bytes: Buffer) => resolve(bytes[0] === 0x20 ? 'connack' : 'http'))
    socket.once('error', () => resolve('refused'))
    socket.once('close', () => resolve('refused'))
  })
  const isWebSocket = url.startsWith('wss:')
  socket.write(isWebSocket ? upgrade('Sec-WebSocket-Protocol: mqtt') : connectBytes)
  return within(outcome, 'an answer through TLS').finally(() => socket.destroy())
}

async function stalledHandshake(): Promise<void> {
  const at = new TestAuthority()
  await using broker = await startTlsBroker(at)
  for (const bytes of ['', '160301020001', '1603010005']) {
    const socket = connect(Number(new URL(broker.tls).port), '127.0.0.1').resume()
    socket.on('error', () => {})
    socket.write(Buffer.from(bytes, 'hex'))
    await within(once(socket, 'close'), 'the end of a handshake that stalls')
  }
  await checkSecured(broker, at)
}

async function checkSecured(broker: TlsBroker, at: TestAuthority, options = {}): Promise<void> {
  const ca = at.authority.certificate
  assert.equal(await secured(broker.tls, ca, options), 'connack')
  assert.equal(await secured(broker.wss, ca, options), 'http')
  await checkOthers(broker)
}

async function weakTls(): Promise<void> {
  const at = new TestAuthority()
  const ca = at.authority.certificate
  await using broker = await startTlsBroker(at)
  const all = 'ALL:@SECLEVEL=0'
  const weak: ConnectionOptions[] = [
    { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: all },
    { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: all },
    ...[
      'AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES128-SHA256',
      'NULL:@SECLEVEL=0',
      'PSK:@SECLEVEL=0',
    ].map((ciphers) => ({ maxVersion: 'TLSv1.2' as const, ciphers })),
  ]
  for (const options of weak) {
    for (const url of [broker.tls, broker.wss]) {
      assert.equal(await secured(url, ca, options), 'refused', JSON.stringify(options))
    }
  }
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await checkSecured(broker, at, { maxVersion })
  }
  await renegotiation(broker, ca)
}

async function renegotiation(broker: TlsBroker, ca: string): Promise<void> {
  const port = Number(new URL(broker.tls).port)
  const socket = connectTls({ port, servername: 'localhost', ca, maxVersion: 'TLSv1.2' })
  await once(socket, 'secureConnect')
  const refused = new Promise<boolean>((resolve) => {
    for (const event of ['close', 'error']) socket.on(event, () => resolve(true))
    socket.resume()
    socket.renegotiate({}, (error) => resolve(error !== null))
  })
  assert.equal(await within(refused, 'an answer to a renegotiation'), true)
  socket.destroy()
}

async function badCertificates(): Promise<void> {
  const at = new TestAuthority()
  const ca = at.authority.certificate
  const other = new TestAuthority()
  const revoked = at.issue('client', 'revoked')
  const past = new Date(Date.now() - 5 * 86_400_000)
  const settings = { clientCertificate: 'require', ca: 'ca.crt', crl: 'ca.crl' } as const
  const files = { 'ca.crl': at.revoke(revoked) }
  await using broker = await startTlsBroker(at, settings, files)
  const bad = [
    undefined,
    revoked,
    at.issue('client', 'expired', [], past),
    other.issue('client', 'foreign'),
    at.issue('server', 'for servers'),
  ]
  for (const pair of bad) {
    const options = pair === undefined ? {} : { cert: pair.certificate, key: pair.key }
    for (const url of [broker.tls, broker.wss]) {
      assert.equal(await secured(url, ca, options), 'refused')
    }
  }
  assert.match(broker.program.output, /reason=CERT_REVOKED/)
  const { certificate: cert, key } = at.issue('client', 'good')
  await checkSecured(broker, at, { cert, key })
}

/** Sends text to the port of a URL and returns all that comes back before the end. */
async function exchange(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  let answer = ''
  socket.on('data', (text: string) => {
    answer += text
    // One that was accepted would stay open.
    if (answer.startsWith('HTTP/1.1 101')) socket.destroy()
  })
  socket.write(request)
  await within(once(socket, 'close'), 'the end of a request')
  return answer
}

function upgrade(...lines: readonly string[]): string {
  return [
    'GET /mqtt HTTP/1.1',
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

async function statusOf(target: BrokerUrls, request: string): Promise<number> {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(await exchange(target.ws, request))?.[1] ?? 0)
}

const mqtt = 'Sec-WebSocket-Protocol: mqtt'

async function foreignOrigin(target: BrokerUrls): Promise<void> {
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
    assert.equal(await statusOf(target, upgrade(mqtt, `Origin: ${origin}`)), 403, origin)
  }
  // Its name leads to loopback by now, so that the browser takes us for its own server.
  const rebound = upgrade(mqtt, 'Origin: http://evil.example')
  const request = rebound.replace('Host: localhost', 'Host: evil.example')
  assert.equal(await statusOf(target, request), 403, 'a name that leads here')
  assert.equal(await statusOf(target, upgrade(mqtt, 'Origin: http://localhost')), 101)
  assert.equal(await statusOf(target, upgrade(mqtt)), 101)
  await checkOthers(target)
}

async function frames(target: BrokerUrls): Promise<void> {
  const rows: [number, (socket: WebSocket) => void][] = [
    [1_003, (socket) => socket.send('text')],
    [1_002, (socket) => rawSend(socket, 'c180 00000000')], // compressed, and nobody agreed to that
    [1_002, (socket) => rawSend(socket, '8280 00000000'.replace('80', '00'))], // not masked
    [1_009, (socket) => rawSend(socket, '82ff 0000000010000000 00000000')], // 256 MB
  ]
  for (const [code, send] of rows) {
    const socket = new WebSocket(target.ws, 'mqtt')
    socket.on('error', () => {})
    await within(once(socket, 'open'), 'a WebSocket')
    assert.equal(socket.extensions, '')
    send(socket)
    const [closed] = await within(once(socket, 'close'), `the end with ${code}`)
    assert.equal(closed, code)
  }
  await using client = await RawClient.open(target.ws)
  await client.connect({ clientIdentifier: 'fragments' })
  await checkOthers(target)
}

/** Past the library, which would not send such frames. */
function rawSend(socket: WebSocket, hex: string): void {
  const under = (socket as unknown as { _socket: NodeJS.WritableStream })._socket
  under.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

async function smuggling(target: BrokerUrls): Promise<void> {
  const post = 'POST /mqtt HTTP/1.1\r\nHost: a\r\n'
  const rows: [string, number][] = [
    [upgrade(), 400],
    [upgrade('Sec-WebSocket-Protocol: chat'), 400],
    [`${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    [`${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 400],
    [`GET /mqtt HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ]
  for (const [request, status] of rows) {
    assert.equal(await statusOf(target, request), status, request.slice(0, 120))
  }
  await checkOthers(target)
}

async function pathsAndBodies(target: BrokerUrls): Promise<void> {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
  const paths = ['/../../etc/passwd', '/mqtt/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd']
  for (const path of [...paths, '//etc/passwd', '/__proto__', '/mqtt/constructor']) {
    for (const request of [get(path), upgrade(mqtt).replace('/mqtt', path)]) {
      assert.equal(await statusOf(target, request), 404, request.slice(0, 60))
    }
  }
  const head =
    'POST /mqtt HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000000\r\n\r\n'
  assert.equal(await statusOf(target, head + 'x'.repeat(4_000)), 426)
  // Names that objects have by themselves are names like others.
  const names = ['__proto__', 'constructor', 'toString']
  for (const name of names) {
    await using client = await RawClient.open(target.tcp)
    assert.equal((await client.connect({ clientIdentifier: name })).reasonCode, 0)
    await client.subscribe(`${name}/+`)
    const userProperties = names.map((key): UserProperty => [key, 'x'])
    client.publish(`${name}/${name}`, name, { properties: { userProperties } })
    const { topicName, properties } = await client.next('publish')
    assert.deepEqual([topicName, properties.userProperties], [`${name}/${name}`, userProperties])
  }
  await checkOthers(target)
}

async function proxyHeader(): Promise<void> {
  const trusted = { kind: 'tcp', port: 0, proxyProtocol: ['127.0.0.0/8'] } as const
  const untrusted = { kind: 'tcp', port: 0, proxyProtocol: ['192.0.2.1'] } as const
  const listeners = [{ kind: 'tcp', port: 0 }, { kind: 'ws', port: 0 }, trusted, untrusted] as const
  await using broker = await startOwnBroker({ listeners })
  const urls = broker.program.output.match(/mqtt:\/\/\S+/g) ?? []
  const [plain = '', behind = '', other = ''] = [...new Set(urls)]
  const line = Buffer.from('PROXY TCP4 203.0.113.5 203.0.113.6 40000 1883\r\n')
  for (const url of [plain, other]) {
    await using client = await RawClient.open(url)
    client.sendBytes(Buffer.concat([line, connectBytes]))
    assert.equal(await client.packets.next('the end'), 'closed')
  }
  await using without = await RawClient.open(behind)
  without.sendBytes(connectBytes)
  assert.equal(await without.packets.next('the end'), 'closed')
  await using client = await RawClient.open(behind)
  client.sendBytes(line)
  assert.equal((await client.connect({ clientIdentifier: 'behind' })).reasonCode, 0)
  await broker.program.line(/client connected.*address=203\.0\.113\.5:40000/)
  await checkOthers(broker)
}
