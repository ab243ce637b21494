import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Admission } from '../admission.ts'
import { systemClock } from '../clock.ts'
import { type Config, parseConfig } from '../config.ts'
import { silentLog } from '../log.ts'
import { Statistics } from '../statistics.ts'
import type { Transport } from '../transport.ts'
import type { Accept } from './listener.ts'

/** The far end of a transport under test. */
export interface Peer {
  send(bytes: Uint8Array): void
  /** What has arrived so far, joined. */
  received(): Uint8Array
  /** Whether the broker's end is known to have closed. */
  isClosed(): boolean
  /** Leaves what arrives with the system. */
  stopReading(): void
  startReading(): void
  /** Sends what waits, and ends. */
  end(): void
  /** Ends as a machine that crashed and came back does, or a cut cable. */
  reset(): void
}

/** Opens one connection to a fresh listener; disposing of it closes both. */
export interface TransportHarness extends AsyncDisposable {
  readonly peer: Peer
}

export type ConnectPeer = (accept: Accept) => Promise<TransportHarness>

/** The core's end, recorded. */
class Recorder implements AsyncDisposable {
  readonly transport: Transport
  readonly peer: Peer
  readonly chunks: Uint8Array[] = []
  receivedBytes = 0
  drainedCount = 0
  closedCount = 0
  readonly #harness: TransportHarness

  private constructor(transport: Transport, harness: TransportHarness) {
    this.transport = transport
    this.peer = harness.peer
    this.#harness = harness
  }

  static async open(connect: ConnectPeer): Promise<Recorder> {
    const accepted = Promise.withResolvers<Transport>()
    // Events may come before the harness is there.
    let recorder: Recorder | undefined
    const early: Uint8Array[] = []
    const harness = await connect((transport) => {
      accepted.resolve(transport)
      return {
        receive: (bytes) => {
          if (recorder === undefined) early.push(Uint8Array.from(bytes))
          else recorder.#keep(Uint8Array.from(bytes))
        },
        drained: () => recorder && recorder.drainedCount++,
        closed: () => recorder && recorder.closedCount++,
      }
    })
    recorder = new Recorder(await accepted.promise, harness)
    for (const chunk of early) recorder.#keep(chunk)
    return recorder
  }

  #keep(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.receivedBytes += chunk.length
  }

  received(): Uint8Array {
    return Buffer.concat(this.chunks)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#harness[Symbol.asyncDispose]()
  }
}

/** Waits for something that has to come; fails after a time that no machine needs. */
export async function eventually(
  condition: () => boolean,
  what: string,
  withinMs = 5_000,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs
  while (!condition()) {
    assert.ok(performance.now() < giveUpAt, `did not happen: ${what}`)
    await nextTurn()
  }
}

/** Admission with these limits, on the real clock. */
export function admissionWith(limits: Partial<Config['limits']> = {}): Admission {
  const all = { ...parseConfig({}).limits, ...limits }
  const statistics = new Statistics()
  return new Admission({ limits: () => all, clock: systemClock, statistics, log: silentLog })
}

