import {
  type Connack,
  type ConnackProperties,
  type Connect,
  InboundTopicAliases,
  largestPacket,
  OutboundTopicAliases,
  ProtocolError,
  parseTopicName,
  ReasonCode,
  type Will,
} from '@busbar/protocol'
import type { Identity } from './access/authenticator.ts'
import { withdrawSubscriptions } from './access-change.ts'
import type { Connection } from './connection.ts'
import { internalPrefix, type Session } from './session.ts'
import { limitExpiry } from './sessions.ts'

/** The value that means "never" in a Session Expiry Interval. */
const never = 0xffff_ffff

const noGroups: readonly string[] = []
const noVariables: ReadonlyMap<string, string> = new Map()

/** CONNECT → Session or refusal. */
export function inboundConnect(connection: Connection, connect: Connect): void {
  connection.version = connect.protocolVersion
  const { core } = connection
  connection.maximumPacketSize = connect.properties.maximumPacketSize ?? largestPacket
  connection.wantsProblemInformation = connect.properties.requestProblemInformation !== 0
  connection.clientIdentifier = connect.clientIdentifier
  const limit = core.config.limits.clientIdentifierBytes
  if (utf8Length(connect.clientIdentifier, limit) > limit) {
    const message = `Client Identifier is longer than ${limit} bytes`
    throw new ProtocolError(ReasonCode.ClientIdentifierNotValid, message, 'MQTT5-3.1.3-8')
  }
  if (core.isFull) {
    const { ServerBusy } = ReasonCode
    return connection.refuse(core.elsewhere(connection, ServerBusy), 'too many connections')
  }
  const refusal = connection.entry?.refusal
  if (refusal !== undefined) {
    return connection.refuse(core.elsewhere(connection, refusal.reasonCode), refusal.reason)
  }
  if (connect.will !== undefined) checkWill(connection, connect.will)
  // The password and the Will's payload are views of a buffer that may be gone when this is done.
  const kept = ownCopy(connect)
  connection.hold()
  if (core.hooks.connect === undefined) return authenticate(connection, kept)
  const { protocolVersion, cleanStart, clientIdentifier, username } = kept
  const { address } = connection.transport
  const request = { clientIdentifier, username, protocolVersion, cleanStart, address }
  core.hooks.connect(request, (changed, refusal) => {
    if (connection.state === 'ended') return
    if (refusal !== undefined) return connection.refuse(refusal.reasonCode, refusal.reason)
    connection.clientIdentifier = changed.clientIdentifier
    const { clientIdentifier, username } = changed
    connection.guard(() => authenticate(connection, { ...kept, clientIdentifier, username }))
  })
}

function authenticate(connection: Connection, kept: Connect): void {
  const { clientIdentifier } = kept
  if (clientIdentifier.startsWith(internalPrefix)) {
    const { ClientIdentifierNotValid } = ReasonCode
    return connection.refuse(ClientIdentifierNotValid, `${internalPrefix} is the broker's own`)
  }
  connection.authentication?.begin(kept, (result, data) => {
    if (result.outcome === 'accepted') return accept(connection, kept, result, data)
    connection.refuse(result.reasonCode, result.reason)
  })
}

/** As far as it matters for the limit. */
function utf8Length(text: string, limit: number): number {
  return text.length * 3 <= limit ? text.length : new TextEncoder().encode(text).length
}

function checkWill(connection: Connection, will: Will): void {
  const { mqtt, limits } = connection.core.config
  parseTopicName(will.topicName, limits.topicLevels)
  if (will.qos > mqtt.maximumQoS) {
    throw new ProtocolError(ReasonCode.QoSNotSupported, 'Will QoS is too high', 'MQTT5-3.2.2-12')
  }
  if (will.retain && !mqtt.retainAvailable) {
    throw new ProtocolError(ReasonCode.RetainNotSupported, 'Will is retained', 'MQTT5-3.2.2-13')
  }
}

function ownCopy(connect: Connect): Connect {
  const { password, will } = connect
  if (password === undefined && will === undefined) return connect
  return {
    ...connect,
    password: password?.slice(),
    will: will && { ...will, payload: will.payload.slice() },
  }
}

