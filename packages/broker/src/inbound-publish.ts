import {
  firstFailure,
  noProperties,
  ProtocolError,
  type Publish,
  type PublishProperties,
  parseTopicName,
  type QoS,
  ReasonCode,
} from '@busbar/protocol'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import type { HookRefusal } from './hooks/hooks.ts'
import { createMessage, type Message } from './message.ts'
import { copyPayload } from './payload.ts'
import type { Route } from './route-cache.ts'
import type { Session } from './session.ts'
import { StoreFullError } from './store/errors.ts'

/**
 * PUBLISH from a client: the ordered steps. Their order is the design. `route` is that of its Topic
 * Name, where that is known and therefore checked; it has no properties then.
 */
export function inboundPublish(
  connection: Connection,
  session: Session,
  publish: Publish,
  route?: Route,
): void {
  const { core } = connection
  checkAbilities(connection, publish)
  const { qos, packetIdentifier } = publish
  const payloadBytes = publish.payload.length
  // 1. Before authorisation, because an alias would otherwise be authorised as the empty topic.
  const topicName = route === undefined ? resolveTopic(connection, publish) : publish.topicName
  // 2. Receive Maximum, and whether QoS 2 has brought it before.
  const answer = arrive(connection, session, { qos, packetIdentifier, payloadBytes })
  if (answer === undefined) return
  // 3. Authorise.
  if (!core.access.mayPublish(session, topicName, publish.retain)) return refuse(answer)
  // 4. to 6. Match, store with this turn's batch, deliver; acknowledged when that is committed.
  const message = ownMessage(connection, topicName, publish)
  if (core.hooks.publish !== undefined) return publishWithHooks(answer, message)
  const reasonCode = core.publishing.publish(message, { route })
  if (qos > 0) acknowledge(answer, reasonCode)
}

/** What of a PUBLISH its answer needs. */
interface Arrived {
  readonly qos: QoS
  /** 0 at QoS 0. */
  readonly packetIdentifier: number
  readonly payloadBytes: number
}

/** A PUBLISH to be answered; `mark` is where the journal was before it. */
interface Answer extends Arrived {
  readonly connection: Connection
  readonly session: Session
  readonly mark: number
  /** Not a QoS 2 message that has come before. */
  readonly isNew: boolean
}

/** Receive Maximum, and QoS 2 that has come before; undefined when it is answered already. */
export function arrive(
  connection: Connection,
  session: Session,
  { qos, packetIdentifier, payloadBytes }: Arrived,
): Answer | undefined {
  const { core } = connection
  const arrival = qos === 0 ? 'new' : session.inbound.publish(packetIdentifier, qos)
  countPublish(core, payloadBytes)
  const { mark } = core.journal
  const isNew = arrival === 'new'
  const answer = { connection, session, qos, packetIdentifier, payloadBytes, mark, isNew }
  if (isNew) return answer
  if (arrival === 'repeated') acknowledge(answer, ReasonCode.Success)
  else refuseInUse(answer)
  return undefined
}

function resolveTopic({ aliases, core }: Connection, publish: Publish): string {
  const topicName = aliases.resolve(publish.topicName, publish.properties.topicAlias)
  if (publish.topicName !== '') parseTopicName(topicName, core.config.limits.topicLevels)
  return topicName
}

/** What CONNACK said is not available (U5-3.2.2-a), (U5-3.2.2-b). */
function checkAbilities(connection: Connection, publish: Publish): void {
  const { mqtt } = connection.core.config
  if (publish.qos > mqtt.maximumQoS) {
    throw new ProtocolError(ReasonCode.QoSNotSupported, 'QoS is too high', 'MQTT5-3.2.2-11')
  }
  if (publish.retain && !mqtt.retainAvailable) {
    throw new ProtocolError(
      ReasonCode.RetainNotSupported,
      'RETAIN is not available',
      'MQTT5-3.2.2-14',
    )
  }
}

export function countPublish({ statistics }: Core, payloadBytes: number): void {
  statistics.publishReceived++
  statistics.publishBytesReceived += payloadBytes
}

