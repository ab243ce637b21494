import {
  EAGAIN,
  EBUSY,
  EINTR,
  EPOLLOUT,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_WAITALL,
  type Region,
  type System,
  SystemError,
  uring,
} from './system.ts'

export interface RingOptions {
  /** Room for entries, and for completions; powers of two. */
  readonly entries: number
  readonly completions: number
  /** What is received lands in these, one after the other; a power of two of them. */
  readonly buffers: number
  readonly bufferBytes: number
}

/** What a completion is about. */
export const Kind = { receive: 1, send: 2, writable: 3, other: 4 } as const

const { operation, sqe, cqe, recv, parameters: word } = uring
const generationMask = 0xffffff
/** With this, a send is over when it has been submitted: it takes what fits and says how much. */
const sendFlags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL
const mostTries = 10_000

/**
 * An io_uring: requests in, completions out, and buffers for what is received. A request is for a
 * slot and its generation; both come back with the completion.
 */
export class Ring {
  readonly descriptor: number
  /** Requests that the kernel has not been told of. */
  queued = 0

  // the completion that `next` has found
  kind = 0
  slot = 0
  generation = 0
  result = 0
  /** No other completion of the same request will come. */
  isLast = true
  /** Where in `received` the bytes are, until `settle` is called. */
  start = 0

  readonly #system: System
  readonly #rings: Int32Array
  readonly #sqes: Int32Array
  readonly #at: { sqTail: number; sqFlags: number; cqHead: number; cqTail: number; cqes: number }
  readonly #entries: number
  readonly #cqMask: number
  readonly #pool: Region
  readonly #bufferCount: number
  readonly #bufferBytes: number
  readonly #bufferWords: Uint32Array
  readonly #bufferHalves: Uint16Array
  /** How far each buffer is filled: the kernel does not tell where it has put something. */
  readonly #filled: Float64Array
  #bufferTail = 0
  /** Buffers that `settle` gives back, as nothing is needed any more of what is in them. */
  readonly #usedUp: number[] = []
  #sqTail: number
  #cqHead: number
  /** Completions taken out of a ring that had no room for more: four words each. */
  #aside: number[] = []
  #asideAt = 0

  constructor(system: System, options: RingOptions) {
    this.#system = system
    const parameters = new Uint32Array(word.bytes / 4)
    const { cqSize, submitAll, coopTaskrun, singleIssuer } = uring.setup
    parameters[word.cqEntries] = options.completions
    parameters[word.flags] = cqSize | submitAll | coopTaskrun | singleIssuer | uring.noSqArray
    this.descriptor = system.setupRing(options.entries, new Uint8Array(parameters.buffer))
    const given = (index: number) => parameters[index] as number
    const index = (at: number) => given(at) >> 2
    this.#entries = given(word.sqEntries)
    this.#cqMask = given(word.cqEntries) - 1
    const size = given(word.cqes) + uring.cqeBytes * given(word.cqEntries)
    this.#rings = new Int32Array(system.map(size, this.descriptor, 0).buffer)
    const sqeBytes = uring.sqeBytes * this.#entries
    this.#sqes = new Int32Array(system.map(sqeBytes, this.descriptor, uring.sqesOffset).buffer)
    this.#at = {
      sqTail: index(word.sqTail),
      sqFlags: index(word.sqFlags),
      cqHead: index(word.cqHead),
      cqTail: index(word.cqTail),
      cqes: index(word.cqes),
    }
    this.#sqTail = this.#rings[this.#at.sqTail] as number
    this.#cqHead = this.#rings[this.#at.cqHead] as number

