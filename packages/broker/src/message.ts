import type { PublishProperties, QoS } from '@busbar/protocol'

/** An Application Message: what is routed, retained and queued. Never changed once made, but for where its payload is. */
export interface Message {
  readonly topicName: string
  /** Not a view of a read buffer; shares memory with others until the message is to be kept. */
  payload: Uint8Array
  readonly qos: QoS
  /** The publisher's RETAIN flag. */
  readonly retain: boolean
  /** As received, without Topic Alias; the Message Expiry Interval as the publisher gave it. */
  readonly properties: PublishProperties
  /** The publisher's Client Identifier, for No Local; empty for the broker itself. */
  readonly publisher: string
  /** The publisher's user, of a retained message or a Will. */
  readonly publisherUser?: string | undefined
  /** When it came, in milliseconds of `Clock.now`. */
  readonly arrivedAt: number
  /** When it expires, in milliseconds of `Clock.now`; Infinity when it does not. */
  readonly expiresAt: number
}

/** About what a message occupies while it is queued, in bytes; limits are counted in it. */
export function messageBytes({ payload, topicName }: Message): number {
  return bytesOf(payload.length, topicName.length)
}

/** The same by the bytes of its payload and the characters of its topic. */
export function bytesOf(payloadLength: number, topicLength: number): number {
  return payloadLength + topicLength + 64
}

/** Completes a message that arrives now; `payload` is a view of a read buffer only where it is retained at once. */
export function createMessage(
  message: Omit<Message, 'arrivedAt' | 'expiresAt'>,
  now: number,
): Message {
  const { topicName, payload, qos, retain, properties, publisher, publisherUser } = message
  const { messageExpiryInterval } = properties
  const expiresAt =
    messageExpiryInterval === undefined
      ? Number.POSITIVE_INFINITY
      : now + messageExpiryInterval * 1_000
  const arrivedAt = now
  // Without a spread, which would cost more than the rest.
  if (publisherUser === undefined) {
    return { topicName, payload, qos, retain, properties, publisher, arrivedAt, expiresAt }
  }
  const from = { publisher, publisherUser }
  return { topicName, payload, qos, retain, properties, ...from, arrivedAt, expiresAt }
}
