import { createHash } from 'node:crypto'

export interface FlappingLimits {
  /** Takeovers of one Client Identifier within the time that are borne; 0 sets no limit. */
  readonly takeovers: number
  readonly withinSeconds: number
  readonly backOffSeconds: number
}

interface Takeovers {
  count: number
  isBlocked: boolean
  /** When counting, or the back-off, is over. */
  endsAt: number
}

/** Client Identifiers that are remembered; the oldest go first. */
const remembered = 10_000

/**
 * Two clients with one Client Identifier take it from each other without end. From some takeovers on
 * whoever is connected stays, and the others wait. Only takeovers by the Session's own user count, so
 * that no stranger can keep a client out.
 */
export class Flapping {
  readonly #limits: () => FlappingLimits
  readonly #takeovers = new Map<string, Takeovers>()

  constructor(limits: () => FlappingLimits) {
    this.#limits = limits
  }

  /** Counts a takeover that is about to be; says whether it may, and whether it is the first no. */
  takeover(clientIdentifier: string, now: number): 'allowed' | 'blocked' | 'begins' {
    const { takeovers, backOffSeconds } = this.#limits()
    if (takeovers === 0) return 'allowed'
    const known = this.#recent(clientIdentifier, now)
    if (known.isBlocked) return 'blocked'
    known.count++
    if (known.count <= takeovers) return 'allowed'
    known.endsAt = now + backOffSeconds * 1_000
    known.isBlocked = true
    return 'begins'
  }

  /** What is remembered of Client Identifiers, in characters. */
  get characters(): number {
    return [...this.#takeovers.keys()].reduce((count, key) => count + key.length, 0)
  }

  #recent(clientIdentifier: string, now: number): Takeovers {
    const key = keyOf(clientIdentifier)
    const known = this.#takeovers.get(key)
    if (known !== undefined && known.endsAt > now) return known
    const endsAt = now + this.#limits().withinSeconds * 1_000
    const fresh = { count: 0, isBlocked: false, endsAt }
    this.#takeovers.delete(key)
    this.#takeovers.set(key, fresh)
    const [oldest] = this.#takeovers.keys()
    if (this.#takeovers.size > remembered && oldest !== undefined) this.#takeovers.delete(oldest)
    return fresh
  }
}

/** A long one is remembered by its hash: ten thousand of 64 KiB would be much memory. */
function keyOf(clientIdentifier: string): string {
  if (clientIdentifier.length <= 64) return clientIdentifier
  return `hash ${createHash('sha256').update(clientIdentifier).digest('base64')}`
}
