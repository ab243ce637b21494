/**
 * A queue of records in memory that two threads share: one writes, the other reads, neither waits for
 * a lock. A record is a kind, the slot of a connection, and bytes.
 */

/** Positions count bytes and wrap around at 2³²; each is alone on its cache line. */
const word = { written: 0, read: 16, sleeps: 32, wantsRoom: 48 } as const
const headBytes = 256

/** Of a record: its kind and length, then its slot. */
const recordHeadBytes = 8

/** Bytes of one record at most: a small part of the ring, so that there is soon room for it. */
export const largestRecord = 32_768

/** How far a reader gets in one go: room for some records of the largest size. */
const stagingBytes = 2 * (largestRecord + recordHeadBytes)

const nothing = new Uint8Array(0)

/** Takes what was read; the bytes from `start` to before `end` stay as they are until the next read. */
export type TakeRecord = (
  kind: number,
  slot: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void

/** Memory for a ring; `capacity` is a power of two, four times the largest record or more. */
export function createRing(capacity = 1_048_576): SharedArrayBuffer {
  if (capacity < 4 * largestRecord || (capacity & (capacity - 1)) !== 0)
    throw new RangeError(`${capacity} is no capacity of a ring`)
  return new SharedArrayBuffer(headBytes + capacity)
}

/** Both ends see the same memory. */
class RingEnd {
  protected readonly words: Int32Array<SharedArrayBuffer>
  protected readonly bytes: Uint8Array<SharedArrayBuffer>
  protected readonly capacity: number

  constructor(memory: SharedArrayBuffer) {
    this.capacity = memory.byteLength - headBytes
    this.words = new Int32Array(memory)
    this.bytes = new Uint8Array(memory, headBytes)
  }
}

export class RingWriter extends RingEnd {
  #written = 0
  /** As far as it was when there seemed to be no room. */
  #read = 0

  /**
   * Adds a record of at most `largestRecord` bytes; false when there is no room for it. The reader
   * sees it at once if it is awake: `wake` is for after the last one of a turn.
   */
  write(
    kind: number,
    slot: number,
    bytes: Uint8Array = nothing,
    start = 0,
    end = bytes.length,
  ): boolean {
    const length = end - start
    if (length > largestRecord) throw new RangeError(`a record of ${length} bytes`)
    const size = sizeOf(length)
    if (!this.#hasRoom(size)) return false
    const at = this.#written & (this.capacity - 1)
    const index = (headBytes + at) >> 2
    this.words[index] = (kind << 24) | length
    this.words[index + 1] = slot
    if (length > 0) {
      const part = length === bytes.length ? bytes : bytes.subarray(start, end)
      this.#copy(part, (at + recordHeadBytes) & (this.capacity - 1))
    }
    this.#written = (this.#written + size) >>> 0
    Atomics.store(this.words, word.written, this.#written | 0)
    return true
  }

  /** Wakes up the reader if it sleeps. */
  wake(): void {
    const { words } = this
    if (Atomics.load(words, word.sleeps) === 0) return
    if (Atomics.compareExchange(words, word.sleeps, 1, 0) === 1) Atomics.notify(words, word.sleeps)
  }

  /** Keeps the thread until half of the ring is free. */
  blockUntilRoom(): void {
    while (!this.#asksForRoom()) Atomics.wait(this.words, word.wantsRoom, 1)
  }

  /** The same without keeping the thread; undefined: there is room already. */
  untilRoom(): Promise<unknown> | undefined {
    if (this.#asksForRoom()) return undefined
    const { async, value } = Atomics.waitAsync(this.words, word.wantsRoom, 1)
    return async ? value : undefined
  }

  /** Whether half of the ring is free; else the reader will tell when it is. */
  #asksForRoom(): boolean {
    Atomics.store(this.words, word.wantsRoom, 1)
    // Behind that, as the reader looks there after it has made room.
    if (!this.#hasRoom(this.capacity / 2)) return false
    Atomics.store(this.words, word.wantsRoom, 0)
    return true
  }

  #hasRoom(size: number): boolean {
    if (this.#free() >= size) return true
    this.#read = Atomics.load(this.words, word.read)
    return this.#free() >= size
  }

  #free(): number {
    return this.capacity - ((this.#written - this.#read) >>> 0)
  }

  #copy(bytes: Uint8Array, at: number): void {
    const untilEnd = this.capacity - at
    if (bytes.length <= untilEnd) return this.bytes.set(bytes, at)
    this.bytes.set(bytes.subarray(0, untilEnd), at)
    this.bytes.set(bytes.subarray(untilEnd), 0)
  }
}

export class RingReader extends RingEnd {
  #read = 0
  readonly #staging: Uint8Array<ArrayBuffer>
  readonly #heads: Uint32Array

  /** `allocate` gets the memory that records are copied to. */
  constructor(memory: SharedArrayBuffer, allocate = (length: number) => new Uint8Array(length)) {
    super(memory)
    this.#staging = allocate(stagingBytes)
    this.#heads = new Uint32Array(this.#staging.buffer)
  }

  /**
   * Hands over some of the records; false when there was none. They are copied out first: shared
   * memory is not what decoders and system calls take.
   */
  read(take: TakeRecord): boolean {
    const available = (Atomics.load(this.words, word.written) - this.#read) >>> 0
    if (available === 0) return false
    const length = Math.min(available, stagingBytes)
    this.#copyOut(length)
    const staging = this.#staging
    const heads = this.#heads
    let at = 0
    try {
      while (at + recordHeadBytes <= length) {
        const head = heads[at >> 2] as number
        const recordLength = head & 0xff_ffff
        const end = at + sizeOf(recordLength)
        if (end > length) break // the rest of it is behind the staging
        const slot = heads[(at >> 2) + 1] as number
        const start = at + recordHeadBytes
        // Before it is handed over: what a fault has to do with is not handed over again.
        at = end
        take(head >>> 24, slot, staging, start, start + recordLength)
      }
    } finally {
      this.#advance(at)
    }
    return true
  }

  /** Resolves when there is something to read; undefined: there is. */
  sleep(): Promise<unknown> | undefined {
    const { words } = this
    Atomics.store(words, word.sleeps, 1)
    // Behind that, as the writer looks there after it has written.
    if (Atomics.load(words, word.written) !== (this.#read | 0)) {
      Atomics.store(words, word.sleeps, 0)
      return undefined
    }
    const { async, value } = Atomics.waitAsync(words, word.sleeps, 1)
    return async ? value : undefined
  }

  #copyOut(length: number): void {
    const start = this.#read & (this.capacity - 1)
    const end = start + length
    const staging = this.#staging
    if (end <= this.capacity) return staging.set(this.bytes.subarray(start, end))
    staging.set(this.bytes.subarray(start))
    staging.set(this.bytes.subarray(0, end - this.capacity), this.capacity - start)
  }

  #advance(length: number): void {
    const { words } = this
    this.#read = (this.#read + length) >>> 0
    Atomics.store(words, word.read, this.#read | 0)
    if (Atomics.load(words, word.wantsRoom) === 0) return
    const used = (Atomics.load(words, word.written) - this.#read) >>> 0
    if (used > this.capacity / 2) return // not worth waking somebody up yet
    Atomics.store(words, word.wantsRoom, 0)
    Atomics.notify(words, word.wantsRoom)
  }
}

/** Records begin at multiples of their head, so that a head never wraps around. */
function sizeOf(length: number): number {
  return recordHeadBytes + ((length + 7) & ~7)
}
