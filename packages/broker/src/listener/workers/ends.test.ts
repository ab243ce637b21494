import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { silentLog } from '../../log.ts'
import type { Transport } from '../../transport.ts'
import type { Accept, Listener } from '../listener.ts'
import { admitting } from '../start.ts'
import { startFrontedTcpListener } from '../stream.ts'
import { startTcpListener } from '../tcp.ts'
import { lab } from '../tls.contract.ts'
import { admissionWith, eventually, pattern, transportContract } from '../transport.contract.ts'
import { CoreEnd, type Reception } from './core-end.ts'
import { createRing, largestRecord } from './shared-ring.ts'
import { WorkerEnd } from './worker-end.ts'

const options = { host: '127.0.0.1', port: 0, closeTimeoutMs: 600 }
const deaf = { receive() {}, drained() {}, closed() {} }

/** Both ends in this thread, with little room on the way out. */
class Ends implements Disposable {
  readonly core: CoreEnd
  readonly worker: WorkerEnd

  constructor(reception: Reception) {
    // A worker may wait for room, and would wait for itself here: so there is enough.
    const rings = { toCore: createRing(33_554_432), toWorker: createRing(4 * largestRecord) }
    this.core = new CoreEnd(rings, [reception], silentLog)
    this.worker = new WorkerEnd(rings)
  }

  [Symbol.dispose](): void {
    this.worker.stop()
    this.core.lost()
  }
}

async function connectTo({ url }: Listener): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  return socket
}

transportContract('rings', async (accept) => {
  const admission = admissionWith()
  const ends = new Ends({ admission, accept: admitting(admission, accept) })
  const listener = await startTcpListener(options, ends.worker.accept(0), silentLog)
  const socket = await connectTo(listener)
  const chunks: Uint8Array[] = []
  socket.on('data', (bytes: Buffer) => chunks.push(bytes))
  return {
    peer: {
      send: (bytes) => void socket.write(bytes),
      received: () => Buffer.concat(chunks),
      isClosed: () => socket.closed,
      stopReading: () => void socket.pause(),
      startReading: () => void socket.resume(),
      end: () => void socket.end(),
      reset: () => void socket.resetAndDestroy(),
    },
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await listener[Symbol.asyncDispose]()
      ends[Symbol.dispose]()
    },
  }
})

/** A listener whose connections go through the rings. */
async function serve(accept: Accept, admission = admissionWith()) {
  const reception: Reception = { admission, accept: admitting(admission, accept) }
  const ends = new Ends(reception)
  const listener = await startTcpListener(options, ends.worker.accept(0), silentLog)
  after(async () => {
    await listener[Symbol.asyncDispose]()
    ends[Symbol.dispose]()
  })
  return { ends, listener, reception }
}

test('what the ring has no room for goes out later, with a fair share for everybody', async () => {
  const transports: Transport[] = []
  const { listener } = await serve((transport) => {
    transports.push(transport)
    return deaf
  })
  const sockets = [await connectTo(listener), await connectTo(listener), await connectTo(listener)]
  await eventually(() => transports.length === 3, 'all are accepted')
  const received = sockets.map(() => [] as Buffer[])
  for (const [index, socket] of sockets.entries())
    socket.on('data', (bytes: Buffer) => received[index]?.push(bytes))
  const lengthOf = (index: number) => received[index]?.reduce((sum, { length }) => sum + length, 0)
  const [large, small] = [pattern(20 * 1_048_576), pattern(1_000)]
  transports[0]?.write(large)
  transports[1]?.write(small)
  transports[2]?.write(small)
  transports[2]?.write(small)
  transports[2]?.end()
  await eventually(() => lengthOf(1) === 1_000 && sockets[2]?.closed === true, 'the small ones')
  assert.ok((lengthOf(0) ?? 0) < large.length, 'before the large one is through')
  await eventually(() => lengthOf(0) === large.length, 'the large one')
  assert.ok(Buffer.concat(received[0] ?? []).equals(large))
  assert.deepEqual(Buffer.concat(received[2] ?? []), Buffer.concat([small, small]))
  for (const socket of sockets) socket.destroy()
})

test('a slot is used again, and no order for the one before reaches the next', async () => {
  const transports: Transport[] = []
  let closed = 0
  const { listener } = await serve((transport) => {
    transports.push(transport)
    return { ...deaf, closed: () => closed++ }
  })
  for (let round = 1; round <= 5; round++) {
    const socket = await connectTo(listener)
    await eventually(() => transports.length === round, 'it is accepted')
    socket.resetAndDestroy()
    // The core does not know yet that it has gone.
    transports[round - 1]?.write(pattern(100))
    await eventually(() => closed === round, 'it is closed')
    transports[round - 1]?.write(pattern(100))
    transports[round - 1]?.destroy()
  }
  const socket = await connectTo(listener)
  let bytes = 0
  socket.on('data', ({ length }) => {
    bytes += length
  })
  await eventually(() => transports.length === 6, 'it is accepted')
  transports[5]?.write(Uint8Array.of(1))
  await eventually(() => bytes > 0, 'its byte arrives')
  assert.equal(bytes, 1)
  assert.equal(socket.closed, false)
  socket.destroy()
})

test('whoever is not let in is closed without a word to the core', async () => {
  const admission = admissionWith({ connecting: 1 })
  let accepted = 0
  const { listener } = await serve(() => {
    accepted++
    return deaf
  }, admission)
  const first = await connectTo(listener)
  await eventually(() => accepted === 1, 'it is accepted')
  const second = await connectTo(listener)
  await once(second.resume(), 'close')
  assert.equal(accepted, 1)
  first.destroy()
})

