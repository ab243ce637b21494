import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Peer, TestServer } from '../transport/transport.contract.ts'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/**
 * A certificate for localhost that signs itself, and has expired a day ago if it is to; undefined where
 * there is no openssl to make one.
 */
export function makeCertificate({ hasExpired = false } = {}): Certificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'busbar-certificate-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const files = ['-days', '2', '-keyout', key, '-out', cert]
    const { status } = spawnSync('openssl', ['req', ...kind, ...names, ...files])
    const again = ['-in', cert, '-signkey', key, '-days', '-1', '-out', cert]
    if (hasExpired) spawnSync('openssl', ['x509', ...again])
    if (status === 0) return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
    if (process.env.CI === 'true') throw new Error('openssl is absent, and CI skips nothing')
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** TCP, or TLS with a certificate. */
export async function startStreamServer(certificate?: Certificate): Promise<TestServer> {
  const { peers, accept } = collectPeers()
  const server = certificate === undefined ? createServer() : createTlsServer(certificate)
  server.on(certificate === undefined ? 'connection' : 'secureConnection', accept)
  const port = await listen(server)
  if (certificate === undefined) return serve(`mqtt://127.0.0.1:${port}`, peers, server)
  return { ...serve(`mqtts://localhost:${port}`, peers, server), tls: { ca: certificate.cert } }
}

export async function startUnixServer(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'busbar socket-'))
  const path = join(folder, 'mqtt.sock')
  const { peers, accept } = collectPeers()
  const server = createServer(accept)
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const served = serve(`unix:${encodeURI(path)}`, peers, server)
  return {
    ...served,
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

/** WebSocket, or with a certificate over TLS. */
export async function startWebSocketServer(certificate?: Certificate): Promise<TestServer> {
  const server = certificate === undefined ? createHttpServer() : createHttpsServer(certificate)
  const peers: Peer[] = []
  const sockets = new WebSocketServer({ server, path: '/mqtt' })
  sockets.on('connection', (socket) => peers.push(webSocketPeer(socket)))
  const port = await listen(server)
  const scheme = certificate === undefined ? 'ws://127.0.0.1' : 'wss://localhost'
  const served = serve(`${scheme}:${port}/mqtt`, peers, server)
  return {
    ...served,
    ...(certificate !== undefined && { tls: { ca: certificate.cert } }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate()
      await served[Symbol.asyncDispose]()
    },
  }
}

function webSocketPeer(socket: WebSocket): Peer {
  const chunks: Uint8Array[] = []
  let isClosed = false
  socket.on('message', (data: Uint8Array) => chunks.push(data))
  socket.on('close', () => {
    isClosed = true
  })
  socket.on('error', () => {})
  return {
    received: () => Buffer.concat(chunks),
    isClosed: () => isClosed,
    send: (bytes) => socket.send(bytes),
    end: () => socket.close(),
  }
}

function collectPeers() {
  const peers: Peer[] = []
  const accept = (socket: Socket) => {
    const chunks: Uint8Array[] = []
    socket.on('data', (bytes: Uint8Array) => chunks.push(bytes))
    socket.on('error', () => {})
    peers.push({
      received: () => Buffer.concat(chunks),
      isClosed: () => socket.destroyed,
      send: (bytes) => void socket.write(bytes),
      end: () => void socket.end(),
    })
  }
  return { peers, accept }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function serve(url: string, peers: readonly Peer[], server: Server): TestServer {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  return {
    url,
    peers,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
