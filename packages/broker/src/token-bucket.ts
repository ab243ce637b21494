/** Allows `perSecond` of something on average, and as much at once as comes in one second. */
export class TokenBucket {
  readonly perSecond: number
  #tokens: number
  #at: number

  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond
    this.#tokens = perSecond
    this.#at = now
  }

  /** Takes `count` if all of it is there. */
  take(count: number, now: number): boolean {
    this.#fill(now)
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }

  /** Takes `count` in any case; what is missing has to be waited for. */
  spend(count: number, now: number): void {
    this.#fill(now)
    this.#tokens -= count
  }

  /** When nothing is owed any more. */
  get paidAt(): number {
    return this.#tokens >= 0 ? this.#at : this.#at - (this.#tokens / this.perSecond) * 1_000
  }

  /** As if nothing had ever been taken. */
  isFull(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= this.perSecond
  }

  #fill(now: number): void {
    const gained = ((now - this.#at) / 1_000) * this.perSecond
    this.#tokens = Math.min(this.perSecond, this.#tokens + gained)
    this.#at = now
  }
}

/** Made anew when the limit has changed; 0 sets none. */
export function bucketOf(
  known: TokenBucket | undefined,
  perSecond: number,
  now: number,
): TokenBucket | undefined {
  if (perSecond === 0) return undefined
  return known?.perSecond === perSecond ? known : new TokenBucket(perSecond, now)
}
