import type { QoS, SubscriptionOptions, UserProperty } from '@busbar/protocol'
import { parts } from '#platform'
import { aborted, onAbort } from './abort.ts'
import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { ClientError, SubscribeResult } from './errors.ts'
import type { Message } from './message.ts'

/** How a subscription receives. */
export interface SubscribeOptions {
  /** The highest QoS to receive; default 1. */
  readonly qos?: QoS
  /** Not what this client publishes itself (5.0). */
  readonly noLocal?: boolean
  /** Messages keep their RETAIN flag (5.0). */
  readonly retainAsPublished?: boolean
  /** Retained messages: always, only for a new subscription, never (5.0). */
  readonly retainHandling?: SubscriptionOptions['retainHandling']
  /** Names and values that go with SUBSCRIBE (5.0). */
  readonly userProperties?: readonly UserProperty[]
  /**
   * auto: a message of QoS 1 or 2 is acknowledged when the next one is asked for, so that a crash
   * brings it back. manual: when `ack()` or `reject()` is called, in any order. Default auto.
   */
  readonly ack?: 'auto' | 'manual'
  /** Messages of QoS 0 that may wait; default 1,024. Others are bounded by Receive Maximum. */
  readonly bufferSize?: number
  /** When that is full: drop the oldest message of QoS 0, or stop reading. Default drop-oldest. */
  readonly whenFull?: 'drop-oldest' | 'pause'
  /** Takes the call back while the server has not answered. */
  readonly signal?: AbortSignal
}

/** What a Subscription asks of the client. */
export interface SubscriptionOwner {
  readonly clock: Clock
  nextIdentifier(): number
  /** It has no room, or has room again. */
  isFull(subscription: Subscription, isFull: boolean): void
  /** It ends: UNSUBSCRIBE. */
  leave(subscription: Subscription): Promise<void>
}

const doneResult = { done: true, value: undefined } as const
const defaultBufferSize = 1_024

/** Messages of one or more Topic Filters, in the order of arrival. */
export class Subscription implements AsyncIterableIterator<Message>, AsyncDisposable {
  /** The Subscription Identifier, where the server has them (5.0). */
  readonly identifier: number
  /** What was subscribed. */
  readonly topicFilters: readonly string[]
  /** How. */
  readonly options: SubscribeOptions
  /** What the server has said to each Topic Filter last. */
  results: readonly SubscribeResult[] = []
  /** Messages of QoS 0 that were dropped because nobody took them in time. */
  dropped = 0
  readonly #owner: SubscriptionOwner
  readonly #bufferSize: number
  // A ring would save nothing here: what is taken is forgotten with the array's front.
  #buffer: Message[] = []
  #at = 0
  readonly #takers: Deferred<Message | undefined>[] = []
  /** Handed out in auto mode, and acknowledged with the next call. */
  #current: Message[] = []
  #isFull = false
  #error: ClientError | undefined
  #isEnded = false
  #left: Promise<void> | undefined

  constructor(
    topicFilters: readonly string[],
    options: SubscribeOptions,
    owner: SubscriptionOwner,
  ) {
    this.identifier = owner.nextIdentifier()
    this.topicFilters = topicFilters
    this.options = options
    this.#owner = owner
    this.#bufferSize = options.bufferSize ?? defaultBufferSize
  }

