import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

const MIB = 1024 * 1024

/** Less than this is no reserve; and so much has to become free on a disk that was full. */
const LEAST_BYTES = 4 * MIB

/** How often a missing reserve is looked after. */
const LOOK_MS = 1_000

/** A disk that has shown plenty of room and no use for it, as under a quota, is tried this often. */
const RETRY_MS = 30_000

export interface ReserveOptions {
  readonly file: string
  /** 0: there is no reserve, and it is never missed. */
  readonly bytes: number
  /** Bytes that the disk has free. */
  readonly available?: () => number
}

/**
 * Room on the disk that is given up when there is no other. Without it a store that has filled its
 * disk could not even store that a message was delivered, because the log of a database has to grow
 * before the database can become emptier.
 */
export class Reserve {
  readonly #file: string
  readonly #bytes: number
  readonly #least: number
  readonly #available: () => number
  #held: number
  /** The least that was free since the reserve was given up. */
  #lowest = 0
  #lookAt = 0
  #retryAt = 0

  /** Takes the room if it is there. */
  constructor({ file, bytes, available = () => availableTo(file) }: ReserveOptions, now: number) {
    this.#file = file
    this.#bytes = bytes
    this.#least = Math.min(bytes, LEAST_BYTES)
    this.#available = available
    const found = statSync(file, { throwIfNoEntry: false })?.size ?? 0
    this.#held = found >= this.#least ? Math.min(found, bytes) : 0
    this.hold(now)
  }

  /** Bytes held: all that it is to have, a part, or nothing. */
  get held(): number {
    return this.#held
  }

  get isWhole(): boolean {
    return this.#held === this.#bytes
  }

  release(now: number): void {
    if (this.#bytes === 0) return
    this.#drop()
    this.#lowest = Number.POSITIVE_INFINITY
    this.#lookAt = 0
    this.#retryAt = now + RETRY_MS
  }

  /** After a release, when its room was used for what had to be written. */
  measure(): void {
    if (this.#held === 0) this.#lowest = Math.min(this.#lowest, this.#available())
  }

  /** Takes what is missing, or a part, where there is more than was given up. */
  hold(now: number): void {
    if (this.isWhole || now < this.#lookAt) return
    this.#lookAt = now + LOOK_MS
    const available = this.#available()
    // Some is left for what the reserve is there to guard.
    const wanted = Math.min(this.#bytes, this.#held + Math.floor((available * 2) / 3))
    if (this.#held > 0) {
      if (wanted >= Math.min(this.#held + MIB, this.#bytes)) this.#extend(wanted)
      return
    }
    this.#lowest = Math.min(this.#lowest, available)
    const isPlenty = now >= this.#retryAt && available >= 2 * this.#bytes
    const hasMore = available >= this.#lowest + (this.#lowest > 0 ? LEAST_BYTES : 0)
    if (wanted >= this.#least && (isPlenty || hasMore)) this.#extend(wanted)
  }

  #extend(to: number): void {
    const before = this.#held
    try {
      append(this.#file, before, to)
      this.#held = to
    } catch {
      // A quota, which the figures above do not show.
      this.#drop()
      this.#lowest = Number.POSITIVE_INFINITY
    }
  }

  #drop(): void {
    rmSync(this.#file, { force: true })
    this.#held = 0
  }
}

function availableTo(file: string): number {
  const { bavail, bsize } = statfsSync(dirname(file))
  return bavail * bsize
}

/** With noise, because a file system may store zeros without room. */
function append(file: string, from: number, to: number): void {
  const descriptor = openSync(file, 'a', 0o600)
  try {
    ftruncateSync(descriptor, from)
    const chunk = randomBytes(MIB)
    for (let left = to - from; left > 0; left -= MIB) {
      writeSync(descriptor, chunk, 0, Math.min(left, MIB))
    }
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
