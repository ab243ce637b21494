import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Sockets } from './acceptor.ts'
import { SocketTransport } from './socket-transport.ts'
import type { System } from './system.ts'

/** More than a socket takes at once, so that a send falls short, and more than a small pool. */
const probeBytes = 1_048_576
/** A system that answers at all answers in a few milliseconds. */
const probeMs = 5_000
const wrong = new Error('it loses or changes bytes')

/**
 * Sends through a pair of sockets what a client would, and back, and ends it: the way through the
 * kernel and the event loop, with short sends and a buffer pool that runs dry. Throws the reason why
 * these sockets are not to be used.
 */
export async function probe(system: System, sockets: Sockets): Promise<void> {
  const [near, far] = system.socketPair()
  const peer = new ProbePeer(system, far)
  const received: Uint8Array[] = []
  let drained = 0
  let closed = 0
  const options = { descriptor: near, address: 'probe', closeTimeoutMs: probeMs }
  const transport = new SocketTransport(options, sockets, () => {})
  sockets.add(transport)
  transport.start({
    receive: (bytes) => received.push(bytes.slice()),
    drained: () => drained++,
    closed: () => closed++,
  })
  const giveUpAt = performance.now() + probeMs
  const until = async (isDone: () => boolean) => {
    while (!isDone()) {
      if (performance.now() > giveUpAt) throw new Error('it does not answer in time')
      await nextTurn()
    }
  }
  try {
    const bytes = pattern(probeBytes)
    const arrived = () => received.reduce((sum, { length }) => sum + length, 0)
    await until(() => peer.send(bytes) && arrived() >= bytes.length)
    if (!Buffer.concat(received).equals(bytes)) throw wrong
    transport.write(bytes)
    await nextTurn()
    await until(() => peer.receive() >= bytes.length && drained > 0)
    if (!Buffer.concat(peer.received).equals(bytes)) throw wrong
    peer.close()
    await until(() => closed > 0)
  } finally {
    peer.close()
    transport.destroy()
  }
}

/** The far end, without an event loop. */
class ProbePeer {
  readonly received: Uint8Array[] = []
  readonly #system: System
  readonly #descriptor: number
  readonly #buffer = new Uint8Array(65_536)
  #sent = 0
  #length = 0
  #isOpen = true

  constructor(system: System, descriptor: number) {
    this.#system = system
    this.#descriptor = descriptor
  }

  /** Sends as much as there is room for; whether that was the last of it. */
  send(bytes: Uint8Array): boolean {
    const rest = bytes.subarray(this.#sent)
    if (rest.length === 0) return true
    const sent = this.#system.libc.write(this.#descriptor, rest, BigInt(rest.length))
    this.#sent += Math.max(0, sent)
    return this.#sent === bytes.length
  }

  /** Takes what there is, and returns how much has come in all. */
  receive(): number {
    const room = BigInt(this.#buffer.length)
    const length = this.#system.libc.read(this.#descriptor, this.#buffer, room)
    if (length <= 0) return this.#length
    this.received.push(this.#buffer.slice(0, length))
    this.#length += length
    return this.#length
  }

  close(): void {
    if (this.#isOpen) this.#system.libc.close(this.#descriptor)
    this.#isOpen = false
  }
}

/** Bytes that show any loss, repetition or swap. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8))
}
