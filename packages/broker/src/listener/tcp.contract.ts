import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createLog, type Log, silentLog } from '../log.ts'
import type { Transport } from '../transport.ts'
import { type Accept, ListenError, type Listener, type PortOptions } from './listener.ts'
import { eventually, type Peer, pattern, transportContract } from './transport.contract.ts'

export type StartTcp = (options: PortOptions, accept: Accept, log: Log) => Promise<Listener>

const options = { host: '127.0.0.1', port: 0, closeTimeoutMs: 600 }
const deaf = { receive() {}, drained() {}, closed() {} }

/**
 * What every back end of a TCP listener does. `isElsewhere`: its sockets are in other threads, which
 * learn a little later what they are to do, and tell a little later what the system has taken.
 */
export function tcpContract(name: string, start: StartTcp, { isElsewhere = false } = {}): void {
  transportContract(name, async (accept) => {
    const listener = await start(options, accept, silentLog)
    const socket = await connectTo(listener)
    return {
      peer: socketPeer(socket),
      async [Symbol.asyncDispose]() {
        socket.destroy()
        await listener[Symbol.asyncDispose]()
      },
    }
  })

  const small = `${name}: a small write that has to wait is followed by drained() as well`
  test(small, { skip: isElsewhere }, async () => {
    let drained = 0
    const accept: Accept = (transport) => {
      // More than the system takes at once, in pieces below the high-water mark.
      while (transport.pendingBytes === 0) transport.write(new Uint8Array(50_000))
      assert.ok(transport.pendingBytes <= 65_536)
      return { ...deaf, drained: () => drained++ }
    }
    await using listener = await start(options, accept, silentLog)
    const socket = await connectTo(listener)
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    assert.equal(drained, 0)
    socket.resume()
    await eventually(() => drained === 1, 'drained() is called')
    socket.destroy()
  })

  test(`${name}: drained() comes once for many small writes, when the last has gone`, async () => {
    let drained = 0
    let transport: Transport | undefined
    const accept: Accept = (accepted) => {
      transport = accepted
      return { ...deaf, drained: () => drained++ }
    }
    await using listener = await start(options, accept, silentLog)
    const socket = await connectTo(listener)
    await eventually(() => transport !== undefined, 'it is accepted')
    // More than the buffers of both ends hold, in pieces below any mark.
    for (let count = 0; count < 800; count++) {
      transport?.write(new Uint8Array(20_000))
      if (count % 10 === 0) await nextTurn()
    }
    const before = drained
    let received = 0
    socket.on('data', ({ length }) => {
      received += length
    })
    await eventually(() => received === 800 * 20_000, 'everything arrives')
    await eventually(() => transport?.pendingBytes === 0, 'nothing is pending')
    assert.equal(drained, before + 1)
    socket.destroy()
  })

  test(`${name}: stopAccepting() keeps open connections and takes no new ones`, async () => {
    let accepted = 0
    const accept: Accept = () => {
      accepted++
      return deaf
    }
    await using listener = await start(options, accept, silentLog)
    const socket = await connectTo(listener)
    await eventually(() => accepted === 1, 'it is accepted')
    listener.stopAccepting()
    const refused = connect(portOf(listener), '127.0.0.1')
    let code: string | undefined
    refused.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code
    })
    await new Promise((resolve) => refused.resume().once('close', resolve))
    if (!isElsewhere) assert.equal(code, 'ECONNREFUSED')
    assert.equal(accepted, 1)
    assert.equal(socket.closed, false)
    socket.destroy()
  })

  test(`${name}: a core that fails to accept costs one connection and is logged`, async () => {
    const lines: string[] = []
    const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
    const accept: Accept = () => {
      throw new Error('a defect')
    }
    await using listener = await start(options, accept, log)
    const socket = await connectTo(listener)
    socket.resume()
    await once(socket, 'close')
    assert.match(lines.join(''), /error defect in the broker.*a defect/)
  })

  test(`${name}: a port in use is reported with who holds it`, async () => {
    await using first = await start(options, () => deaf, silentLog)
    const port = portOf(first)
    await assert.rejects(
      start({ ...options, port }, () => deaf, silentLog),
      (error) => {
        assert.ok(error instanceof ListenError)
        const holder = process.platform === 'linux' ? ` by .+ \\(process ${process.pid}\\)` : '.*'
        assert.match(
          error.message,
          new RegExp(
            `^Cannot listen on 127.0.0.1:${port}: the port is in use${holder}; .--port 0.`,
          ),
        )
        return true
      },
    )
  })

  test(`${name}: many connections at once, none gets another's bytes`, async () => {
    const accept = echo()
    await using listener = await start(options, accept, silentLog)
    const peers = await Promise.all(Array.from({ length: 200 }, () => connectTo(listener)))
    const seen = peers.map(socketPeer)
    const sent = peers.map((_, index) => pattern(3_000 + index).map((byte) => byte + index))
    for (const [index, peer] of seen.entries()) peer.send(sent[index] as Uint8Array)
    await eventually(
      () => seen.every((peer, index) => peer.received().length === sent[index]?.length),
      'everything comes back',
    )
    for (const [index, peer] of seen.entries())
      assert.ok(Buffer.from(peer.received()).equals(sent[index] as Uint8Array), `peer ${index}`)
    for (const peer of peers) peer.destroy()
  })

  test(`${name}: wakes up for a client by itself, with nothing else to do`, async () => {
    await using listener = await start(options, echo(), silentLog)
    // In a thread, so that the event loop here is left to the listener.
    const worker = new Worker(lonelyClient, { eval: true, workerData: portOf(listener) })
    const [outcome] = await once(worker, 'message')
    assert.equal(outcome, 'answered')
    await worker.terminate()
  })

  slowPeers(name, start)
}

