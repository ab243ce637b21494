import type { QoS, SubscriptionOptions, UserProperty } from '@busbar/protocol'
import { parts } from '#platform'
import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { ClientError, SubscribeResult } from './errors.ts'
import { done, Mailbox } from './mailbox.ts'
import type { Message } from './message.ts'
import type { Filter } from './subscriber.ts'

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
  /** The Subscription Identifier of the latest. */
  latestIdentifier: number
  /** It has no room, or has room again. */
  isFull(subscription: Subscription, isFull: boolean): void
  /** It ends: UNSUBSCRIBE. */
  leave(subscription: Subscription): void
}

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
  /** @internal Whether SUBSCRIBE is to be sent, or is unanswered. */
  isPending = true
  /** @internal Settled by the first answer to SUBSCRIBE. */
  readonly answered = deferred<Subscription>()
  /** @internal Settled when UNSUBSCRIBE was answered, or need not be. */
  left: Deferred<void> | undefined
  /** @internal The Topic Filters, each once for all who have it. */
  filters: readonly Filter[] = []
  /** @internal Itself, as long as nobody else has one of them: its identifier says all then. */
  alone: readonly Subscription[] | undefined = [this]
  /** @internal Those that were not taken. */
  readonly messages = new Mailbox<Message>()
  /** @internal Of QoS 0. */
  readonly bufferSize: number
  /** @internal Until the oldest messages go. */
  timer: unknown
  readonly #owner: SubscriptionOwner
  /** Handed out in auto mode, and acknowledged with the next call. */
  #current: Message[] = []
  #isFull = false

  constructor(
    topicFilters: readonly string[],
    options: SubscribeOptions,
    owner: SubscriptionOwner,
  ) {
    this.identifier = ++owner.latestIdentifier
    this.topicFilters = topicFilters
    this.options = options
    this.#owner = owner
    this.bufferSize = options.bufferSize ?? defaultBufferSize
  }

  /** Whether it waits for its reader before more is read from the network. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Messages that wait to be taken. */
  get buffered(): number {
    return this.messages.size
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
    return this.messages
      .take(options?.signal)
      .then((arrived) => (arrived === undefined ? done : this.#handOut(arrived)))
  }

  /** Leaves a `for await` loop. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close()
    return done
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
        pull: async (controller) => (await parts.batches()).pull(this, controller),
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
    if (!this.isEnded) {
      this.left = deferred()
      this.#owner.leave(this)
      this.end(undefined)
    }
    return this.left?.promise ?? Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal What SUBACK says to each Topic Filter. */
  note(reasonCodes: ArrayLike<number>): void {
    this.isPending = false
    this.results = this.topicFilters.map((topicFilter, at) => {
      return { topicFilter, reasonCode: reasonCodes[at] as number }
    })
  }

  /** @internal Nothing more comes. */
  get isEnded(): boolean {
    return this.messages.isEnded
  }

  /** @internal A message has come for it. */
  push(message: Message): void {
    if (this.isEnded) return message.abandon()
    if (!this.messages.push(message) || message.qos > 0) return
    if (this.buffered >= this.bufferSize) this.setFull(true)
  }

  /** @internal Acknowledges these with the next call, in auto mode: they were handed out as one. */
  handOut(messages: readonly Message[]): void {
    if (this.options.ack !== 'manual') this.#current = messages.filter(({ qos }) => qos > 0)
  }

  /** @internal The next message without acknowledging what was handed out; undefined at the end. */
  take(signal: AbortSignal | undefined): Promise<Message | undefined> {
    const message = this.#shift()
    return message === undefined ? this.messages.take(signal) : Promise.resolve(message)
  }

  /** @internal No more messages; `error` is what the reader gets after those that are there. */
  end(error: ClientError | undefined): void {
    if (this.isEnded) return
    this.messages.end(error)
    if (error !== undefined) return
    for (const message of [...this.#current, ...this.messages.rest()]) message.abandon()
    this.#current = []
    this.messages.replace([])
    this.setFull(false)
  }

  /** @internal Acknowledges what was handed out. */
  acknowledge(): void {
    if (this.#current.length === 0) return
    const settled = this.#current
    this.#current = []
    for (const message of settled) message.ack()
  }

  #handOut(message: Message): IteratorYieldResult<Message> {
    if (message.qos > 0 && this.options.ack !== 'manual') this.#current.push(message)
    return { done: false, value: message }
  }

  #shift(): Message | undefined {
    const message = this.messages.shift()
    if (this.#isFull && this.buffered <= this.bufferSize / 2) this.setFull(false)
    return message
  }

  /** @internal It has no room for more of QoS 0, or has room again. */
  setFull(isFull: boolean): void {
    if (isFull === this.#isFull) return
    this.#isFull = isFull
    this.#owner.isFull(this, isFull)
  }
}
