import type { AuthProperties, Connect, Will } from '@busbar/protocol'
import type { ClientOptions, Credentials, WillOptions } from './options.ts'
import { bytesOf } from './payload.ts'
import { checkQoS } from './publish-options.ts'
import { checkTopicName } from './topic-text.ts'

export const defaultReceiveMaximum = 64
export const defaultMaximumPacketSize = 1_048_576
export const defaultTopicAliasMaximum = 32
export const defaultKeepAliveSeconds = 60
export const defaultSessionExpirySeconds = 300

/** What changes from attempt to attempt. */
interface ConnectFields extends Credentials {
  readonly protocolVersion: 4 | 5
  readonly clientIdentifier: string
  readonly cleanStart: boolean
  readonly authentication: AuthProperties | undefined
}

/** Throws a ClientError for a Will that cannot be. In 3.1.1 the properties are not written. */
export function connectPacket(options: ClientOptions, fields: ConnectFields): Connect {
  const { authentication, username, password, ...always } = fields
  const { keepAlive = defaultKeepAliveSeconds, userProperties, session = {}, will } = options
  return {
    type: 'connect',
    ...always,
    keepAliveSeconds: keepAlive,
    properties: {
      sessionExpiryInterval: session.expirySeconds ?? defaultSessionExpirySeconds,
      receiveMaximum: options.receiveMaximum ?? defaultReceiveMaximum,
      maximumPacketSize: options.maximumPacketSize ?? defaultMaximumPacketSize,
      topicAliasMaximum: options.topicAliasMaximum ?? defaultTopicAliasMaximum,
      requestResponseInformation: 1,
      ...(userProperties && { userProperties }),
      ...authentication,
    },
    will: will && willOf(will),
    username,
    password: password === undefined ? undefined : bytesOf(password),
  }
}

function willOf({ topic, payload, qos = 0, retain = false, properties = {} }: WillOptions): Will {
  checkTopicName(topic)
  checkQoS(qos) // [MQTT5-3.1.2-12] [MQTT3-3.1.2-14]
  return { topicName: topic, payload: bytesOf(payload), qos, retain, properties }
}
