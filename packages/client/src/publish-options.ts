import { checkPublishProperties, type PublishProperties, type QoS } from '@busbar/protocol'
import { ClientError, type ClientErrorCode } from './errors.ts'
import type { Payload } from './options.ts'
import { checkTopicName } from './topic-text.ts'
import type { Topic } from './topics/topic.ts'

/** How a message is sent. */
export interface PublishOptions {
  /** Default 0, or what the topic says. */
  readonly qos?: QoS
  /** Whether the server keeps it for later subscribers; default false, or what the topic says. */
  readonly retain?: boolean
  /** 5.0 only. A Message Expiry Interval counts from now, and while the message waits here. */
  readonly properties?: Omit<PublishProperties, 'topicAlias' | 'subscriptionIdentifiers'>
  /** Takes the message back while it was not sent; afterwards only the caller leaves. */
  readonly signal?: AbortSignal
}

/** One message of `publishAll`. */
export interface OutgoingItem extends Omit<PublishOptions, 'signal'> {
  /** Its Topic Name. */
  readonly topic: string
  /** What it says. */
  readonly payload: Payload
}

/** A typed topic, of whatever payload. */
// biome-ignore lint/suspicious/noExplicitAny: a topic takes one type, so only any fits all
export type AnyTopic = Topic<any>

/** What may be published to a topic: a payload, or a value of a typed topic. */
export type ValueFor<To> = To extends Topic<infer Input> ? Input : Payload

/** No type lets another one through, but JavaScript does. */
export function checkQoS(qos: number, code: ClientErrorCode = 'invalid-argument'): void {
  if (![0, 1, 2].includes(qos)) throw new ClientError(code, 'QoS is 0, 1 or 2')
}

/** What the wire cannot hold is the caller's to hear, and not the connection's. */
export function checkProperties(properties: PublishProperties): void {
  // Aliases are ours to assign, and identifiers are for servers [MQTT5-3.3.4-6].
  if (properties.topicAlias !== undefined || properties.subscriptionIdentifiers !== undefined) {
    throw new ClientError(
      'invalid-argument',
      'a Topic Alias or Subscription Identifier is not yours',
    )
  }
  try {
    checkPublishProperties(properties)
    if (properties.responseTopic !== undefined) checkTopicName(properties.responseTopic)
  } catch (cause) {
    throw new ClientError('invalid-argument', (cause as Error).message, { cause })
  }
}
