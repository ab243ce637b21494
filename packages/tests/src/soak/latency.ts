import type { Connect } from '@busbar/protocol'
import { pause } from '../deadline.ts'
import { RawClient } from '../raw-client.ts'

const everyMs = 10

type Credentials = Partial<Pick<Connect, 'username' | 'password'>>

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

  static async join(url: string, credentials: Credentials = {}): Promise<LatencyPair> {
    const publisher = await RawClient.open(url)
    await publisher.connect({ clientIdentifier: 'pair publisher', ...credentials })
    const subscriber = await RawClient.open(url)
    await subscriber.connect({ clientIdentifier: 'pair subscriber', ...credentials })
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

export function toldLatency({ p50, p99, most, ownP99, count }: Latency): string {
  const times = [p50, p99, most].map((ms) => ms.toFixed(1))
  return (
    `${times[0]} ms at p50, ${times[1]} at p99, ${times[2]} at most, of ${count}; ` +
    `the pair itself was ${ownP99.toFixed(1)} ms late at p99`
  )
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? 0
}