/**
 * The payload and Correlation Data are views of a read buffer: what is kept is copied. That of a message
 * that is retained at once is copied there, and nowhere else.
 */
function ownMessage(connection: Connection, topicName: string, publish: Publish) {
  const { core, clientIdentifier: publisher, readAt, session } = connection
  const { qos, retain } = publish
  const isRetainedAtOnce = retain && core.hooks.publish === undefined
  const payload = isRetainedAtOnce ? publish.payload : copyPayload(publish.payload)
  const properties =
    publish.properties === noProperties ? noProperties : ownProperties(publish.properties)
  const publisherUser = retain ? session?.user : undefined
  const fields = { topicName, payload, qos, retain, properties, publisher, publisherUser }
  return createMessage(fields, readAt)
}

function ownProperties({ topicAlias, ...properties }: PublishProperties): PublishProperties {
  const { correlationData } = properties
  if (correlationData === undefined) return properties
  return { ...properties, correlationData: correlationData.slice() }
}

/** Not allowed: told by Reason Code in 5.0; in 3.x acknowledged all the same [MQTT3-3.3.5-2]. */
function refuse(answer: Answer): void {
  const { connection, qos, payloadBytes } = answer
  const { core, clientIdentifier, version } = connection
  core.losses.record(clientIdentifier, 'not-authorized', payloadBytes)
  if (version !== 5 && core.config.access.whenPublishDenied === 'close') {
    return connection.disconnect(ReasonCode.NotAuthorized, 'not allowed to publish this topic')
  }
  if (qos === 0) return
  acknowledge(answer, version === 5 ? ReasonCode.NotAuthorized : ReasonCode.Success)
}

/** Between 3. and 4.: the hooks of the program. While one thinks, nothing more is read. */
function publishWithHooks(answer: Answer, message: Message): void {
  const { connection, session, qos, packetIdentifier } = answer
  const { core } = connection
  const { clientIdentifier, user } = session
  let isHeld = false
  let isDecided = false
  const decided = (changed: Message | undefined, refusal: HookRefusal | undefined) => {
    isDecided = true
    if (!isHeld) return followHooks(answer, changed, refusal)
    if (connection.state !== 'connected') {
      // Unacknowledged, and sent again by a client whose Session goes on; QoS 0 is only sent once.
      if (qos === 0 && changed !== undefined && refusal === undefined)
        core.publishing.publish(changed)
      return
    }
    connection.guard(() => {
      if (qos > 0) session.inbound.publish(packetIdentifier, qos as 1 | 2)
      followHooks(answer, changed, refusal)
    })
    connection.release()
  }
  core.hooks.publish?.(message, { clientIdentifier, user, origin: 'client' }, decided)
  if (isDecided) return
  isHeld = true
  connection.hold()
  // As if it had not come yet, so that it is new when the client has to send it again.
  if (qos === 1) session.inbound.acknowledged(packetIdentifier)
  if (qos === 2) session.inbound.refused(packetIdentifier)
}

function followHooks(
  answer: Answer,
  message: Message | undefined,
  refusal: HookRefusal | undefined,
): void {
  const { connection, qos, payloadBytes } = answer
  const { core, clientIdentifier, version } = connection
  if (message !== undefined && refusal === undefined) {
    const reasonCode = core.publishing.publish(message)
    if (qos > 0) acknowledge(answer, reasonCode)
    return
  }
  core.losses.record(clientIdentifier, 'refused-by-hook', payloadBytes)
  if (qos === 0) return
  acknowledge(answer, version === 5 ? (refusal?.reasonCode ?? 0) : ReasonCode.Success)
}

/** The identifier is that of an exchange of the other QoS; 3.x has no answer but the end. */
function refuseInUse({ connection, qos, packetIdentifier }: Answer): void {
  const reasonCode = ReasonCode.PacketIdentifierInUse
  if (connection.version !== 5) {
    throw new ProtocolError(reasonCode, 'Packet Identifier is in use', 'MQTT3-2.3.1-2')
  }
  const type = qos === 1 ? 'puback' : 'pubrec'
  connection.sendAcknowledgement(type, packetIdentifier, reasonCode)
}

