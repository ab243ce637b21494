import { noProperties, writeAck } from '@busbar/protocol'
import type { Connection } from './connection.ts'
import { ClientError } from './errors.ts'
import type { ClientOptions } from './options.ts'
import { OutgoingMessage, plainResult } from './outgoing-message.ts'
import type { Session } from './session.ts'

const pubrec = plainResult('pubrec')

/** Prepares what the Session sends again, before its new Network Connection sends anything [MQTT5-4.4.0-1]. */
export function resume({ unanswered, publisher }: Session, connection: Connection): void {
  publisher.again.takeAll()
  for (const message of messagesOf(unanswered.values())) {
    message.hasQuota = false
    // At once, and whatever the quota: a PUBREL takes none [MQTT5-4.6.0-4].
    if (message.isReleased) writePubrel(connection, message.packetIdentifier, 0)
    else publisher.again.push(message)
  }
}

/** The server has no Session: what it had not taken is sent anew, before all that waits. */
export function requeue(
  { counts, unanswered, publisher }: Session,
  { session = {} }: ClientOptions,
): void {
  const { requeueWhenLost = true } = session
  const isAnew = ({ isReleased }: OutgoingMessage) => requeueWhenLost && !isReleased
  const messages = [...messagesOf(unanswered.values())]
  if (messages.length === 0) return
  const later = publisher.waiting.takeAll()
  publisher.again.takeAll()
  for (const message of messages) {
    const { sequence } = message
    unanswered.delete(message.packetIdentifier)
    message.packetIdentifier = 0
    message.hasQuota = false
    if (!isAnew(message)) continue
    counts.requeued++
    publisher.line(message)
    publisher.journal?.add({ type: 'update', sequence, state: 'waiting', packetIdentifier: 0 })
  }
  for (const message of later) publisher.waiting.push(message)
  // Last, because what is settled lets new messages in.
  for (const message of messages) {
    if (!isAnew(message)) publisher.end(message, message.isReleased ? pubrec : lostAway())
  }
}

export function* messagesOf(exchanges: Iterable<unknown>): Generator<OutgoingMessage> {
  for (const exchange of exchanges) if (exchange instanceof OutgoingMessage) yield exchange
}

export function writePubrel(
  connection: Connection | undefined,
  packetIdentifier: number,
  reasonCode: number,
): void {
  const properties = noProperties
  connection?.write({ type: 'pubrel', packetIdentifier, reasonCode, properties }, writeAck)
}

function lostAway(): ClientError {
  const text = 'the server has lost the Session that the message belonged to'
  return new ClientError('session-lost', text)
}
