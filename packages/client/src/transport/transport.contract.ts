import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OpenTransport, TlsOptions, Transport, TransportEvents } from './transport.ts'

/** The server's end of one Network Connection. */
export interface Peer {
  /** All bytes so far. */
  received(): Uint8Array
  isClosed(): boolean
  send(bytes: Uint8Array): void
  end(): void
}

/** A server that a transport is tried against. */
export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly tls?: TlsOptions
  /** In the order in which they came. */
  readonly peers: readonly Peer[]
}

export interface TransportUnderTest {
  readonly name: string
  readonly skip?: string | boolean
  readonly open: OpenTransport
  readonly startServer: () => Promise<TestServer>
}

/** Waits for something that has to come; fails after ten seconds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  while (!condition()) {
    assert.ok(performance.now() < giveUpAt, `did not happen: ${what}`)
    await nextTurn()
  }
}

/** Our end, and all that it was told. */
class End {
  readonly transport: Transport
  readonly chunks: Uint8Array[]
  readonly ends: unknown[]
  readonly counts: { drained: number }

  private constructor(
    transport: Transport,
    chunks: Uint8Array[],
    ends: unknown[],
    counts: { drained: number },
  ) {
    this.transport = transport
    this.chunks = chunks
    this.ends = ends
    this.counts = counts
  }

  static async open(open: OpenTransport, server: TestServer): Promise<End> {
    const chunks: Uint8Array[] = []
    const ends: unknown[] = []
    const counts = { drained: 0 }
    const events: TransportEvents = {
      receive: (bytes) => chunks.push(bytes),
      drained: () => counts.drained++,
      closed: (error) => ends.push(error),
    }
    const transport = await open(target(server), events, new AbortController().signal)
    assert.deepEqual([chunks.length, ends.length], [0, 0], 'no event before it is open')
    return new End(transport, chunks, ends, counts)
  }

  received(): Uint8Array {
    return Buffer.concat(this.chunks)
  }
}

function target({ url, tls }: Pick<TestServer, 'url' | 'tls'>) {
  return { url: new URL(url), tls }
}

const unexpected = () => assert.fail('an event of what was not opened')
const noEvents = { receive: unexpected, drained: unexpected, closed: unexpected }

/** Bytes of which no two stretches are alike. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff)
}

const large = pattern(3_000_000)

export function transportContract({ name, skip = false, open, startServer }: TransportUnderTest) {
  async function connected() {
    const server = await startServer()
    const end = await End.open(open, server)
    await eventually(() => server.peers.length === 1, 'the server sees the connection')
    return { server, end, transport: end.transport, peer: server.peers[0] as Peer }
  }

  const check = (what: string, run: () => Promise<void>) => test(`${name} ${what}`, { skip }, run)

  check('carries bytes both ways, in order, as plain Uint8Arrays', async () => {
    const { server, end, transport, peer } = await connected()
    await using _ = server
    for (const byte of [1, 2, 3]) transport.send(new Uint8Array([byte]))
    await eventually(() => peer.received().length === 3, 'three bytes')
    assert.deepEqual([...peer.received()], [1, 2, 3])
    peer.send(new Uint8Array([4, 5]))
    await eventually(() => end.received().length === 2, 'two bytes')
    assert.deepEqual([...end.received()], [4, 5])
    for (const chunk of end.chunks) assert.equal(Object.getPrototypeOf(chunk), Uint8Array.prototype)
    transport.destroy()
  })

  check('carries a lot both ways and says when it has gone', async () => {
    const { server, end, transport, peer } = await connected()
    await using _ = server
    for (let at = 0; at < large.length; at += 99_991)
      transport.send(large.subarray(at, at + 99_991))
    assert.equal(end.counts.drained, 0, 'not from within send')
    peer.send(large)
    await eventually(() => peer.received().length === large.length, 'all at the server')
    await eventually(() => end.received().length === large.length, 'all at our end')
    await eventually(() => end.counts.drained > 0 && transport.bufferedBytes === 0, 'drained')
    assert.ok(Buffer.from(peer.received()).equals(large))
    assert.ok(Buffer.from(end.received()).equals(large))
    transport.destroy()
  })

  check('hands out nothing while it is paused, and all of it afterwards', async () => {
    const { server, end, transport, peer } = await connected()
    await using _ = server
    transport.pause()
    peer.send(new Uint8Array(100_000))
    // Long enough for another connection to hear from the server.
    const other = await End.open(open, server)
    await eventually(() => server.peers.length === 2, 'another connection')
    server.peers[1]?.send(new Uint8Array([1]))
    await eventually(() => other.received().length === 1, 'an answer on it')
    assert.equal(end.received().length, 0)
    transport.resume()
    await eventually(() => end.received().length === 100_000, 'what was held back')
    transport.destroy()
    other.transport.destroy()
  })

  check('sends all before it ends, and says once that it is closed', async () => {
    const { server, end, transport, peer } = await connected()
    await using _ = server
    transport.send(large)
    transport.end()
    transport.end()
    await eventually(() => peer.received().length === large.length, 'all at the server')
    await eventually(() => peer.isClosed(), 'the end at the server')
    await eventually(() => end.ends.length === 1, 'closed')
    assert.deepEqual(end.ends, [undefined])
    transport.send(new Uint8Array([1]))
    transport.destroy()
    await nextTurn()
    assert.equal(end.ends.length, 1)
  })

  check('is closed at once when it is destroyed', async () => {
    const { server, end, transport, peer } = await connected()
    await using _ = server
    transport.destroy()
    await eventually(() => end.ends.length === 1, 'closed')
    await eventually(() => peer.isClosed(), 'the end at the server')
    assert.deepEqual(end.ends, [undefined])
  })

  check('hands out what the server sent before it ended', async () => {
    const { server, end, transport, peer } = await connected()
    await using _ = server
    transport.pause()
    peer.send(new Uint8Array(1_000))
    peer.end()
    transport.resume()
    await eventually(() => end.ends.length === 1, 'closed')
    assert.equal(end.received().length, 1_000)
    assert.deepEqual(end.ends, [undefined])
  })

  check('is not opened by an aborted call', async () => {
    await using server = await startServer()
    const reason = new Error('the caller has left')
    const before = open(target(server), noEvents, AbortSignal.abort(reason))
    await assert.rejects(before, (error) => error === reason)
    const controller = new AbortController()
    const during = open(target(server), noEvents, controller.signal)
    controller.abort(reason)
    await assert.rejects(during, (error) => error === reason)
    await eventually(() => server.peers.every((peer) => peer.isClosed()), 'nothing is left open')
  })

  check('says why it cannot be opened', async () => {
    const server = await startServer()
    await server[Symbol.asyncDispose]()
    const opening = open(target(server), noEvents, new AbortController().signal)
    await assert.rejects(opening, (error) => error instanceof Error && error.message !== '')
  })
}
