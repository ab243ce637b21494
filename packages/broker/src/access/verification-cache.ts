import { createHmac } from 'node:crypto'

interface Held<User> {
  readonly user: User
  holders: number
}

interface Left<User> {
  readonly user: User
  readonly endsAt: number
}

/** How many that nobody holds are kept at most; the oldest go first. */
const maximumLeft = 100_000

/**
 * Passwords that were right, so that ten thousand clients that come back at once need not be verified
 * again: kept while a client that came with one is connected, and a short time after. What is kept is
 * an HMAC whose key is in this process only. A password that was wrong is never kept.
 */
export class VerificationCache<User> {
  readonly #key: Uint8Array
  readonly #keptMs: number
  readonly #now: () => number
  readonly #held = new Map<string, Held<User>>()
  /** In the order in which they end. */
  readonly #left = new Map<string, Left<User>>()

  constructor(key: Uint8Array, keptMs: number, now: () => number) {
    this.#key = key
    this.#keptMs = keptMs
    this.#now = now
  }

  digest(name: string, password: Uint8Array): string {
    return createHmac('sha256', this.#key).update(`${name}\0`).update(password).digest('base64')
  }

  /** Whether this was right for the user as the user is now: a changed one is another object. */
  has(digest: string, user: User): boolean {
    this.#forgetOld()
    return (this.#held.get(digest) ?? this.#left.get(digest))?.user === user
  }

  /** A client came with it and was let in. Returns what to call when the client has left. */
  hold(digest: string, user: User): () => void {
    if (this.#keptMs === 0) return () => {}
    const known = this.#held.get(digest)
    const held = known?.user === user ? known : { user, holders: 0 }
    held.holders++
    this.#held.set(digest, held)
    this.#left.delete(digest)
    return () => this.#release(digest, held)
  }

  #release(digest: string, held: Held<User>): void {
    if (--held.holders > 0 || this.#held.get(digest) !== held) return
    this.#held.delete(digest)
    this.#left.set(digest, { user: held.user, endsAt: this.#now() + this.#keptMs })
    this.#forgetOld()
  }

  #forgetOld(): void {
    const now = this.#now()
    for (const [digest, { endsAt }] of this.#left) {
      if (endsAt > now && this.#left.size <= maximumLeft) return
      this.#left.delete(digest)
    }
  }

  /** Forgets whatever is not about these users. */
  keepOnly(isCurrent: (user: User) => boolean): void {
    for (const map of [this.#held, this.#left]) {
      for (const [digest, { user }] of map) if (!isCurrent(user)) map.delete(digest)
    }
  }
}
