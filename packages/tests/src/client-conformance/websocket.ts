import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lazyConnect } from '@busbar/client'
import { publish } from '@busbar/conformance/bytes'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ClientCase, Version } from './case.ts'
import { connack, Peer } from './raw-server.ts'

const both = [5, 4] as const

/** Runs against a client that is connected over a WebSocket, and closes all. */
async function overWebSocket(
  version: Version,
  run: (peer: Peer, socket: WebSocket) => Promise<void>,
): Promise<void> {
  const offered: string[] = []
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (protocols) => {
      offered.push(...protocols)
      return 'mqtt'
    },
  })
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const url = `ws://127.0.0.1:${port}/mqtt`
  const client = lazyConnect(url, { version, clientId: 'c', keepAlive: 0, reconnect: false })
  try {
    const [socket] = (await once(server, 'connection')) as [WebSocket]
    const cut = () => socket.terminate()
    const peer = new Peer({ write: (bytes) => socket.send(bytes), cut }, version)
    socket.on('error', () => {}) // `close` follows
    socket.on('close', () => peer.closedByClient())
    socket.on('message', (data: Uint8Array, isBinary) => {
      assert.ok(isBinary, 'a text frame of the client')
      peer.receive(data)
    })
    await peer.expect('connect')
    assert.deepEqual(offered, ['mqtt'])
    peer.send(connack(version))
    await client.connected
    await run(peer, socket)
  } finally {
    for (const socket of server.clients) socket.terminate()
    await client.close({ drainMs: 0 })
    server.close()
    await once(server, 'close')
  }
}

const frames: ClientCase = {
  id: 'websocket/frames',
  title: 'offers the subprotocol mqtt, sends binary frames, and takes packets in any frames',
  statements: [
    ...['MQTT5-6.0.0-1', 'MQTT5-6.0.0-2', 'MQTT5-6.0.0-3'],
    ...['MQTT3-6.0.0-1', 'MQTT3-6.0.0-2', 'MQTT3-6.0.0-3'],
  ],
  versions: both,
  async run({ version }) {
    await overWebSocket(version, async (peer, socket) => {
      const one = publish({ version, topic: 'a', qos: 1, packetId: 1 })
      const two = publish({ version, topic: 'a', qos: 1, packetId: 2 })
      const all = Buffer.concat([one, two, one])
      for (const [from, to] of [
        [0, 1],
        [1, 3],
        [3, one.length + 2],
      ])
        peer.send(all.subarray(from, to))
      // One message in two fragments.
      socket.send(all.subarray(one.length + 2, -3), { fin: false })
      socket.send(all.subarray(-3), { fin: true })
      const answers = await peer.expectMany('puback', 3)
      assert.deepEqual(
        answers.map(({ packetId }) => packetId),
        [1, 2, 1],
      )
    })
  },
}

const textFrame: ClientCase = {
  id: 'websocket/text-frame',
  title: 'closes for a frame that is not binary',
  statements: ['MQTT5-6.0.0-1', 'MQTT3-6.0.0-1'],
  versions: both,
  async run({ version }) {
    await overWebSocket(version, async (peer, socket) => {
      socket.send('\xd0\x00', { binary: false })
      await peer.closed()
    })
  },
}

export const webSocketCases: readonly ClientCase[] = [frames, textFrame]
