import { openWebSocket as openPlatformWebSocket } from '../browser/websocket.ts'
import { openTransport } from '../node/platform.ts'
import {
  makeCertificate,
  startStreamServer,
  startUnixServer,
  startWebSocketServer,
} from '../testing/servers.ts'
import { transportContract } from './transport.contract.ts'

const certificate = makeCertificate()
const secure = {
  open: openTransport,
  skip: certificate === undefined ? 'skipped: openssl absent' : false,
}

transportContract({ name: 'TCP', open: openTransport, startServer: () => startStreamServer() })
transportContract({
  name: 'WebSocket',
  open: openTransport,
  startServer: () => startWebSocketServer(),
})
transportContract({
  name: 'a Unix socket',
  skip: process.platform === 'win32' && 'there are none on Windows',
  open: openTransport,
  startServer: startUnixServer,
})
transportContract({ ...secure, name: 'TLS', startServer: () => startStreamServer(certificate) })
transportContract({
  ...secure,
  name: 'secure WebSocket',
  startServer: () => startWebSocketServer(certificate),
})

// What a browser has, Node has as well from 22 on.
transportContract({
  name: "the platform's WebSocket",
  skip: typeof WebSocket === 'undefined' && 'this platform has none',
  open: openPlatformWebSocket,
  startServer: () => startWebSocketServer(),
})
