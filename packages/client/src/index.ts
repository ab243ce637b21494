export type { Clock } from './clock.ts'
export { systemClock } from './clock.ts'
export {
  ClientError,
  type ClientErrorCode,
  type ClientErrorOptions,
  MqttConnectError,
  MqttPublishError,
  MqttSubscribeError,
  type SubscribeResult,
} from './errors.ts'
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
export { memoryStore } from './store/memory.ts'
export type {
  SessionStore,
  StoreChange,
  StoredMessage,
  StoredSession,
} from './store/session-store.ts'
export { openLink } from './transport/link.ts'
export type {
  OpenTransport,
  TlsOptions,
  Transport,
  TransportEvents,
  TransportTarget,
} from './transport/transport.ts'
