import { type Batch, mostInBatch } from './batch.ts'
import type { SocketTransport } from './socket-transport.ts'
import type { Region, System } from './system.ts'

/** Enough for what comes alone; whoever sends more is read by itself. */
const slotBytes = 8_192
/** Not a power of two: the beginnings would all meet in the same few places of the cache. */
const slotStride = slotBytes + 192

/** Reads of several sockets with one system call. */
export class Reads implements Disposable {
  // what one of them has read, when `next` has returned true
  socket!: SocketTransport
  /** Bytes, or a negated error. */
  result = 0
  /** Where they are, until the next `run`. */
  start = 0
  readonly bytes: Uint8Array

  readonly #batch: Batch
  readonly #input: Region
  readonly #sockets: (SocketTransport | undefined)[] = new Array(mostInBatch).fill(undefined)
  #next = 0
  #count = 0

  constructor(system: System, batch: Batch) {
    this.#batch = batch
    this.#input = system.region(mostInBatch * slotStride)
    this.bytes = this.#input.bytes
  }

  [Symbol.dispose](): void {
    this.#batch[Symbol.dispose]()
  }

  /** At most `mostInBatch` until `run`, which must not be before `next` has told of all. */
  add(socket: SocketTransport): void {
    const index = this.#batch.length
    this.#sockets[index] = socket
    this.#batch.add(socket.descriptor, this.#input.address + index * slotStride, slotBytes)
  }

  run(): void {
    this.#count = this.#batch.length
    this.#next = 0
    this.#batch.run()
  }

  get hasNext(): boolean {
    return this.#next < this.#count
  }

  /** Makes the next one the current one, in the order of `add`. */
  next(): boolean {
    if (this.#next === this.#count) return false
    const index = this.#next++
    this.socket = this.#sockets[index] as SocketTransport
    this.#sockets[index] = undefined
    this.result = this.#batch.result(index)
    this.start = index * slotStride
    return true
  }
}

/** There may be more where a read has filled its place. */
export function isFullRead(result: number): boolean {
  return result === slotBytes
}
