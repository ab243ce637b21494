import { createHash } from 'node:crypto'
import { ReasonCode } from '@busbar/protocol'
import { peerNetwork } from '../ip-address.ts'
import type { Log } from '../log.ts'
import type { Refused } from './authenticator.ts'

export interface AttemptLimits {
  /** Wrong passwords for one user from one address that cost nothing but themselves. */
  readonly free: number
  /** Seconds that the next one costs; twice as many for each one after it. */
  readonly delaySeconds: number
  readonly maximumDelaySeconds: number
  /** So many lock the user out from there, for this long. They are forgotten after as long. */
  readonly lockAfter: number
  readonly lockSeconds: number
  /** So many for whatever users from one address delay all of them; 0 sets no limit. */
  readonly perAddress: number
  /** Addresses, and users at an address, that are remembered; the oldest go first. */
  readonly remembered: number
}

/** Where time comes from, and where is told that somebody guesses. */
export interface GuardRim {
  readonly now: () => number
  readonly log: Log
}

interface Failures {
  count: number
  blockedUntil: number
  forgottenAt: number
}

const blocked: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.ConnectionRateExceeded,
  reason: 'too many wrong passwords, try again later',
}

/**
 * Slows down and locks out who guesses passwords: by user and address, so that a stranger elsewhere
 * cannot lock a user out, and by address, so that trying one password with many users is slow too.
 */
export class AttemptGuard {
  readonly #limits: AttemptLimits
  readonly #rim: GuardRim
  readonly #failures = new Map<string, Failures>()

  constructor(limits: AttemptLimits, rim: GuardRim) {
    this.#limits = limits
    this.#rim = rim
  }

  /** The refusal of whoever has to wait, the right password or not; known user or not. */
  refusal(address: string, name: string): Refused | undefined {
    const now = this.#rim.now()
    const isBlocked = [keyOf(address, name), keyOf(address)].some(
      (key) => (this.#failures.get(key)?.blockedUntil ?? 0) > now,
    )
    return isBlocked ? blocked : undefined
  }

  failed(address: string, name: string): void {
    const { free, delaySeconds, maximumDelaySeconds, lockAfter, lockSeconds, perAddress } =
      this.#limits
    const ofUser = this.#count(keyOf(address, name))
    const ofAddress = this.#count(keyOf(address))
    if (ofUser.count >= lockAfter) {
      this.#block(ofUser, lockSeconds, { address, user: name })
    } else if (ofUser.count > free) {
      const seconds = delaySeconds * 2 ** (ofUser.count - free - 1)
      this.#block(ofUser, Math.min(seconds, maximumDelaySeconds), { address, user: name })
    }
    if (perAddress > 0 && ofAddress.count >= perAddress) {
      this.#block(ofAddress, maximumDelaySeconds, { address })
    }
  }

  /** The right password came: what was wrong before is forgiven to the user, not to the address. */
  succeeded(address: string, name: string): void {
    this.#failures.delete(keyOf(address, name))
  }

  #count(key: string): Failures {
    const now = this.#rim.now()
    const known = this.#failures.get(key)
    const isRecent = known !== undefined && known.forgottenAt > now
    const failures = isRecent ? known : { count: 0, blockedUntil: 0, forgottenAt: 0 }
    failures.count++
    failures.forgottenAt = now + this.#limits.lockSeconds * 1_000
    this.#failures.delete(key)
    this.#failures.set(key, failures)
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= this.#limits.remembered) break
      this.#failures.delete(oldest)
    }
    return failures
  }

  #block(failures: Failures, seconds: number, about: { address: string; user?: string }): void {
    const now = this.#rim.now()
    // Once for each delay: attempts that ran side by side fail within it.
    if (failures.blockedUntil <= now) {
      const { count } = failures
      this.#rim.log.warn('wrong passwords, attempts are refused', { ...about, count, seconds })
    }
    failures.blockedUntil = Math.max(failures.blockedUntil, now + seconds * 1_000)
  }
}

/** Of a bounded length, whatever a stranger calls himself. */
function keyOf(address: string, name?: string): string {
  // Peers without an address, over a Unix socket or in memory, are one.
  const host = peerNetwork(address) ?? 'local'
  if (name === undefined) return host
  return `${host} ${createHash('sha256').update(name).digest('base64')}`
}