test('a listener that is closed in the core takes nobody, whatever the worker knows', async () => {
  let accepted = 0
  const { listener, reception } = await serve(() => {
    accepted++
    return deaf
  })
  reception.isClosed = true
  const socket = await connectTo(listener)
  await once(socket.resume(), 'close')
  assert.equal(accepted, 0)
})

test('the end of a worker closes each of its connections once, behind its last bytes', async () => {
  const seen: string[] = []
  const { ends, listener } = await serve(() => ({
    ...deaf,
    receive: (bytes) => void seen.push(`${bytes.length} bytes`),
    closed: () => void seen.push('closed'),
  }))
  const socket = await connectTo(listener)
  socket.write(pattern(10))
  await eventually(() => seen.length === 1, 'its bytes arrive')
  ends.core.lost()
  ends.core.lost()
  assert.deepEqual(seen, ['10 bytes', 'closed'])
  socket.destroy()
})

test('those who knock count until they leave, and are refused before they cost anything', async () => {
  const admission = admissionWith({ connecting: 2 })
  using ends = new Ends({ admission, accept: admitting(admission, () => deaf) })
  const gate = {
    enter: (address: string, { isCostly }: { isCostly: boolean }) =>
      ends.worker.knock(0, address, isCostly),
  }
  const front = { ...options, handshakeTimeoutMs: 10_000, admission: gate, tls: lab.settings() }
  await using listener = await startFrontedTcpListener(front, ends.worker.accept(0), silentLog)
  // They never begin with TLS.
  const first = await connectTo(listener)
  const second = await connectTo(listener)
  await eventually(() => admission.open === 2, 'they are let in')
  const third = await connectTo(listener)
  await once(third.resume(), 'close')
  assert.equal(admission.open, 2)
  first.destroy()
  second.destroy()
  await eventually(() => admission.open === 0, 'they have left')
})

test('what a client has sent is received before hear() calls back, or its end is', async () => {
  const transports: Transport[] = []
  const seen: string[] = []
  const { listener } = await serve((transport) => {
    transports.push(transport)
    return {
      ...deaf,
      receive: (bytes) => void seen.push(`${bytes}`),
      closed: () => void seen.push('closed'),
    }
  })
  const socket = await connectTo(listener)
  await eventually(() => transports.length === 1, 'it is accepted')
  socket.write(Uint8Array.of(7))
  transports[0]?.hear?.(() => seen.push('first'))
  transports[0]?.hear?.(() => seen.push('second'))
  await eventually(() => seen.length === 3, 'both are called')
  assert.deepEqual(seen.splice(0), ['7', 'first', 'second'])
  socket.destroy()
  transports[0]?.destroy()
  transports[0]?.hear?.(() => seen.push('third'))
  await eventually(() => seen.length === 2, 'it is called')
  assert.deepEqual(seen.splice(0), ['closed', 'third'])
  transports[0]?.hear?.(() => seen.push('fourth'))
  assert.deepEqual(seen, [])
  await eventually(() => seen.length === 1, 'it is called')
})

test('the end is heard of when reading is resumed, behind what came before it', async () => {
  const transports: Transport[] = []
  const seen: string[] = []
  const { listener } = await serve((transport) => {
    transports.push(transport)
    const tell = (what: string) => void seen.push(what)
    return {
      receive: (bytes) => {
        tell(`${bytes}`)
        transport.pause()
      },
      drained: () => tell('drained'),
      closed: () => tell('closed'),
    }
  })
  const socket = await connectTo(listener)
  await eventually(() => transports.length === 1, 'it is accepted')
  const [transport] = transports
  socket.write(Uint8Array.of(7))
  await eventually(() => seen.length === 1, 'its byte arrives')
  transport?.write(pattern(16 * 1_048_576))
  assert.ok((transport?.pendingBytes ?? 0) > 0)
  socket.resetAndDestroy()
  // Whoever waits for room has waited long enough.
  await eventually(() => seen.length === 2, 'nothing is pending')
  assert.deepEqual([seen, transport?.pendingBytes], [['7', 'drained'], 0])
  transport?.write(pattern(100))
  transport?.resume()
  transport?.pause()
  for (let turn = 0; turn < 5; turn++) await nextTurn()
  assert.deepEqual(seen, ['7', 'drained'])
  transport?.resume()
  assert.deepEqual(seen, ['7', 'drained'])
  await eventually(() => seen.length === 3, 'the end')
  assert.deepEqual(seen, ['7', 'drained', 'closed'])
})

for (const leave of ['end', 'destroy'] as const) {
  test(`the end is heard of as well when the core answers it with ${leave}()`, async () => {
    const transports: Transport[] = []
    let closed = 0
    const { ends, listener } = await serve((transport) => {
      transports.push(transport)
      transport.pause()
      return { ...deaf, closed: () => closed++ }
    })
    const socket = await connectTo(listener)
    await eventually(() => transports.length === 1, 'it is accepted')
    ends.core.lost()
    assert.equal(closed, 0)
    transports[0]?.[leave]()
    assert.equal(closed, 0)
    await eventually(() => closed === 1, 'the end')
    transports[0]?.destroy()
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    assert.equal(closed, 1)
    socket.destroy()
  })
}
