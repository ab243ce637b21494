import type { Message } from './message.ts'
import type { Subscription } from './subscription.ts'
import { type InvalidMessagePolicy, readMessage } from './topics/inbound.ts'
import type { Params } from './topics/pattern-types.ts'
import type { PayloadError } from './topics/payload-error.ts'
import type { TopicPattern } from './topics/topic.ts'

/** What typed subscriptions have beside the options of others. */
export interface TypedSubscribeOptions {
  /** What to do with a message that does not fit the pattern or its schema; default throw. */
  readonly invalid?: InvalidMessagePolicy
}

/** A message and what the pattern makes of it. */
export type TypedMessage<Text extends string, Output> = Message & {
  readonly params: Params<Text>
  readonly value: Output
  /** With `deliver-raw` only: why there is no value. */
  readonly error?: PayloadError
}

const payloadFormatInvalid = 0x99

/** A subscription whose messages are read by a pattern. */
export class TypedSubscription<Text extends string, Output>
  implements AsyncIterableIterator<TypedMessage<Text, Output>>, AsyncDisposable
{
  /** The messages as they come. */
  readonly raw: Subscription
  /** Messages that did not fit, and were passed over. */
  invalid = 0
  readonly #pattern: TopicPattern<Text, never, Output>
  readonly #policy: InvalidMessagePolicy

  constructor(
    // biome-ignore lint/suspicious/noExplicitAny: only reading matters here
    pattern: TopicPattern<Text, any, Output>,
    raw: Subscription,
    { invalid = 'throw' }: TypedSubscribeOptions,
  ) {
    this.#pattern = pattern
    this.raw = raw
    this.#policy = invalid
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * The next message that fits, or what `invalid` makes of one that does not; the end when it is
   * closed.
   */
  async next(options?: {
    readonly signal?: AbortSignal
  }): Promise<IteratorResult<TypedMessage<Text, Output>, undefined>> {
    for (;;) {
      const { done, value: message } = await this.raw.next(options)
      if (done === true) return { done, value: undefined }
      const read = readMessage<Params<Text>, Output>(
        this.#pattern,
        message.topicName,
        message.payload,
      )
      const reading = read instanceof Promise ? await read : read
      const { error } = reading
      if (error === undefined || this.#policy === 'deliver-raw') {
        const typed = Object.assign(message, reading) as unknown as TypedMessage<Text, Output>
        return { done: false, value: typed }
      }
      this.invalid++
      message.reject(payloadFormatInvalid)
      if (this.#policy === 'throw') throw error
    }
  }

  /** Leaves a `for await` loop. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  /** Ends the subscription, as `Subscription.close()` does. */
  close(): Promise<void> {
    return this.raw.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
