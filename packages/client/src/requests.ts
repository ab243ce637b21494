import { aborted, onAbort } from './abort.ts'
import type { Client } from './client.ts'
import { type Deferred, deferred } from './deferred.ts'
import { ClientError } from './errors.ts'
import type { Message } from './message.ts'
import type { Payload } from './options.ts'
import type { PublishResult } from './outgoing-message.ts'
import type { AnyTopic, ValueFor } from './publish-options.ts'
import type { SubscribeOptions, Subscription } from './subscription.ts'
import { json } from './topics/codec.ts'
import type { SchemaOutput, StandardSchema } from './topics/standard-schema.ts'
import type { TopicPattern } from './topics/topic.ts'
import { validate } from './topics/validate.ts'
import type { TypedMessage } from './typed-subscription.ts'

/** How a request is sent, and its response read. */
export interface RequestOptions<Schema extends StandardSchema | undefined = undefined> {
  /** What the response, which is JSON then, has to be: it is in `value`. */
  readonly schema?: Schema
  /** Default 1. */
  readonly qos?: 0 | 1 | 2
  /** Of the request. */
  readonly contentType?: string
  /** Ends the wait; without it a request waits as long as the client lives. */
  readonly signal?: AbortSignal
}

/** The first response to a request. */
export type Response<Schema> = Message &
  (Schema extends StandardSchema ? { readonly value: SchemaOutput<Schema> } : unknown)

/** How requests are taken. */
export interface RespondOptions {
  /** The highest QoS of requests; responses have that of their request. Default 1. */
  readonly qos?: SubscribeOptions['qos']
  /** Requests handled at once; default 1. */
  readonly concurrency?: number
  /** Called with what a handler or a response has failed with; the request is refused (0x83). */
  readonly failed?: (error: unknown, request: Message) => void
  /** Ends the responder when it is aborted. */
  readonly signal?: AbortSignal
}

/** A typed pattern, of whatever payload. */
// biome-ignore lint/suspicious/noExplicitAny: a pattern takes one type, so only any fits all
export type AnyPattern = TopicPattern<any, any, any>

/** What a handler is given: of a typed topic with its parameters and its value. */
export type RequestTo<To> =
  To extends TopicPattern<infer Text, infer _Input, infer Output>
    ? TypedMessage<Text, Output>
    : Message

interface Closing {
  close(): Promise<void>
}

/** Answers requests until it is closed. */
export interface Responder extends AsyncDisposable {
  /** Resolves when the requests that were taken are answered. */
  close(): Promise<void>
}

const implementationSpecificError = 0x83

function noResponder({ reasonCode }: PublishResult): ClientError {
  return new ClientError('no-responder', 'nobody has subscribed to the topic', { reasonCode })
}

/** Requests with Response Topic and Correlation Data (section 4.10). */
export class Requests {
  readonly #client: Client
  readonly #open = new Map<number, Deferred<Message>>()
  #latest = 0
  #responses: Promise<{ readonly topicName: string }> | undefined

  constructor(client: Client) {
    this.#client = client
  }

  async request<To extends string | AnyTopic, Schema extends StandardSchema | undefined>(
    topic: To,
    value: ValueFor<To>,
    options: RequestOptions<Schema> = {},
  ): Promise<Response<Schema>> {
    const { qos = 1, contentType, schema, signal } = options
    if (signal?.aborted === true) throw aborted(signal)
    this.#responses ??= this.#listen()
    const { topicName } = await this.#responses
    const number = ++this.#latest
    const response = deferred<Message>()
    this.#open.set(number, response)
    const forget = signal && onAbort(signal, () => response.reject(aborted(signal)))
    try {
      const correlationData = new TextEncoder().encode(String(number))
      const described = contentType === undefined ? {} : { contentType }
      const properties = { responseTopic: topicName, correlationData, ...described }
      const withSignal = signal === undefined ? {} : { signal }
      const sent = this.#client.publish(topic, value, { qos, properties, ...withSignal })
      const arrived = await Promise.race([
        response.promise,
        sent.then((result) => {
          if (result.noSubscribers) throw noResponder(result)
          return response.promise
        }),
      ])
      if (schema === undefined) return arrived as Response<Schema>
      const checked = await validate(schema, json.decode(arrived.payload), 'a response')
      return Object.assign(arrived, { value: checked }) as unknown as Response<Schema>
    } finally {
      forget?.()
      this.#open.delete(number)
    }
  }

  async respond<To extends string | AnyPattern>(
    to: To,
    handle: (request: RequestTo<To>) => Payload | Promise<Payload>,
    options: RespondOptions = {},
  ): Promise<Responder> {
    const { qos = 1, concurrency = 1, signal } = options
    const subscription = (await this.#client.subscribe<string | AnyPattern>(to, {
      qos,
      ack: 'manual',
      invalid: 'skip',
      ...(signal !== undefined && { signal }),
    })) as AsyncIterableIterator<RequestTo<To>> & Closing
    const work = async () => {
      for (;;) {
        const { done, value } = await subscription.next()
        if (done === true) return
        await this.#answer(value, handle, options)
      }
    }
    // When the client stops with an error, its events say so; there is nothing left to answer.
    const workers = Array.from({ length: concurrency }, () => work().catch(() => {}))
    const close = async () => {
      await subscription.close()
      await Promise.all(workers)
    }
    if (signal !== undefined) onAbort(signal, () => void close())
    return { close, [Symbol.asyncDispose]: close }
  }

  async #answer<Request extends Message>(
    request: Request,
    handle: (request: Request) => Payload | Promise<Payload>,
    { failed }: RespondOptions,
  ): Promise<void> {
    try {
      const payload = await handle(request)
      const { responseTopic, correlationData } = request.properties
      if (responseTopic !== undefined) {
        const properties = correlationData === undefined ? {} : { correlationData }
        await this.#client.publish(responseTopic, payload, { qos: request.qos, properties })
      }
      request.ack()
    } catch (error) {
      request.reject(implementationSpecificError)
      failed?.(error, request)
    }
  }

  /** Subscribes to the one topic on which all responses to this client come. */
  async #listen(): Promise<{ readonly topicName: string }> {
    try {
      await this.#client.connected
      const { version, clientId, responseInformation } = this.#client.negotiated ?? {}
      if (version !== 5) throw new ClientError('invalid-argument', '3.1.1 has no requests')
      const topicName = `${responseInformation ?? 'response'}/${clientId?.replace(/[+#/]/g, '_')}`
      const subscription = await this.#client.subscribe(topicName, { qos: 1 })
      this.#take(subscription).catch((error: unknown) => this.#fail(error))
      return { topicName }
    } catch (error) {
      this.#responses = undefined
      throw error
    }
  }

  async #take(subscription: Subscription): Promise<void> {
    for await (const message of subscription) {
      const { correlationData } = message.properties
      const number = Number(new TextDecoder().decode(correlationData ?? new Uint8Array()))
      this.#open.get(number)?.resolve(message)
    }
    this.#fail(new ClientError('closed', 'the client was closed'))
  }

  #fail(error: unknown): void {
    this.#responses = undefined
    for (const response of this.#open.values()) response.reject(error)
    this.#open.clear()
  }
}
