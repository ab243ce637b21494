import { pause } from '../deadline.ts'
import { RawClient } from '../raw-client.ts'

const everyMs = 10

/** A publisher and a subscriber that measure how long a message takes from one to the other. */
export class LatencyPair implements AsyncDisposable {
  readonly #publisher: RawClient
  readonly #subscriber: RawClient
  #timer: NodeJS.Timeout | undefined
  #dueAt: number[] = []
  #took: number[] = []
  /** The next to be received. */
  #next = 0

  private constructor(publisher: RawClient, subscriber: RawClient) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    subscriber.onPacket = ({ type }) => {
      if (type !== 'publish') return
      this.#took.push(performance.now() - (this.#dueAt[this.#next++] ?? 0))
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

  /** In milliseconds, since it was asked last. */
  take(): { p50: number; p99: number; count: number } {
    const took = this.#took.sort((a, b) => a - b)
    this.#took = []
    const at = (part: number) => took[Math.floor(took.length * part)] ?? 0
    return { p50: at(0.5), p99: at(0.99), count: took.length }
  }

  /** How many have been published and not received, after a while without new ones. */
  async stop(): Promise<number> {
    clearTimeout(this.#timer)
    for (let waits = 0; waits < 1_000 && this.#next < this.#dueAt.length; waits++) await pause(10)
    return this.#dueAt.length - this.#next
  }

  /** Latency counts from when a message was due, so that a stall is felt by all that it delays. */
  #publish(from: number): void {
    let dueAt = from
    for (; dueAt <= performance.now(); dueAt += everyMs) {
      this.#dueAt.push(dueAt)
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
