import type { AckProperties, ConnackProperties } from '@busbar/protocol'

/** Everything that a caller can be told; the list is closed. */
export type ClientErrorCode =
  /** The caller's signal. */
  | 'aborted'
  /** The client is closed, or its subscription is. */
  | 'closed'
  /** An option or argument that no server would take. */
  | 'invalid-argument'
  /** Not a Topic Name, or not a Topic Filter. */
  | 'invalid-topic'
  /** A schema or a codec does not take the payload. */
  | 'invalid-payload'
  /** The certificate of the server is not one to trust (in Node; a browser keeps that to itself). */
  | 'invalid-certificate'
  /** The network, or what is below it. */
  | 'transport-failed'
  /** The server sent what the standard forbids. */
  | 'protocol-error'
  /** CONNACK or DISCONNECT with a Reason Code that ends it for good. */
  | 'connect-refused'
  /** No server has answered in time. */
  | 'connect-timeout'
  /** The network failed for longer than `giveUpAfterMs`. */
  | 'gave-up'
  /** Enhanced authentication failed at our end: the server could not prove itself. */
  | 'authentication-failed'
  /** There is no connection, and the message is not to wait for one. */
  | 'offline'
  /** The outbox is full, and `whenFull` is `reject`. */
  | 'outbox-full'
  /** Dropped from a full outbox for a newer message. */
  | 'dropped'
  /** It has waited longer than its Message Expiry Interval. */
  | 'expired'
  /** The Session it belonged to is gone at the server, and it is not to be sent again. */
  | 'session-lost'
  /** Beyond the server's Maximum Packet Size. */
  | 'packet-too-large'
  /** Beyond the server's Maximum QoS. */
  | 'qos-not-supported'
  | 'retain-not-supported'
  /** PUBACK, PUBREC with a Reason Code of 0x80 or more. */
  | 'publish-refused'
  /** Nobody has subscribed to the topic of a request, so that nobody will answer. */
  | 'no-responder'
  /** SUBACK or UNSUBACK with a Reason Code of 0x80 or more. */
  | 'subscribe-refused'
  /** Wildcards, Shared Subscriptions or Subscription Identifiers that the server does not have. */
  | 'subscription-not-supported'
  /** The durable store has failed. */
  | 'store-failed'

/** What is known beside the code. */
export interface ClientErrorOptions {
  /** The error behind it. */
  readonly cause?: unknown
  /** The Reason Code that the server sent, or that stands for it. */
  readonly reasonCode?: number | undefined
  /** The Reason String that the server sent. */
  readonly reasonString?: string | undefined
}

/** What a user of the library can catch: `code` is from a closed list. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError'
  /** What has happened. */
  readonly code: ClientErrorCode
  /** The Reason Code that the server sent, or that stands for it. */
  readonly reasonCode: number | undefined
  /** What the server said about it. */
  readonly reasonString: string | undefined

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.reasonCode = options.reasonCode
    this.reasonString = options.reasonString
  }
}

/** The server has refused the connection, or ended it, for good. */
export class MqttConnectError extends ClientError {
  override readonly name = 'MqttConnectError'
  /** What came with CONNACK, or of DISCONNECT its Reason String and Server Reference. */
  readonly properties: ConnackProperties

  constructor(message: string, properties: ConnackProperties, options: ClientErrorOptions) {
    super('connect-refused', message, options)
    this.properties = properties
  }
}

/** The server has refused a message. */
export class MqttPublishError extends ClientError {
  override readonly name = 'MqttPublishError'
  /** What came with PUBACK or PUBREC. */
  readonly properties: AckProperties

  constructor(message: string, properties: AckProperties, options: ClientErrorOptions) {
    super('publish-refused', message, options)
    this.properties = properties
  }
}

/** The server has refused some or all Topic Filters of a subscription. */
export class MqttSubscribeError extends ClientError {
  override readonly name = 'MqttSubscribeError'
  /** What the server has said to each Topic Filter. */
  readonly results: readonly SubscribeResult[]

  constructor(message: string, results: readonly SubscribeResult[], options: ClientErrorOptions) {
    super('subscribe-refused', message, options)
    this.results = results
  }
}

/** What SUBACK says to one Topic Filter. */
export interface SubscribeResult {
  /** As it was subscribed. */
  readonly topicFilter: string
  /** The granted QoS, or 0x80 and above for a refusal. */
  readonly reasonCode: number
}