  /** Whether it waits for its reader before more is read from the network. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Messages that wait to be taken. */
  get buffered(): number {
    return this.#buffer.length - this.#at
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * The next message; the end when the subscription is closed. In auto mode what was handed out
   * before is acknowledged. An abort takes nothing.
   */
  next(options?: { readonly signal?: AbortSignal }): Promise<IteratorResult<Message, undefined>> {
    this.acknowledge()
    const message = this.#shift()
    if (message !== undefined) return Promise.resolve(this.#handOut(message))
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.#isEnded) return Promise.resolve(doneResult)
    return this.#wait(options?.signal).then((arrived) =>
      arrived === undefined ? doneResult : this.#handOut(arrived),
    )
  }

  /** Leaves a `for await` loop. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close()
    return doneResult
  }

  /** Messages turned into something else; in auto mode as if they were taken one by one. */
  async *map<T>(convert: (message: Message) => T | Promise<T>): AsyncGenerator<T, void, undefined> {
    for await (const message of this) yield await convert(message)
  }

  /** Only messages that pass; the others are acknowledged in auto mode, and yours in manual. */
  async *filter(
    passes: (message: Message) => boolean | Promise<boolean>,
  ): AsyncGenerator<Message, void, undefined> {
    for await (const message of this) if (await passes(message)) yield message
  }

  /**
   * Up to `count` messages at once, or what has come `ms` after the first one. In auto mode all of a
   * batch are acknowledged when the next batch is asked for.
   */
  async *batch(count: number, ms: number): AsyncGenerator<Message[], void, undefined> {
    const { batches } = await parts.batches()
    yield* batches(this, { count, ms, clock: this.#owner.clock })
  }

  /** A stream that does not read ahead of its consumer: in auto mode that acknowledges. */
  toReadableStream(): ReadableStream<Message> {
    return new ReadableStream<Message>(
      {
        pull: async (controller) => {
          const { done, value } = await this.next()
          if (done === true) controller.close()
          else controller.enqueue(value)
        },
        cancel: () => this.close(),
      },
      { highWaterMark: 0 },
    )
  }

  /**
   * Ends the subscription with UNSUBSCRIBE, where no other one has its Topic Filters; resolves when
   * the server has answered or is gone. What was not acknowledged stays so.
   */
  close(): Promise<void> {
    this.#left ??= this.#owner.leave(this)
    this.end(undefined)
    return this.#left
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal A message has come for it. */
  push(message: Message): void {
    if (this.#isEnded) return message.abandon()
    const taker = this.#takers.shift()
    if (taker !== undefined) return taker.resolve(message)
    this.#buffer.push(message)
    if (message.qos === 0 && this.buffered >= this.#bufferSize && !this.#isFull) {
      this.#isFull = true
      this.#owner.isFull(this, true)
    }
  }

  /** @internal Acknowledges these with the next call, in auto mode: they were handed out as one. */
  handOut(messages: readonly Message[]): void {
    if (this.options.ack !== 'manual') this.#current = messages.filter(({ qos }) => qos > 0)
  }

  /** @internal The next message without acknowledging what was handed out; undefined at the end. */
  take(signal: AbortSignal | undefined): Promise<Message | undefined> {
    const message = this.#shift()
    if (message !== undefined) return Promise.resolve(message)
    if (this.#error !== undefined) return Promise.reject(this.#error)
    return this.#isEnded ? Promise.resolve(undefined) : this.#wait(signal)
  }

  /** @internal Nobody has made room in time: the oldest messages of QoS 0 go. */
  dropOldest(): void {
    if (this.options.whenFull === 'pause') return
    const room = Math.ceil(this.#bufferSize / 2)
    const excess = this.buffered - room
    let left = excess
    const kept = this.#buffer.slice(this.#at).filter(({ qos }) => qos > 0 || left-- <= 0)
    this.dropped += this.buffered - kept.length
    this.#buffer = kept
    this.#at = 0
    this.#tellRoom()
  }

  /** @internal No more messages; `error` is what the reader gets after those that are there. */
  end(error: ClientError | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    for (const taker of this.#takers.splice(0)) {
      if (error === undefined) taker.resolve(undefined)
      else taker.reject(error)
    }
    if (error !== undefined) return
    for (const message of [...this.#current, ...this.#buffer.slice(this.#at)]) message.abandon()
    this.#current = []
    this.#buffer = []
    this.#at = 0
    this.#tellRoom()
  }

  #handOut(message: Message): IteratorYieldResult<Message> {
    if (message.qos > 0 && this.options.ack !== 'manual') this.#current.push(message)
    return { done: false, value: message }
  }

  /** @internal Acknowledges what was handed out. */
  acknowledge(): void {
    if (this.#current.length === 0) return
    const settled = this.#current
    this.#current = []
    for (const message of settled) message.ack()
  }

  #shift(): Message | undefined {
    const message = this.#buffer[this.#at]
    if (message === undefined) return undefined
    this.#at++
    if (this.#at === this.#buffer.length) {
      this.#buffer = []
      this.#at = 0
    } else if (this.#at >= defaultBufferSize) {
      this.#buffer = this.#buffer.slice(this.#at)
      this.#at = 0
    }
    if (this.#isFull && this.buffered <= this.#bufferSize / 2) this.#tellRoom()
    return message
  }

  #tellRoom(): void {
    if (!this.#isFull) return
    this.#isFull = false
    this.#owner.isFull(this, false)
  }

  #wait(signal: AbortSignal | undefined): Promise<Message | undefined> {
    if (signal?.aborted === true) return Promise.reject(aborted(signal))
    const taker = deferred<Message | undefined>()
    this.#takers.push(taker)
    if (signal === undefined) return taker.promise
    const forget = onAbort(signal, () => {
      const at = this.#takers.indexOf(taker)
      if (at === -1) return
      this.#takers.splice(at, 1)
      taker.reject(aborted(signal))
    })
    return taker.promise.finally(forget)
  }
}
