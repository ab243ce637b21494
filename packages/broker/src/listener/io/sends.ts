import { type Batch, mostInBatch } from './batch.ts'
import type { Part, SocketTransport } from './socket-transport.ts'
import type { Region, System } from './system.ts'
import { isInTurn, sendBehind } from './turn.ts'

const stageBytes = 262_144
/** Longer ones are sent by themselves: the copy would cost more than the call. */
const longestStaged = 16_384

/** Told of a send that was not taken as a whole: a copy of the rest, and the error if there was one. */
export type Sent = (socket: SocketTransport, rest: Uint8Array, errno: number) => void

/**
 * What the sockets of a back end have to send at the end of a turn, collected, so that it leaves with
 * one system call.
 */
export class Sends implements Disposable {
  readonly #system: System
  readonly #batch: Batch
  /** For what is at no fixed place. */
  readonly #stage: Region
  readonly #sent: Sent
  #used = 0
  readonly #sockets: (SocketTransport | undefined)[] = new Array(mostInBatch).fill(undefined)
  readonly #arrays: Uint8Array[] = []
  readonly #starts = new Int32Array(mostInBatch)
  readonly #ends = new Int32Array(mostInBatch)
  #isScheduled = false

  constructor(system: System, batch: Batch, sent: Sent) {
    this.#system = system
    this.#batch = batch
    this.#stage = system.region(stageBytes)
    this.#sent = sent
  }

  [Symbol.dispose](): void {
    this.#batch[Symbol.dispose]()
    this.#system.giveBack(this.#stage)
  }

  /** Takes bytes that leave with the others; false when they had better be sent alone. */
  take(socket: SocketTransport, bytes: Uint8Array, { start, end }: Part): boolean {
    // The order of two pieces for one socket is that in which they are sent.
    if (socket.isStaged) this.run()
    if (!isInTurn() || socket.output.length > 0 || socket.isClosed) return false
    if (this.#batch.isFull) this.run()
    const address = this.#system.addressOf(bytes)
    if (address >= 0) this.#add(socket, { bytes, start, end }, address)
    else if (end - start > longestStaged) return false
    else this.#addCopy(socket, bytes.subarray(start, end))
    return true
  }

  #addCopy(socket: SocketTransport, bytes: Uint8Array): void {
    if (this.#used + bytes.length > stageBytes) this.run()
    const start = this.#used
    this.#stage.bytes.set(bytes, start)
    this.#used += bytes.length
    this.#add(socket, { bytes: this.#stage.bytes, start, end: this.#used }, this.#stage.address)
  }

  #add(
    socket: SocketTransport,
    { bytes, start, end }: Part & { readonly bytes: Uint8Array },
    address: number,
  ): void {
    const index = this.#batch.length
    this.#sockets[index] = socket
    this.#arrays[index] = bytes
    this.#starts[index] = start
    this.#ends[index] = end
    this.#batch.add(socket.descriptor, address + start, end - start)
    socket.isStaged = true
    if (this.#isScheduled) return
    this.#isScheduled = true
    sendBehind(this.#run)
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
    const rest = (this.#arrays[index] as Uint8Array).slice(start + Math.max(0, result), end)
    this.#sent(socket, rest, Math.max(0, -result))
  }
}