function accept(
  connection: Connection,
  connect: Connect,
  identity: Identity,
  authenticationData: Uint8Array | undefined,
): void {
  const { core } = connection
  const { user, groups = noGroups, variables = noVariables } = identity
  const clientIdentifier = connect.clientIdentifier || core.newClientIdentifier()
  connection.clientIdentifier = clientIdentifier
  const subject = { clientIdentifier, user, groups, variables }
  const { will } = connect
  if (will !== undefined && !core.access.mayPublish(subject, will.topicName, will.retain)) {
    core.losses.record(clientIdentifier, 'not-authorized', will.payload.length)
    return connection.refuse(ReasonCode.NotAuthorized, 'not allowed to publish the Will')
  }
  const existing = core.sessions.get(clientIdentifier)
  if (existing !== undefined && existing.user !== user) {
    // Before takeover and before Clean Start, so that the owner notices nothing.
    return connection.refuse(ReasonCode.NotAuthorized, 'the Session belongs to another user')
  }
  const other = core.connectionOf(clientIdentifier)?.transport
  if (other?.hear !== undefined && !connection.hasHeardOther) {
    // It may be the same client, that said goodbye before it came back.
    connection.hasHeardOther = true
    return other.hear(() => {
      if (connection.state !== 'connecting') return
      connection.guard(() => accept(connection, connect, identity, authenticationData))
    })
  }
  if (existing?.connection !== undefined && !mayTakeOver(connection)) return
  const mark = core.journal.mark
  endOthers(connection, connect)
  if (core.sessions.isLeaving(clientIdentifier)) {
    // From the beginning, as others may have come meanwhile.
    return core.sessions.whenGone(clientIdentifier, () => {
      if (connection.state !== 'connecting') return
      connection.guard(() => accept(connection, connect, identity, authenticationData))
    })
  }
  const { session, isPresent } = openSession(connection, connect, user)
  session.groups = groups
  session.variables = variables
  // Rules, groups and variables may have changed while it was away.
  if (isPresent) withdrawSubscriptions(core, session)
  attach(connection, session, connect)
  // One that needs no store is served also when that has failed.
  const isStoring = core.journal.mark !== mark
  core.journal.whenCommitted((error) => {
    if (connection.state !== 'connecting') return
    if (error !== undefined && isStoring) {
      core.wills.cancel(session) // that of a CONNECT that was not accepted
      connection.refuse(ReasonCode.ServerUnavailable, 'store failed')
      // The store does not know it, so nothing that is promised to it would be kept.
      if (!isPresent) core.sessions.end(session)
      return
    }
    connection.guard(() => {
      connection.sendConnack(connack(connection, connect, isPresent, authenticationData))
      session.senderIfAny?.pump()
    })
    connection.release()
  })
}

/** Refuses a takeover where clients take one identifier from each other without end. */
function mayTakeOver(connection: Connection): boolean {
  const { core, clientIdentifier: clientId } = connection
  const decision = core.flapping.takeover(clientId, core.clock.now())
  if (decision === 'allowed') return true
  const { address } = connection.transport
  if (decision === 'begins') {
    core.log.warn('clients fight for one identifier, takeovers are refused', { clientId, address })
  }
  connection.refuse(ReasonCode.ConnectionRateExceeded, 'the identifier is taken over too often')
  return false
}

/** Who had the Client Identifier before: the connection ends, and with Clean Start the Session. */
function endOthers({ core, clientIdentifier }: Connection, { cleanStart }: Connect): void {
  core.connectionOf(clientIdentifier)?.disconnect(
    ReasonCode.SessionTakenOver, // [MQTT5-3.1.4-3]
    'another connection uses this Client Identifier',
  )
  // Asked for again: the Session may have ended with its connection.
  const existing = core.sessions.get(clientIdentifier)
  if (existing === undefined) return
  // Its time may be over before anybody has looked.
  if (
    existing.connection === undefined &&
    (existing.endsAt ?? Number.POSITIVE_INFINITY) <= core.clock.now()
  ) {
    core.sessions.expire(existing)
  } else if (cleanStart) core.sessions.end(existing) // [MQTT5-3.1.2-4]
}

/** Resumes or begins the Session of a Client Identifier (section 3.1.4). */
function openSession(
  connection: Connection,
  connect: Connect,
  user: string | undefined,
): { session: Session; isPresent: boolean } {
  const { core, clientIdentifier } = connection
  const resumed = core.sessions.get(clientIdentifier)
  if (resumed !== undefined) {
    core.wills.cancel(resumed) // [MQTT5-3.1.3-9]
    core.deadlines.clear(resumed)
    resumed.endsAt = undefined
  }
  const session = resumed ?? core.sessions.begin({ clientIdentifier, owner: user })
  session.protocolVersion = connect.protocolVersion
  session.sessionExpiryInterval = grantedExpiry(connection, connect)
  session.isStored ||= session.sessionExpiryInterval > 0
  // Its predecessor may still be in the store, if its end found no room there.
  const before = { kind: 'session-end', clientIdentifier } as const
  if (resumed === undefined && (session.isStored || core.arrears.owes(before))) {
    core.journal.add(before, connection.level)
  }
  return { session, isPresent: resumed !== undefined }
}

