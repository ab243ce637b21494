import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Broker, startBroker } from './broker.ts'
import type { ConfigInput } from './config.ts'
import { ListenError } from './listener/listener.ts'
import { eventually } from './listener/transport.contract.ts'
import { silentLog } from './log.ts'

const log = silentLog
const store = { engine: 'memory' } as const
const sys = { intervalSeconds: 0 }
const inWorkers: ConfigInput = { listeners: [{ kind: 'tcp', port: 0 }], store, sys, workers: 2 }

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const portOf = ({ url }: Broker) => Number(new URL(url).port)

/** MQTT 5.0, Clean Start, Keep Alive 0, with a Client Identifier of one byte. */
const connectAs = (byte: string) => bytes(`10 0e 0004 4d515454 05 02 0000 00 0001 ${byte}`)

async function open(broker: Broker): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(portOf(broker), '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  await once(socket, 'connect')
  return { socket, received: () => Buffer.concat(chunks).toString('hex') }
}

test('a broker with workers serves its clients, and says goodbye to each when it is closed', async () => {
  const broker = await startBroker(inWorkers, { log })
  assert.equal(broker.io.workers, 2)
  const clients: Awaited<ReturnType<typeof open>>[] = []
  for (let index = 0; index < 20; index++) {
    const client = await open(broker)
    client.socket.write(connectAs((0x41 + index).toString(16)))
    clients.push(client)
  }
  await eventually(() => clients.every(({ received }) => received().startsWith('20')), 'CONNACK')
  assert.equal(broker.statistics.clientsConnected, 20)
  const ended = clients.map(({ socket }) => once(socket, 'end'))
  await broker.close()
  await Promise.all(ended)
  for (const { received } of clients) assert.match(received(), /e0..8b/) // Server shutting down
})

test('a client that says goodbye and comes back at once leaves no Will behind', async () => {
  await using broker = await startBroker(inWorkers, { log })
  const watcher = await open(broker)
  watcher.socket.write(connectAs('77'))
  watcher.socket.write(bytes('82 07 0001 00 0001 77 00')) // SUBSCRIBE to `w`
  await eventually(() => watcher.received().includes('9004'), 'SUBACK')
  // With a Will `x` on `w`.
  const withWill = bytes('10 15 0004 4d515454 05 06 0000 00 0001 61 00 0001 77 0001 78')
  for (let round = 0; round < 200; round++) {
    const { socket, received } = await open(broker)
    socket.write(withWill)
    await eventually(() => received().startsWith('20'), 'CONNACK')
    socket.end(bytes('e0 00'))
  }
  const last = await open(broker)
  last.socket.write(connectAs('62'))
  last.socket.write(bytes('30 05 0001 77 00 65'))
  await eventually(() => watcher.received().endsWith('65'), 'a message behind all')
  assert.doesNotMatch(watcher.received(), /0001770078/)
})

test('what is sent together with CONNECT and an end is dealt with', async () => {
  await using broker = await startBroker(inWorkers, { log })
  const watcher = await open(broker)
  watcher.socket.write(connectAs('77'))
  watcher.socket.write(bytes('82 07 0001 00 0001 77 00'))
  await eventually(() => watcher.received().includes('9004'), 'SUBACK')
  const rounds = 100
  for (let round = 0; round < rounds; round++) {
    const { socket } = await open(broker)
    socket.end(Buffer.concat([connectAs('61'), bytes('30 05 0001 77 00 65')]))
    await once(socket, 'close')
  }
  const count = () => watcher.received().match(/30050001770065/g)?.length ?? 0
  await eventually(() => count() === rounds, 'every message')
})

test('two brokers with workers do not share a port', async () => {
  await using broker = await startBroker(inWorkers, { log })
  const listeners = [{ kind: 'tcp', port: portOf(broker) }] as const
  await assert.rejects(startBroker({ ...inWorkers, listeners }, { log }), ListenError)
})

test('where only a path is listened on there are no workers', async () => {
  const path = join(tmpdir(), `busbar-workers-${process.pid}.sock`)
  const listeners = [{ kind: 'unix', path }] as const
  await using broker = await startBroker({ ...inWorkers, listeners }, { log })
  assert.equal(broker.io.workers, 0)
})
