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
  /**
   * The same times in those of the broker's main thread on a processor, where they are known: what is
   * left when everything else that runs on the machine is left out.
   */
  readonly worked?: { readonly p50: number; readonly p99: number; readonly most: number }
  readonly count: number
}

/** Milliseconds that a thread has had a processor for. */
type Worked = () => number

/** A publisher and a subscriber that measure how long a message takes from one to the other. */
export class LatencyPair implements AsyncDisposable {
  readonly #publisher: RawClient
  readonly #subscriber: RawClient
  #timer: NodeJS.Timeout | undefined
  #sentAt: number[] = []
  #workedAt: number[] = []
  #worked: number[] = []
  readonly #workOf: Worked | undefined
  #took: number[] = []
  #late: number[] = []
  /** The next to be received. */
  #next = 0

  private constructor(publisher: RawClient, subscriber: RawClient, workOf?: Worked) {
    this.#workOf = workOf
    this.#publisher = publisher
    this.#subscriber = subscriber
    subscriber.onPacket = ({ type }) => {
      if (type !== 'publish') return
      this.#took.push(performance.now() - (this.#sentAt[this.#next] ?? 0))
      if (workOf !== undefined) this.#worked.push(workOf() - (this.#workedAt[this.#next] ?? 0))
      this.#next++
    }
    this.#publish(performance.now())
  }

  static async join(
    url: string,
    credentials: Credentials = {},
    workOf?: Worked,
  ): Promise<LatencyPair> {
    const publisher = await RawClient.open(url)
    await publisher.connect({ clientIdentifier: 'pair publisher', ...credentials })
    const subscriber = await RawClient.open(url)
    await subscriber.connect({ clientIdentifier: 'pair subscriber', ...credentials })
    await subscriber.subscribe('pair')
    return new LatencyPair(publisher, subscriber, workOf)
  }

  /** Since it was asked last. */
  take(): Latency {
    const took = this.#took.sort((a, b) => a - b)
    const late = this.#late.sort((a, b) => a - b)
    const worked = this.#worked.sort((a, b) => a - b)
    this.#took = []
    this.#late = []
    this.#worked = []
    return {
      ...(worked.length > 0 && { worked: spread(worked) }),
      ...spread(took),
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
      if (this.#workOf !== undefined) this.#workedAt.push(this.#workOf())
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

export function toldLatency(latency: Latency): string {
  const { ownP99, worked, count } = latency
  const ofBroker = worked && `; the broker worked ${toldSpread(worked)} of that`
  const own = `the pair itself was ${ownP99.toFixed(1)} ms late at p99`
  return `${toldSpread(latency)}, of ${count}${ofBroker ?? ''}; ${own}`
}

type Spread = Pick<Latency, 'p50' | 'p99' | 'most'>

function toldSpread({ p50, p99, most }: Spread): string {
  return `${p50.toFixed(1)} ms at p50, ${p99.toFixed(1)} at p99, ${most.toFixed(1)} at most`
}

function spread(sorted: readonly number[]): Spread {
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), most: sorted.at(-1) ?? 0 }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? 0
}
