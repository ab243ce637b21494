export type {
  AckProperties,
  ConnackProperties,
  Link,
  PublishProperties,
  QoS,
  UserProperty,
  WillProperties,
} from '@busbar/protocol'
export { fileStore, indexedDbStore } from '#platform'
export {
  Client,
  type CloseOptions,
  type SubscriptionOf,
} from './client.ts'
export type { Clock } from './clock.ts'
export { systemClock } from './clock.ts'
export { connect, lazyConnect } from './connect.ts'
export type { ClientState } from './connector.ts'
export type { Target } from './destination.ts'
export {
  ClientError,
  type ClientErrorCode,
  type ClientErrorOptions,
  MqttConnectError,
  MqttPublishError,
  MqttSubscribeError,
  type SubscribeResult,
} from './errors.ts'
export type { ClientEvent } from './events.ts'
export { Message } from './message.ts'
export type {
  Authentication,
  AuthenticationExchange,
  ClientOptions,
  Credentials,
  CredentialsAttempt,
  Negotiated,
  OutboxOptions,
  Payload,
  ReconnectOptions,
  Redirect,
  SessionOptions,
  WillOptions,
} from './options.ts'
export type { PublishResult } from './outgoing-message.ts'
export type { AnyTopic, OutgoingItem, PublishOptions, ValueFor } from './publish-options.ts'
export type {
  AnyPattern,
  RequestOptions,
  RequestTo,
  Responder,
  RespondOptions,
  Response,
} from './requests.ts'
export { scramSha256 } from './scram.ts'
export type { ClientStatistics } from './statistics.ts'
export { memoryStore } from './store/memory.ts'
export type {
  SessionStore,
  StoreChange,
  StoredMessage,
  StoredSession,
} from './store/session-store.ts'
export { type SubscribeOptions, Subscription } from './subscription.ts'
export { bytes, type Codec, json, text } from './topics/codec.ts'
export { defineTopics, type Topics } from './topics/define-topics.ts'
export type { InvalidMessagePolicy } from './topics/inbound.ts'
export { TopicError } from './topics/pattern.ts'
export type { CheckedPattern, Filter, Params, ParamValue } from './topics/pattern-types.ts'
export { PayloadError } from './topics/payload-error.ts'
export type {
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './topics/standard-schema.ts'
export {
  type EncodedPayload,
  type InputOf,
  type OutputOf,
  type Topic,
  type TopicOptions,
  type TopicPattern,
  topic,
} from './topics/topic.ts'
export { type TraceContext, traceContextOf } from './trace-context.ts'
export { openLink } from './transport/link.ts'
export type {
  OpenTransport,
  TlsOptions,
  Transport,
  TransportEvents,
  TransportTarget,
} from './transport/transport.ts'
export {
  type TypedMessage,
  type TypedSubscribeOptions,
  TypedSubscription,
} from './typed-subscription.ts'
