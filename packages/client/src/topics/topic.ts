import type { QoS } from '@busbar/protocol'
import type { Client } from '../client.ts'
import type { PublishResult } from '../outgoing-message.ts'
import type { PublishOptions } from '../publish-options.ts'
import type { Subscription } from '../subscription.ts'
import { type TypedSubscribeOptions, TypedSubscription } from '../typed-subscription.ts'
import { bytes, type Codec, json } from './codec.ts'
import { Pattern } from './pattern.ts'
import type { CheckedPattern, Filter, Params, WithParams } from './pattern-types.ts'
import { PayloadError } from './payload-error.ts'
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts'
import { validate } from './validate.ts'

/** What the messages of a pattern are, and how they are sent unless a call says otherwise. */
export interface TopicOptions {
  /** Of its messages and of subscriptions to it; default 0, and 1 for subscriptions. */
  readonly qos?: QoS
  /** Whether the server keeps the last message of each topic; default false. */
  readonly retain?: boolean
  /** Looks at each payload, sent or received; may be asynchronous. Without a codec it means JSON. */
  readonly schema?: StandardSchema
  /** Without a codec and without a schema, payloads are bytes. */
  // biome-ignore lint/suspicious/noExplicitAny: a codec takes and gives one type, so only any fits all
  readonly codec?: Codec<any>
}

/** What the messages of a pattern with these options are written from. */
export type InputOf<Options> = Options extends { readonly schema: infer Schema }
  ? SchemaInput<Schema>
  : ValueOf<Options>

/** What is read from them. */
export type OutputOf<Options> = Options extends { readonly schema: infer Schema }
  ? SchemaOutput<Schema>
  : ValueOf<Options>

type ValueOf<Options> = Options extends { readonly codec: Codec<infer Value> } ? Value : Uint8Array

/** A payload with the properties that describe it. */
export interface EncodedPayload {
  /** What is sent. */
  readonly payload: Uint8Array
  /** Its Content Type, where the codec has one. */
  readonly contentType?: string
  /** 1 where it is UTF-8. */
  readonly payloadFormatIndicator?: 0 | 1
}

/** One Topic Name and what is published there. */
export interface Topic<Input = unknown> {
  /** The pattern with its values. */
  readonly topicName: string
  /** As the pattern has it. */
  readonly qos: QoS | undefined
  /** As the pattern has it. */
  readonly retain: boolean | undefined
  /** Rejects or throws a `PayloadError` for a value that the schema does not accept. */
  encode(value: Input): EncodedPayload | Promise<EncodedPayload>
  /** `Client.publish` with the payload and its properties, and with these options before its own. */
  publish(client: Client, value: Input, options: PublishOptions): Promise<PublishResult>
}

/** All topics of one form: made by `topic()`, filled by `with()`, subscribed as a whole. */
export interface TopicPattern<Text extends string = string, Input = unknown, Output = unknown> {
  /** As it was declared. */
  readonly pattern: Text
  /** What is subscribed: each parameter is a wildcard. */
  readonly filter: Filter<Text>
  /** As it was declared. */
  readonly qos: QoS | undefined
  /** As it was declared. */
  readonly retain: boolean | undefined
  /**
   * The topic with these values. Throws a `TopicError` for a value that is empty, is not of its
   * type, or has `/`, `+`, `#` or U+0000.
   */
  with(...params: WithParams<Text>): Topic<Input>
  /** The parameters in a Topic Name; undefined where it is none of this pattern. */
  match(topicName: string): Params<Text> | undefined
  /** Rejects or throws a `PayloadError` for a value that the schema does not accept. */
  encode(value: Input): EncodedPayload | Promise<EncodedPayload>
  /** Rejects or throws a `PayloadError` for a payload that codec or schema do not accept. */
  decode(payload: Uint8Array): Output | Promise<Output>
  /** The messages of a subscription to the filter, read by this pattern. */
  read(raw: Subscription, options: TypedSubscribeOptions): TypedSubscription<Text, Output>
}

/**
 * Declares topics: `topic('sensors/{site}/{id:int}/temp', { qos: 1, schema })`. `{name}` is one
 * level, `{name:int}` one level that is a whole number, `{name...}` all levels from there on.
 * Throws a `TopicError` for a pattern that cannot be.
 */
export function topic<const Text extends string, const Options extends TopicOptions = object>(
  pattern: Text extends CheckedPattern<Text> ? Text : CheckedPattern<Text>,
  options?: Options,
): TopicPattern<Text, InputOf<Options>, OutputOf<Options>> {
  // The class knows the pattern as text; what the text says as a type is for the caller's compiler.
  return new CompiledPattern(pattern, options ?? {}) as unknown as TopicPattern<
    Text,
    InputOf<Options>,
    OutputOf<Options>
  >
}

class CompiledPattern implements TopicPattern {
  readonly pattern: string
  readonly filter: string
  readonly qos: QoS | undefined
  readonly retain: boolean | undefined
  readonly #levels: Pattern
  readonly #codec: Codec<unknown>
  readonly #schema: StandardSchema | undefined

  constructor(text: string, { qos, retain, schema, codec }: TopicOptions) {
    this.#levels = new Pattern(text)
    this.pattern = text
    this.filter = this.#levels.filter
    this.qos = qos
    this.retain = retain
    this.#schema = schema
    this.#codec = codec ?? (schema === undefined ? (bytes as Codec<unknown>) : json)
  }

  with(params: Params<string> = {}): Topic {
    const { qos, retain } = this
    const topicName = this.#levels.fill(params)
    return {
      topicName,
      qos,
      retain,
      encode: (value) => this.encode(value),
      publish: async (client, value, options) => {
        const { payload, ...described } = await this.encode(value)
        return await client.publish(topicName, payload, {
          ...(qos !== undefined && { qos }),
          ...(retain !== undefined && { retain }),
          ...options,
          properties: { ...described, ...options.properties },
        })
      },
    }
  }

  match(topicName: string): Params<string> | undefined {
    return this.#levels.match(topicName)
  }

  encode(value: unknown): EncodedPayload | Promise<EncodedPayload> {
    if (this.#schema === undefined) return this.#describe(value)
    // What the schema makes of the value is for who receives it; the wire carries what it was given.
    const checked = validate(this.#schema, value, `a payload of ${this.pattern}`)
    return checked instanceof Promise
      ? checked.then(() => this.#describe(value))
      : this.#describe(value)
  }

  #describe(value: unknown): EncodedPayload {
    const { contentType, payloadFormatIndicator } = this.#codec
    return {
      payload: this.#guard(() => this.#codec.encode(value)),
      ...(contentType !== undefined && { contentType }),
      ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
    }
  }

  decode(payload: Uint8Array): unknown {
    const value = this.#guard(() => this.#codec.decode(payload))
    if (this.#schema === undefined) return value
    return validate(this.#schema, value, `a payload of ${this.pattern}`)
  }

  read(raw: Subscription, options: TypedSubscribeOptions): TypedSubscription<string, unknown> {
    return new TypedSubscription(this, raw, options)
  }

  #guard<Value>(convert: () => Value): Value {
    try {
      return convert()
    } catch (cause) {
      const reason = cause instanceof PayloadError ? cause.message : 'is refused by its codec'
      throw new PayloadError(`a payload of ${this.pattern} ${reason}`, { cause })
    }
  }
}
