import { aio, ENOSYS, type System, SystemError } from './system.ts'

/**
 * Reads or writes of many sockets, made with one system call. The crossing from JavaScript to C costs
 * more than the kernel's entry, so that a turn with some sockets is cheaper together than one by one.
 * Sockets that do not block are done when the call returns: nothing is under way between two batches.
 */
export class Batch {
  /** Requests that have been added since `run`. */
  length = 0
  readonly #system: System
  readonly #context: bigint
  readonly #words: Uint32Array
  readonly #pointers: bigint
  /** Where each request has its address and its length, which is a `struct iovec`. */
  readonly #vectors: readonly bigint[]
  /** Of the kernel: where it says what has become of each. */
  readonly #ring: Int32Array
  readonly #ringLength: number
  readonly #results: Int32Array
  readonly #isRead: boolean

  private constructor(system: System, kind: 'read' | 'write') {
    this.#system = system
    this.#isRead = kind === 'read'
    this.#results = new Int32Array(mostInBatch)
    const pointers = system.region(mostInBatch * 8)
    this.#pointers = pointers.pointer
    const requests = system.region(mostInBatch * aio.requestBytes)
    this.#words = new Uint32Array(requests.buffer)
    const addresses = new BigUint64Array(pointers.buffer)
    const vectors: bigint[] = []
    for (let index = 0; index < mostInBatch; index++) {
      const at = index * wordsEach
      this.#words.fill(0, at, at + wordsEach)
      this.#words[at + aio.data] = index
      this.#words[at + aio.operation] = this.#isRead ? aio.read : aio.write
      addresses[index] = requests.pointer + BigInt(index * aio.requestBytes)
      vectors.push(requests.pointer + BigInt((at + aio.address) * 4))
    }
    this.#vectors = vectors
    this.#context = system.setupAio(mostInBatch)
    const head = new Int32Array(system.view(this.#context, aio.ring.bytes))
    this.#ringLength = head[aio.ring.length] as number
    const isKnown = head[aio.ring.magic] === aio.ring.isMagic && head[aio.ring.incompatible] === 0
    if (!isKnown) throw new SystemError('io_setup', ENOSYS) // as its ring is another one
    const size = aio.ring.bytes + this.#ringLength * aio.ring.eventBytes
    this.#ring = new Int32Array(system.view(this.#context, size))
  }

  /** Undefined where the kernel does not have it, or refuses it. */
  static open(system: System, kind: 'read' | 'write'): Batch | undefined {
    try {
      return idle[kind].pop() ?? new Batch(system, kind)
    } catch (error) {
      if (error instanceof SystemError) return undefined
      throw error
    }
  }

  [Symbol.dispose](): void {
    idle[this.#isRead ? 'read' : 'write'].push(this)
  }

  get isFull(): boolean {
    return this.length === mostInBatch
  }

  /** The memory stays as it is until `run` has returned. */
  add(descriptor: number, address: number, length: number): void {
    const at = this.length++ * wordsEach
    const words = this.#words
    words[at + aio.descriptor] = descriptor
    words[at + aio.address] = address
    words[at + aio.address + 1] = address / 0x1_0000_0000
    words[at + aio.count] = length
  }

  /** Makes all of it, and leaves the results. */
  run(): void {
    const count = this.length
    this.length = 0
    const made =
      count < fewest
        ? 0
        : this.#system.submitAio(this.#context, counts[count] as bigint, this.#pointers)
    if (made > 0) this.#collect(made)
    // The kernel stops at one that it does not take.
    for (let index = Math.max(0, made); index < count; index++) this.#makeAlone(index)
  }

  #collect(made: number): void {
    const { head, tail, bytes, eventBytes } = aio.ring
    const ring = this.#ring
    const end = Atomics.load(ring, tail)
    let at = ring[head] as number
    let seen = 0
    for (; at !== end; seen++) {
      const event = (bytes + at * eventBytes) >> 2
      this.#results[ring[event] as number] = ring[event + aio.ring.result] as number
      at = at + 1 === this.#ringLength ? 0 : at + 1
    }
    Atomics.store(ring, head, at)
    if (seen !== made) throw new Error(`${seen} of ${made} requests of a batch have ended`)
  }

  /** By a pointer that is known: the BigInts of an address and a length would be garbage of each call. */
  #makeAlone(index: number): void {
    const { libc } = this.#system
    const descriptor = this.#words[index * wordsEach + aio.descriptor] as number
    const call = this.#isRead ? libc.readv : libc.writev // Node ignores SIGPIPE
    const result = call(descriptor, this.#vectors[index] as bigint, 1)
    this.#results[index] = result < 0 ? -this.#system.errno : result
  }

  /** Bytes, or a negated error. */
  result(index: number): number {
    return this.#results[index] as number
  }
}

/** Requests of one batch. */
export const mostInBatch = 64

/** Used again in the thread: to give one back to the kernel takes it milliseconds. */
const idle: Record<'read' | 'write', Batch[]> = { read: [], write: [] }

/** Fewer are cheaper one by one. */
const fewest = 3

const wordsEach = aio.requestBytes / 4
const counts = Array.from({ length: mostInBatch + 1 }, (_, count) => BigInt(count))