/** Bytes that show any loss, repetition or swap. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = index * 7 + (index >> 8)
  return bytes
}

/** What every listener's transports do. */
export function transportContract(name: string, connect: ConnectPeer): void {
  const check = (title: string, run: (at: Recorder) => Promise<void>) =>
    test(`${name}: ${title}`, { timeout: 20_000 }, async () => {
      await using at = await Recorder.open(connect)
      await run(at)
    })

  check('has an address for logs', async ({ transport }) => {
    assert.match(transport.address, /^[\w.:[\]]+:\d+$/)
  })

  check('bytes from the peer arrive exactly and in order', async (at) => {
    const sent = pattern(300_000)
    for (let start = 0; start < sent.length; start += 70_000)
      at.peer.send(sent.subarray(start, start + 70_000))
    at.peer.send(Uint8Array.of(1))
    await eventually(() => at.receivedBytes === sent.length + 1, 'everything arrives')
    assert.deepEqual(Buffer.from(at.received()), Buffer.concat([sent, Uint8Array.of(1)]))
  })

  check('bytes to the peer arrive exactly and in order', async (at) => {
    const sent = pattern(300_000)
    for (let start = 0; start < sent.length; start += 70_000)
      at.transport.write(sent.subarray(start, start + 70_000))
    at.transport.write(Uint8Array.of(1))
    await eventually(() => at.peer.received().length === sent.length + 1, 'everything arrives')
    assert.deepEqual(Buffer.from(at.peer.received()), Buffer.concat([sent, Uint8Array.of(1)]))
  })

  check('calls nobody back within write, pause, resume, end and destroy', async (at) => {
    at.peer.send(pattern(10))
    at.transport.write(pattern(10))
    at.transport.pause()
    at.transport.resume()
    at.transport.end()
    at.transport.destroy()
    assert.deepEqual([at.chunks.length, at.drainedCount, at.closedCount], [0, 0, 0])
    await eventually(() => at.closedCount === 1, 'closed() is called')
  })

  check('pauses and resumes reading without a loss', async (at) => {
    at.transport.pause()
    // Where the socket is another thread's, that has to hear of it.
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    const sent = pattern(4 * 1_048_576)
    at.peer.send(sent)
    for (let turn = 0; turn < 200; turn++) await nextTurn()
    // What had been read before may still come, the rest stays with the peer.
    assert.ok(at.receivedBytes < sent.length / 2, 'most of it waits')
    at.transport.resume()
    await eventually(() => at.receivedBytes === sent.length, 'everything arrives')
    assert.ok(Buffer.from(at.received()).equals(sent))
  })

  check(
    'pending bytes grow while the peer does not read, and drained() comes after',
    async (at) => {
      at.peer.stopReading()
      const sent = pattern(16 * 1_048_576)
      at.transport.write(sent)
      assert.ok(at.transport.pendingBytes > 0)
      const before = at.transport.pendingBytes
      at.transport.write(pattern(1_000))
      assert.ok(at.transport.pendingBytes >= before + 1_000)
      assert.equal(at.drainedCount, 0)
      at.peer.startReading()
      await eventually(() => at.drainedCount > 0, 'drained() is called')
      assert.equal(at.transport.pendingBytes, 0)
      await eventually(() => at.peer.received().length === sent.length + 1_000, 'all arrives')
    },
  )

  check('end() sends what was written before it closes', async (at) => {
    const sent = pattern(2 * 1_048_576)
    at.transport.write(sent)
    at.transport.end()
    at.transport.end()
    await eventually(() => at.peer.isClosed(), 'the peer sees the end')
    assert.ok(Buffer.from(at.peer.received()).equals(sent))
    await eventually(() => at.closedCount === 1, 'closed() is called')
  })

  check('nothing is received after end()', async (at) => {
    at.transport.end()
    at.peer.send(pattern(1_000))
    await eventually(() => at.closedCount === 1, 'closed() is called')
    assert.equal(at.chunks.length, 0)
  })

  check('end() closes anyway when the peer does not read', async (at) => {
    at.peer.stopReading()
    at.transport.write(pattern(16 * 1_048_576))
    at.transport.end()
    await eventually(() => at.closedCount === 1, 'closed() is called')
  })

  check('end() closes although reading was paused', async (at) => {
    at.transport.pause()
    at.peer.send(pattern(1_000_000))
    at.transport.end()
    await eventually(() => at.closedCount === 1, 'closed() is called')
    assert.equal(at.closedCount, 1)
  })

  check('destroy() closes at once, and closed() is called once', async (at) => {
    at.transport.write(pattern(16))
    at.transport.destroy()
    at.transport.destroy()
    at.transport.end()
    at.transport.write(pattern(16))
    await eventually(() => at.closedCount === 1, 'closed() is called')
    await eventually(() => at.peer.isClosed(), 'the peer sees the end')
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    assert.equal(at.closedCount, 1)
  })

  check("the peer's last bytes arrive before closed()", async (at) => {
    const sent = pattern(100_000)
    at.peer.send(sent)
    at.peer.end()
    await eventually(() => at.closedCount === 1, 'closed() is called')
    assert.ok(Buffer.from(at.received()).equals(sent))
    at.transport.write(pattern(16))
    at.transport.end()
    at.transport.destroy()
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    assert.equal(at.closedCount, 1)
  })

  check('a reset by the peer ends in closed(), once', async (at) => {
    at.transport.write(pattern(100_000))
    at.peer.reset()
    await eventually(() => at.closedCount === 1, 'closed() is called')
    at.transport.write(pattern(16))
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    assert.equal(at.closedCount, 1)
  })

  test(`${name}: a defect of the core ends this connection only`, { timeout: 20_000 }, async () => {
    await using harness = await connect(() => ({
      receive() {
        throw new Error('a defect')
      },
      drained() {},
      closed() {},
    }))
    harness.peer.send(pattern(5))
    await eventually(() => harness.peer.isClosed(), 'the connection ends')
  })
}
