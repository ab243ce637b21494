import { type Connack, largestPacket } from '@busbar/protocol'
import {
  defaultKeepAliveSeconds,
  defaultSessionExpirySeconds,
  defaultTopicAliasMaximum,
} from './connect-packet.ts'
import type { ClientOptions, Negotiated } from './options.ts'

const unlimited = 65_535
/** 3.1.1 servers announce nothing, and some lose their way when they get more. */
const cautious = 20

/** The limits that CONNACK sets, with the values that count where it says nothing. */
export function negotiate(
  options: ClientOptions,
  { version, clientId }: { readonly version: 4 | 5; readonly clientId: string },
  { sessionPresent, properties }: Pick<Connack, 'sessionPresent' | 'properties'>,
): Negotiated {
  const { keepAlive = defaultKeepAliveSeconds, session = {} } = options
  const { sendMaximum = version === 5 ? unlimited : cautious } = options
  const { topicAliasMaximum = defaultTopicAliasMaximum } = options
  const { expirySeconds = version === 5 ? defaultSessionExpirySeconds : 0 } = session
  return {
    version,
    clientId: properties.assignedClientIdentifier ?? clientId, // [MQTT5-3.2.2-16]
    sessionPresent,
    sessionExpirySeconds: properties.sessionExpiryInterval ?? expirySeconds,
    keepAlive: properties.serverKeepAlive ?? keepAlive, // [MQTT5-3.2.2-21]
    receiveMaximum: Math.min(properties.receiveMaximum ?? unlimited, sendMaximum),
    maximumPacketSize: properties.maximumPacketSize ?? largestPacket,
    maximumQoS: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable !== 0,
    // None unless it says so [MQTT5-3.2.2-18].
    topicAliasMaximum: Math.min(properties.topicAliasMaximum ?? 0, topicAliasMaximum),
    wildcardSubscriptions: properties.wildcardSubscriptionAvailable !== 0,
    subscriptionIdentifiers: version === 5 && properties.subscriptionIdentifierAvailable !== 0,
    // A 3.1.1 server may know the syntax: let it answer.
    sharedSubscriptions: properties.sharedSubscriptionAvailable !== 0,
    responseInformation: properties.responseInformation,
    userProperties: properties.userProperties ?? [],
  }
}

/** Whether there is something that the server does not take or does not have. */
export function hasLimits(server: Negotiated): boolean {
  const hasAll =
    server.retainAvailable &&
    server.wildcardSubscriptions &&
    server.sharedSubscriptions &&
    server.subscriptionIdentifiers
  return !hasAll || server.maximumQoS < 2 || server.maximumPacketSize < largestPacket
}