    this.#bufferCount = options.buffers
    this.#bufferBytes = options.bufferBytes
    this.#pool = system.region(options.buffers * options.bufferBytes)
    this.#filled = new Float64Array(options.buffers)
    const ring = system.region(Math.max(4_096, options.buffers * uring.bufferBytes))
    this.#bufferWords = new Uint32Array(ring.buffer)
    this.#bufferHalves = new Uint16Array(ring.buffer)
    this.#registerBuffers(ring)
  }

  #registerBuffers(ring: Region): void {
    const { bytes, incremental } = uring.bufferRegistration
    const registration = new DataView(new ArrayBuffer(bytes))
    this.#bufferHalves.fill(0)
    registration.setBigUint64(0, ring.pointer, true)
    registration.setUint32(8, this.#bufferCount, true)
    registration.setUint16(14, incremental, true)
    const argument = new Uint8Array(registration.buffer)
    this.#system.registerAtRing(this.descriptor, uring.registerBuffers, argument)
    for (let id = 0; id < this.#bufferCount; id++) this.#giveBack(id)
  }

  /** What has been received, all over the place. */
  get received(): Uint8Array {
    return this.#pool.bytes
  }

  #giveBack(id: number): void {
    const slot = this.#bufferTail & (this.#bufferCount - 1)
    const address = this.#pool.address + id * this.#bufferBytes
    this.#bufferWords[slot * 4] = address
    this.#bufferWords[slot * 4 + 1] = address / 0x1_0000_0000
    this.#bufferWords[slot * 4 + 2] = this.#bufferBytes
    this.#bufferHalves[slot * 8 + 6] = id
    this.#filled[id] = 0
    this.#bufferTail = (this.#bufferTail + 1) & 0xffff
    Atomics.store(this.#bufferHalves, 7, this.#bufferTail)
  }

  /** Gives the kernel back what is in use, and says how far completions were taken. */
  settle(): void {
    for (const id of this.#usedUp) this.#giveBack(id)
    this.#usedUp.length = 0
    Atomics.store(this.#rings, this.#at.cqHead, this.#cqHead)
  }

  /** Makes the next completion the current one; those of sends were told when they were submitted. */
  next(): boolean {
    while (this.#asideAt < this.#aside.length) {
      const at = this.#asideAt
      this.#asideAt += 4
      if (this.#read(this.#aside, at)) return true
    }
    this.#aside.length = 0
    this.#asideAt = 0
    const tail = Atomics.load(this.#rings, this.#at.cqTail)
    while (this.#cqHead !== tail) {
      const at = this.#at.cqes + ((this.#cqHead & this.#cqMask) << 2)
      this.#cqHead = (this.#cqHead + 1) | 0
      if (this.#read(this.#rings, at)) return true
    }
    return false
  }

  /** There are completions that the descriptor does not tell of. */
  get hasAside(): boolean {
    return this.#asideAt < this.#aside.length
  }

  /** `next` would find one, or that of a send. */
  get hasCompletions(): boolean {
    return this.hasAside || this.#cqHead !== Atomics.load(this.#rings, this.#at.cqTail)
  }

  #read(from: ArrayLike<number>, at: number): boolean {
    const tag = from[at + 1] as number
    this.kind = tag >>> 24
    if (this.kind === Kind.send) return false
    this.slot = from[at] as number
    this.generation = tag & generationMask
    this.result = from[at + 2] as number
    const flags = from[at + 3] as number
    this.isLast = (flags & cqe.more) === 0
    // Whoever it is for, and whatever it says: a buffer has to be accounted for.
    if ((flags & cqe.buffer) !== 0) this.#place(flags)
    return true
  }

  #place(flags: number): void {
    const id = flags >>> cqe.bufferShift
    const filled = this.#filled[id] as number
    this.start = id * this.#bufferBytes + filled
    this.#filled[id] = filled + Math.max(0, this.result)
    if ((flags & cqe.bufferMore) === 0) this.#usedUp.push(id)
  }

  /** Receives until it says that this was the last. */
  receive(slot: number, generation: number, descriptor: number): void {
    const at = this.#entry(Kind.receive, slot, generation)
    const how = recv.pollFirst | recv.multishot
    this.#sqes[at] = operation.recv | (sqe.bufferSelect << 8) | (how << 16)
    this.#sqes[at + 1] = descriptor
  }

  /** Ends a request; its last completion comes all the same. */
  cancel(kind: number, slot: number, generation: number): void {
    const at = this.#entry(Kind.other, slot, generation)
    this.#sqes[at] = operation.asyncCancel | (sqe.skipSuccess << 8)
    this.#sqes[at + 1] = -1
    this.#sqes[at + 4] = slot
    this.#sqes[at + 5] = (kind << 24) | generation
  }

  /** Tells once when there is room to send again. */
  awaitWritable(slot: number, generation: number, descriptor: number): void {
    const at = this.#entry(Kind.writable, slot, generation)
    this.#sqes[at] = operation.pollAdd
    this.#sqes[at + 1] = descriptor
    this.#sqes[at + 7] = EPOLLOUT
  }

  close(slot: number, generation: number, descriptor: number): void {
    const at = this.#entry(Kind.other, slot, generation)
    this.#sqes[at] = operation.close | (sqe.skipSuccess << 8)
    this.#sqes[at + 1] = descriptor
  }

  /** At most one for a slot between two submissions, and none while there is no room. */
  send(
    slot: number,
    generation: number,
    bytes: { descriptor: number; address: number; length: number },
  ): void {
    const at = this.#entry(Kind.send, slot, generation)
    this.#sqes[at] = operation.send | (sqe.skipSuccess << 8)
    this.#sqes[at + 1] = bytes.descriptor
    this.#sqes[at + 4] = bytes.address
    this.#sqes[at + 5] = bytes.address / 0x1_0000_0000
    this.#sqes[at + 6] = bytes.length
    this.#sqes[at + 7] = sendFlags
  }

  get isFull(): boolean {
    return this.queued >= this.#entries
  }

  /** An empty entry, at which index its words begin. */
  #entry(kind: number, slot: number, generation: number): number {
    // Sends ask before, as they have to hear what becomes of them.
    if (this.isFull) this.submit(ignore)
    const at = (this.#sqTail & (this.#entries - 1)) << 4
    this.#sqes.fill(0, at, at + 16)
    this.#sqes[at + 8] = slot
    this.#sqes[at + 9] = (kind << 24) | generation
    this.#sqTail = (this.#sqTail + 1) | 0
    this.queued++
    return at
  }

  /**
   * Hands all requests to the kernel. Sends are over then: `short` is told of each that did not take
   * everything, with the number of bytes it took, or the negated error.
   */
  submit(short: (slot: number, generation: number, result: number) => void): void {
    for (let tries = 0; this.queued > 0; tries++) {
      const before = Atomics.load(this.#rings, this.#at.cqTail)
      Atomics.store(this.#rings, this.#at.sqTail, this.#sqTail)
      const taken = this.#system.enterRing(this.descriptor, this.queued, 0)
      const { errno } = this.#system
      if (taken >= 0) this.queued -= taken
      else if ((errno !== EINTR && errno !== EAGAIN && errno !== EBUSY) || tries > mostTries)
        throw new SystemError('io_uring_enter', errno)
      this.#tellShort(before, short)
      while (this.#hasOverflow) this.#putAside(short)
    }
  }

  get #hasOverflow(): boolean {
    const flags = Atomics.load(this.#rings, this.#at.sqFlags)
    return (flags & uring.sqFlags.cqOverflow) !== 0
  }

  /** Makes room for completions that the kernel had to keep: a short send may be among them. */
  #putAside(short: (slot: number, generation: number, result: number) => void): void {
    const tail = Atomics.load(this.#rings, this.#at.cqTail)
    for (; this.#cqHead !== tail; this.#cqHead = (this.#cqHead + 1) | 0) {
      const at = this.#at.cqes + ((this.#cqHead & this.#cqMask) << 2)
      for (let index = at; index < at + 4; index++) this.#aside.push(this.#rings[index] as number)
    }
    Atomics.store(this.#rings, this.#at.cqHead, this.#cqHead)
    this.#system.enterRing(this.descriptor, 0, uring.enterGetEvents)
    this.#tellShort(tail, short)
  }

  #tellShort(
    from: number,
    short: (slot: number, generation: number, result: number) => void,
  ): void {
    const tail = Atomics.load(this.#rings, this.#at.cqTail)
    for (let position = from; position !== tail; position = (position + 1) | 0) {
      const at = this.#at.cqes + ((position & this.#cqMask) << 2)
      const tag = this.#rings[at + 1] as number
      if (tag >>> 24 !== Kind.send) continue
      short(this.#rings[at] as number, tag & generationMask, this.#rings[at + 2] as number)
    }
  }
}

function ignore(): void {}