/**
 * PUBACK or PUBREC, when everything before it is durable. The identifier of QoS 2 is stored in the
 * same batch as the message: either both survive a crash or none.
 */
export function acknowledge(answer: Answer, reasonCode: number): void {
  const { connection, session, qos, packetIdentifier, mark } = answer
  const { core, version } = connection
  const isFailure = reasonCode >= firstFailure
  if (version !== 5 && isFailure && core.config.mqtt.whenQueueFull === 'close') {
    return connection.disconnect(reasonCode, 'message could not be queued')
  }
  if (qos === 2 && session.isStored && !(version === 5 && isFailure)) {
    const { clientIdentifier } = session
    core.journal.add({ kind: 'received', clientIdentifier, packetIdentifier }, session.level)
  }
  if (core.isSettled(connection, mark)) acknowledged(answer, reasonCode)
  else acknowledgeLater(answer, reasonCode)
}

// Apart, because a function that makes a closure pays for it also where it does not.
function acknowledgeLater(answer: Answer, reasonCode: number): void {
  const { connection, mark } = answer
  connection.core.acknowledge(connection, mark, (error) => acknowledged(answer, reasonCode, error))
}

/** Everything before it is durable, or cannot be. */
function acknowledged(answer: Answer, reasonCode: number, error?: Error): void {
  const { connection, session, qos, packetIdentifier, isNew } = answer
  const { version } = connection
  // What came before is stored already, and stays so; or it could not be, and is sent once more.
  const isForgotten = qos === 2 && !isNew && !session.inbound.has(packetIdentifier)
  if (isForgotten) return connection.disconnect(ReasonCode.QuotaExceeded, 'store failed')
  if (error !== undefined && !isNew) {
    return connection.disconnect(failureCode(error), 'store failed')
  }
  if (error !== undefined && version !== 5) {
    // 3.x cannot be told: closed without an acknowledgement, the client sends it again.
    session.inbound.refused(packetIdentifier)
    return connection.disconnect(failureCode(error), 'store failed')
  }
  const code = error === undefined ? reasonCode : failureCode(error)
  const type = qos === 1 ? 'puback' : 'pubrec'
  if (type === 'puback') session.inbound.acknowledged(packetIdentifier)
  // A failure that 3.x cannot be told is acknowledged like a success.
  else if (version === 5 && code >= firstFailure) session.inbound.refused(packetIdentifier)
  connection.sendAcknowledgement(type, packetIdentifier, code)
}

/** What a 5.0 publisher is told when its message could not be stored. */
function failureCode(error: Error): number {
  return error instanceof StoreFullError
    ? ReasonCode.QuotaExceeded
    : ReasonCode.ImplementationSpecificError
}

/** PUBREL: the identifier is free from now on, which is stored before PUBCOMP says so. */
export function inboundPubrel(
  connection: Connection,
  session: Session,
  packetIdentifier: number,
): void {
  const { core } = connection
  const { mark } = core.journal
  const isKnown = session.inbound.pubrel(packetIdentifier)
  const reasonCode = isKnown ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound
  if (isKnown && session.isStored) {
    const { clientIdentifier } = session
    core.journal.add({ kind: 'forgotten', clientIdentifier, packetIdentifier }, session.level)
  }
  if (core.isSettled(connection, mark)) {
    connection.sendAcknowledgement('pubcomp', packetIdentifier, reasonCode)
  } else releaseLater({ connection, session, packetIdentifier, mark, isKnown }, reasonCode)
}

interface Release {
  readonly connection: Connection
  readonly session: Session
  readonly packetIdentifier: number
  readonly mark: number
  readonly isKnown: boolean
}

function releaseLater(release: Release, reasonCode: number): void {
  const { connection, session, packetIdentifier, mark, isKnown } = release
  connection.core.acknowledge(connection, mark, (error) => {
    if (error === undefined) {
      return connection.sendAcknowledgement('pubcomp', packetIdentifier, reasonCode)
    }
    // It is still held in the store: the client has to release it again.
    if (isKnown) session.inbound.restore(packetIdentifier)
    connection.disconnect(failureCode(error), 'store failed')
  })
}
