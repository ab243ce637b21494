import type { Client } from './client.ts'
import { type Deferred, deferred } from './deferred.ts'
import { ClientError } from './errors.ts'
import type { Message } from './message.ts'
import type { Payload } from './options.ts'
import { aborted, type SubscribeOptions, type Subscription } from './subscription.ts'

export interface RequestOptions {
  /** Default 1. */
  readonly qos?: 0 | 1 | 2
  readonly contentType?: string
  /** Ends the wait; without it a request waits as long as the client lives. */
  readonly signal?: AbortSignal
}

export interface RespondOptions {
  /** The highest QoS of requests; responses have that of their request. Default 1. */
  readonly qos?: SubscribeOptions['qos']
  /** Requests handled at once; default 1. */
  readonly concurrency?: number
  /** Called with what a handler or a response has failed with; the request is refused (0x83). */
  readonly failed?: (error: unknown, request: Message) => void
  readonly signal?: AbortSignal
}

/** Answers requests until it is closed. */
export interface Responder extends AsyncDisposable {
  /** Resolves when the requests that were taken are answered. */
  close(): Promise<void>
}

const implementationSpecificError = 0x83

/** Requests with Response Topic and Correlation Data (section 4.10). */
export class Requests {
  readonly #client: Client
  readonly #open = new Map<number, Deferred<Message>>()
  #latest = 0
  #responses: Promise<{ readonly topicName: string }> | undefined

  constructor(client: Client) {
    this.#client = client
  }

  async request(topic: string, payload: Payload, options: RequestOptions = {}): Promise<Message> {
    const { qos = 1, contentType, signal } = options
    if (signal?.aborted === true) throw aborted(signal)
    this.#responses ??= this.#listen()
    const { topicName } = await this.#responses
    const number = ++this.#latest
    const response = deferred<Message>()
    this.#open.set(number, response)
    const onAbort = () => signal && response.reject(aborted(signal))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const correlationData = new TextEncoder().encode(String(number))
      const described = contentType === undefined ? {} : { contentType }
      const properties = { responseTopic: topicName, correlationData, ...described }
      const sent = this.#client.publish(topic, payload, {
        qos,
        properties,
        ...(signal !== undefined && { signal }),
      })
      return await Promise.race([response.promise, sent.then(() => response.promise)])
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#open.delete(number)
    }
  }

  async respond(
    topicFilter: string,
    handle: (request: Message) => Payload | Promise<Payload>,
    options: RespondOptions = {},
  ): Promise<Responder> {
    const { qos = 1, concurrency = 1, signal } = options
    const subscription = await this.#client.subscribe(topicFilter, {
      qos,
      ack: 'manual',
      ...(signal !== undefined && { signal }),
    })
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
    signal?.addEventListener('abort', () => void close(), { once: true })
    return { close, [Symbol.asyncDispose]: close }
  }

  async #answer(
    request: Message,
    handle: (request: Message) => Payload | Promise<Payload>,
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
