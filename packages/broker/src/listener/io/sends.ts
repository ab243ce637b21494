import { type Batch, mostInBatch } from './batch.ts'
import type { SocketTransport } from './socket-transport.ts'
import type { Region, System } from './system.ts'
import { atEndOfTurn, isInTurn } from './turn.ts'

const stageBytes = 262_144
/** Longer ones are sent by themselves: the copy would cost more than the call. */
const longestStaged = 16_384

/** Told how many bytes of a send were taken, or a negated error, and where they are. */
export type Sent = (socket: SocketTransport, bytes: Uint8Array, result: number) => void

/**
 * What the sockets of a back end have to send at the end of a turn, collected, so that it leaves with
 * one system call.
 */
export class Sends implements Disposable {
  readonly #batch: Batch
  readonly #stage: Region
  readonly #sent: Sent
  #used = 0
  readonly #sockets: (SocketTransport | undefined)[] = new Array(mostInBatch).fill(undefined)
  readonly #starts = new Int32Array(mostInBatch)
  readonly #ends = new Int32Array(mostInBatch)
  #isScheduled = false

  constructor(system: System, batch: Batch, sent: Sent) {
    this.#batch = batch
    this.#stage = system.region(stageBytes)
    this.#sent = sent
  }

  [Symbol.dispose](): void {
    this.#batch[Symbol.dispose]()
  }

  /** Takes bytes that leave with the others; false when they had better be sent alone. */
  take(socket: SocketTransport, bytes: Uint8Array): boolean {
    // The order of two pieces for one socket is that in which they are sent.
    if (socket.isStaged) this.run()
    if (!isInTurn() || bytes.length > longestStaged || socket.output.length > 0) return false
    if (this.#batch.isFull || this.#used + bytes.length > stageBytes) this.run()
    // What did not fit just now was that of others.
    const index = this.#batch.length
    const start = this.#used
    this.#stage.bytes.set(bytes, start)
    this.#used += bytes.length
    this.#sockets[index] = socket
    this.#starts[index] = start
    this.#ends[index] = this.#used
    this.#batch.add(socket.descriptor, this.#stage.address + start, bytes.length)
    socket.isStaged = true
    if (!this.#isScheduled) {
      this.#isScheduled = true
      atEndOfTurn(this.#run)
    }
    return true
  }

  readonly #run = () => {
    this.#isScheduled = false
    this.run()
  }

  /** Sends all of it. */
  run(): void {
    const count = this.#batch.length
    if (count === 0) return
    this.#used = 0
    for (let index = 0; index < count; index++)
      (this.#sockets[index] as SocketTransport).isStaged = false
    this.#batch.run()
    for (let index = 0; index < count; index++) this.#settle(index)
  }

  #settle(index: number): void {
    const result = this.#batch.result(index)
    const start = this.#starts[index] as number
    const end = this.#ends[index] as number
    const socket = this.#sockets[index] as SocketTransport
    this.#sockets[index] = undefined
    if (result === end - start) return
    this.#sent(socket, this.#stage.bytes.subarray(start, end), result)
  }
}