/** Connects, sends and leaves, again and again; says `silent` where an answer does not come. */
const lonelyClient = `
const { connect } = require('node:net')
const { once } = require('node:events')
const { parentPort, workerData: port } = require('node:worker_threads')
const tell = (outcome) => parentPort.postMessage(outcome)
const timer = setTimeout(tell, 10_000, 'silent')
async function run() {
  for (let round = 0; round < 20; round++) {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    for (let message = 0; message < 3; message++) {
      socket.write('hello')
      await once(socket, 'data')
    }
    socket.end()
    await once(socket, 'close')
  }
  clearTimeout(timer)
  tell('answered')
}
run()
`

/** Every short send, every full buffer and every end in the middle, with numbers on the bytes. */
function slowPeers(name: string, start: StartTcp): void {
  const title = `${name}: exact to those that read slowly, while others are reset or close`
  test(title, { timeout: 60_000 }, async () => {
    const transports: Transport[] = []
    const accept: Accept = (transport) => {
      transports.push(transport)
      return deaf
    }
    await using listener = await start(options, accept, silentLog)
    const sockets: Socket[] = []
    for (let index = 0; index < 7; index++) {
      sockets.push(await connectTo(listener))
      await eventually(() => transports.length > index, 'it is accepted')
    }
    const readers = sockets.map((socket, index) => new PausingReader(socket, index))
    const frames = Array.from({ length: 6_000 }, (_, number) => frame(number))
    const total = frames.reduce((sum, { length }) => sum + length, 0)
    for (const [number, bytes] of frames.entries()) {
      for (const transport of transports) transport.write(bytes)
      if (number === 2_000) sockets[5]?.resetAndDestroy()
      if (number === 4_000) sockets[6]?.destroy()
      // Now and then, so that sends fall short in all ways.
      if (number % 50 === 0) await nextTurn()
    }
    const staying = readers.slice(0, 5)
    await eventually(() => staying.every(({ count }) => count === total), 'all of it', 30_000)
    const expected = Buffer.concat(frames)
    for (const { bytes } of staying) assert.ok(bytes.equals(expected))
    for (const socket of sockets) socket.destroy()
  })
}

/** Of 4 to 4,000 bytes, each telling its number. */
function frame(number: number): Uint8Array {
  const bytes = new Uint8Array(4 + ((number * 397) % 3_997)).fill(number)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

/** Stops after each read, for a while that is its own. */
class PausingReader {
  count = 0
  readonly #chunks: Buffer[] = []

  constructor(socket: Socket, turns: number) {
    socket.on('data', async (chunk: Buffer) => {
      this.count += chunk.length
      this.#chunks.push(chunk)
      socket.pause()
      for (let turn = 0; turn < turns * 3; turn++) await nextTurn()
      socket.resume()
    })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

function echo(): Accept {
  return (transport) => ({ ...deaf, receive: (bytes) => transport.write(bytes.slice()) })
}

function portOf(listener: Listener): number {
  return Number(new URL(listener.url).port)
}

async function connectTo(listener: Listener): Promise<Socket> {
  const socket = connect(portOf(listener), '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  return socket
}

function socketPeer(socket: Socket): Peer {
  const chunks: Uint8Array[] = []
  socket.on('data', (bytes: Buffer) => chunks.push(bytes))
  return {
    send: (bytes) => void socket.write(bytes),
    received: () => Buffer.concat(chunks),
    isClosed: () => socket.closed,
    stopReading: () => void socket.pause(),
    startReading: () => void socket.resume(),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  }
}
