export { ByText } from './by-text.ts'
export { malformed, ProtocolError, protocolError } from './errors.ts'
export { IdentifierTable } from './flow/identifier-table.ts'
export type { InFlightEntry } from './flow/in-flight.ts'
export { Inbound } from './flow/inbound.ts'
export { longestSilenceMs } from './flow/keep-alive.ts'
export { Outbound, type OutboundEntry, type PubrecOutcome } from './flow/outbound.ts'
export { OutboundTopicAliases, type TopicAlias } from './flow/outbound-topic-aliases.ts'
export { PacketIdentifiers } from './flow/packet-identifiers.ts'
export { SparseSet } from './flow/sparse.ts'
export { InboundTopicAliases } from './flow/topic-aliases.ts'
export type { Link } from './link.ts'
export type { Packet } from './packet.ts'
export {
  ConnectReturnCode,
  connectReturnCode,
  firstFailure,
  ReasonCode,
  reasonCodeName,
} from './reason-codes.ts'
export {
  hasWildcard,
  parseSubscriptionFilter,
  parseTopicFilter,
  type SubscriptionFilter,
  type TopicFilter,
  topicMatches,
} from './topic/topic-filter.ts'
export { hashOfBytes, hashOfName } from './topic/topic-hash.ts'
export { TopicIndex } from './topic/topic-index.ts'
export { parseTopicName, type TopicName } from './topic/topic-name.ts'
export { TopicTree } from './topic/topic-tree.ts'
export type { ProtocolVersion, QoS, UserProperty } from './version.ts'
export { fitPacket } from './wire/fit.ts'
export { Framer, largestPacket } from './wire/framer.ts'
export { PacketStream } from './wire/packet-stream.ts'
export {
  type AckProperties,
  type Puback,
  type Pubcomp,
  type Pubrec,
  type Pubrel,
  writeAck,
} from './wire/packets/acks.ts'
export { type Auth, type AuthProperties, authFirstByte, writeAuth } from './wire/packets/auth.ts'
export {
  type Connack,
  type ConnackProperties,
  readConnackProperties,
} from './wire/packets/connack.ts'
export {
  type Connect,
  type ConnectProperties,
  type Will,
  type WillProperties,
  writeConnect,
} from './wire/packets/connect.ts'
export {
  type Disconnect,
  type DisconnectProperties,
  writeDisconnect,
} from './wire/packets/disconnect.ts'
export { type Pingreq, type Pingresp, pingreq, writePing } from './wire/packets/ping.ts'
export {
  checkPublishProperties,
  type Publish,
  type PublishProperties,
  readPublishFields,
  writePublish,
} from './wire/packets/publish.ts'
export {
  type Suback,
  type Subscribe,
  type SubscribeProperties,
  type SubscriptionOptions,
  type SubscriptionRequest,
  writeSubscribe,
} from './wire/packets/subscribe.ts'
export {
  type Unsuback,
  type Unsubscribe,
  type UnsubscribeProperties,
  writeUnsubscribe,
} from './wire/packets/unsubscribe.ts'
export { noProperties, type Sender } from './wire/properties.ts'
export { PublishInPlace } from './wire/publish-in-place.ts'
export { readPacket } from './wire/read-packet.ts'
export { PacketReader } from './wire/reader.ts'
export { readServerAuth, readServerPacket } from './wire/server-packet.ts'
export { encodePacket, writePacket } from './wire/write-packet.ts'
export { PacketWriter, putVarint, varintWidth } from './wire/writer.ts'
