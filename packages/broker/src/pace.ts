import type { Config } from './config.ts'
import { bucketOf, type TokenBucket } from './token-bucket.ts'

/** Keeps one client to the rates of the limits: says until when it is not to be read from. */
export class Pace {
  #packets: TokenBucket | undefined
  #bytes: TokenBucket | undefined

  /** One packet was read, and `bytes` have come. Returns when the next one may be read. */
  spend({ messageRate, byteRate }: Config['limits'], bytes: number, now: number): number {
    this.#packets = bucketOf(this.#packets, messageRate, now)
    this.#bytes = bucketOf(this.#bytes, byteRate, now)
    this.#packets?.spend(1, now)
    this.#bytes?.spend(bytes, now)
    return Math.max(this.#packets?.paidAt ?? now, this.#bytes?.paidAt ?? now)
  }
}
