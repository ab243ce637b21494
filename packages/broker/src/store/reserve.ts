import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const CHUNK = 1024 * 1024

/** How long a failed attempt to take the reserve again is not repeated. */
const RETRY_MS = 30_000

/**
 * Room on the disk that is given up when there is no other. Without it a store that has filled its
 * disk could not even store that a message was delivered, because the log of a database has to grow
 * before the database can become emptier.
 */
export class Reserve {
  readonly #file: string
  readonly #bytes: number
  #isHeld: boolean
  #retryAt = 0

  /** Takes the room if it is there. 0 bytes: there is no reserve, and it is never missed. */
  constructor(file: string, bytes: number, now: number) {
    this.#file = file
    this.#bytes = bytes
    this.#isHeld = (statSync(file, { throwIfNoEntry: false })?.size ?? 0) >= bytes
    this.tryHold(now)
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  release(): void {
    if (this.#bytes === 0) return
    rmSync(this.#file, { force: true })
    this.#isHeld = false
  }

  /** Takes the room again if there is twice as much. */
  tryHold(now: number): boolean {
    if (this.#isHeld || now < this.#retryAt) return this.#isHeld
    this.#retryAt = now + RETRY_MS
    const { bavail, bsize } = statfsSync(dirname(this.#file))
    if (bavail * bsize < 2 * this.#bytes) return false
    try {
      this.#fill()
      this.#isHeld = true
    } catch {
      // A quota, which the figures above do not show.
      this.release()
    }
    return this.#isHeld
  }

  /** With noise, because a file system may store zeros without room. */
  #fill(): void {
    const descriptor = openSync(this.#file, 'w', 0o600)
    try {
      const chunk = randomBytes(CHUNK)
      for (let left = this.#bytes; left > 0; left -= CHUNK) {
        writeSync(descriptor, chunk, 0, Math.min(left, CHUNK))
      }
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }
}