/** Seconds, as asked for but at most what the configuration allows. */
function grantedExpiry(connection: Connection, connect: Connect): number {
  const asked = connect.properties.sessionExpiryInterval ?? 0
  // Clean Session 0 of 3.x keeps the Session without a limit of its own.
  const isForever = connect.protocolVersion < 5 && !connect.cleanStart
  return limitExpiry(connection.core.config, isForever ? never : asked)
}

function attach(connection: Connection, session: Session, connect: Connect): void {
  const { core } = connection
  const { mqtt } = core.config
  const isVersion5 = connect.protocolVersion === 5
  const ofClient = isVersion5
    ? Math.min(connect.properties.receiveMaximum ?? 65_535, mqtt.inFlightMaximum)
    : mqtt.inFlightMaximumMqtt3
  session.connection = connection
  session.level = connection.level
  // 3.x has no Receive Maximum: its packet identifiers are the limit.
  session.connected({ ofClient, ours: isVersion5 ? mqtt.receiveMaximum : 65_535 })
  connection.session = session
  if (isVersion5) connection.aliases = new InboundTopicAliases(mqtt.topicAliasMaximum)
  const aliasMaximum = Math.min(connect.properties.topicAliasMaximum ?? 0, mqtt.topicAliasMaximum)
  if (isVersion5 && aliasMaximum > 0) {
    connection.outboundAliases = new OutboundTopicAliases(aliasMaximum)
  }
  connection.accepted(keepAlive(connection, connect))
  if (connect.will !== undefined) core.wills.keep(session, connect.will)
  core.sessions.save(session)
  core.statistics.connectionsAccepted++
  core.statistics.clientsConnected++
  core.hooks.connected?.(session)
  core.log.info('client connected', {
    clientId: connection.clientIdentifier,
    address: connection.transport.address,
    version: connect.protocolVersion,
  })
}

/** Seconds; a 3.x client cannot be told another value, so it keeps its own [MQTT5-3.2.2-22]. */
function keepAlive(connection: Connection, connect: Connect): number {
  const { serverKeepAliveSeconds: limit } = connection.core.config.mqtt
  const { keepAliveSeconds } = connect
  if (limit === undefined || connect.protocolVersion < 5) return keepAliveSeconds
  return keepAliveSeconds === 0 ? limit : Math.min(keepAliveSeconds, limit)
}

function connack(
  connection: Connection,
  connect: Connect,
  sessionPresent: boolean,
  authenticationData: Uint8Array | undefined,
): Connack {
  const properties =
    connect.protocolVersion === 5 ? connackProperties(connection, connect, authenticationData) : {}
  return { type: 'connack', sessionPresent, reasonCode: ReasonCode.Success, properties }
}

/** Only what differs from the default of the standard (section 3.2.2.3). */
function connackProperties(
  connection: Connection,
  connect: Connect,
  authenticationData: Uint8Array | undefined,
): ConnackProperties {
  const { mqtt } = connection.core.config
  const properties: ConnackProperties = {}
  const granted = connection.session?.sessionExpiryInterval ?? 0
  const expiry = granted === Number.POSITIVE_INFINITY ? never : granted
  if (expiry !== (connect.properties.sessionExpiryInterval ?? 0)) {
    properties.sessionExpiryInterval = expiry
  }
  if (mqtt.receiveMaximum < 65_535) properties.receiveMaximum = mqtt.receiveMaximum
  if (mqtt.maximumQoS < 2) properties.maximumQoS = mqtt.maximumQoS as 0 | 1 // [MQTT5-3.2.2-9]
  if (!mqtt.retainAvailable) properties.retainAvailable = 0
  if (mqtt.maximumPacketSize < largestPacket) properties.maximumPacketSize = mqtt.maximumPacketSize
  if (connect.clientIdentifier === '') {
    properties.assignedClientIdentifier = connection.clientIdentifier // [MQTT5-3.1.3-7]
  }
  if (mqtt.topicAliasMaximum > 0) properties.topicAliasMaximum = mqtt.topicAliasMaximum
  if (!mqtt.wildcardSubscriptionAvailable) properties.wildcardSubscriptionAvailable = 0
  if (!mqtt.subscriptionIdentifierAvailable) properties.subscriptionIdentifierAvailable = 0
  if (!mqtt.sharedSubscriptionAvailable) properties.sharedSubscriptionAvailable = 0
  const seconds = keepAlive(connection, connect)
  if (seconds !== connect.keepAliveSeconds) properties.serverKeepAlive = seconds
  if (connect.properties.requestResponseInformation === 1 && mqtt.responseInformation) {
    properties.responseInformation = mqtt.responseInformation // else absent [MQTT5-3.1.2-28]
  }
  const { authenticationMethod } = connect.properties
  if (authenticationMethod !== undefined) {
    properties.authenticationMethod = authenticationMethod // [MQTT5-4.12.0-5]
    if (authenticationData !== undefined) properties.authenticationData = authenticationData
  }
  return properties
}
