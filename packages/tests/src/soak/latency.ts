import { pause } from '../deadline.ts'
import { RawClient } from '../raw-client.ts'

const everyMs = 10

/** In milliseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly most: number
  /** How late the timers of the measuring process itself were, at the 99th percentile. */
  readonly ownP99: number
  readonly count: number
}

/** A publisher and a subscriber that measure how long a message takes from one to the other. */
export class LatencyPair implements AsyncDisposable {
  readonly #publisher: RawClient
  readonly #subscriber: RawClient
  #timer: NodeJS.Timeout | undefined
  #sentAt: number[] = []
  #took: number[] = []
  #late: number[] = []
  /** The next to be received. */
  #next = 0

  private constructor(publisher: RawClient, subscriber: RawClient) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    subscriber.onPacket = ({ type }) => {
      if (type !== 'publish') return
      this.#took.push(performance.now() - (this.#sentAt[this.#next++] ?? 0))
    }
    this.#publish(performance.now())
  }

  static async join(url: string): Promise<LatencyPair> {
    const publisher = await RawClient.open(url)
    await publisher.connect({ clientIdentifier: 'pair publisher' })
    const subscriber = await RawClient.open(url)
    await subscriber.connect({ clientIdentifier: 'pair subscriber' })
    await subscriber.subscribe('pair')
    return new LatencyPair(publisher, subscriber)
  }

  /** Since it was asked last. */
  take(): Latency {
    const took = this.#took.sort((a, b) => a - b)
    const late = this.#late.sort((a, b) => a - b)
    this.#took = []
    this.#late = []
    return {
      p50: quantile(took, 0.5),
      p99: quantile(took, 0.99),
      most: took.at(-1) ?? 0,
      ownP99: quantile(late, 0.99),
      count: took.length,
    }
  }

  /** How many have been published and not received, after a while without new ones. */
  async stop(): Promise<number> {
    clearTimeout(this.#timer)
    for (let waits = 0; waits < 1_000 && this.#next < this.#sentAt.length; waits++) await pause(10)
    return this.#sentAt.length - this.#next
  }

  /**
   * The publisher waits for nothing, so that a stall is felt by every message that is due in it; what
   * the machine kept this process waiting is counted apart.
   */
  #publish(from: number): void {
    const now = performance.now()
    this.#late.push(now - from)
    let dueAt = from
    for (; dueAt <= now; dueAt += everyMs) {
      this.#sentAt.push(performance.now())
      this.#publisher.publish('pair', 'x')
    }
    this.#timer = setTimeout(() => this.#publish(dueAt), Math.max(0, dueAt - performance.now()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    await this.#publisher[Symbol.asyncDispose]()
    await this.#subscriber[Symbol.asyncDispose]()
  }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? 0
}
