import { firstFailure, ReasonCode } from '@busbar/protocol'
import type { Deliveries, Receipt } from './deliveries.ts'
import type { ClientLog } from './log.ts'
import type { MessageName } from './payload.ts'
import type { Facts, SentMessage } from './timeline.ts'
import type { Violation } from './violation.ts'

/** I5: retained is the last acknowledged message of a topic, or a later one without its answer. */
export function findWrongRetained({ timeline }: Deliveries, facts: Facts): Violation[] {
  const { retained, ledger = new Map<string, number>() } = facts
  // What found no room and was sent again may come behind what was sent later.
  const isOrdered = facts.hadNoRoom !== true && [...ledger.values()].every((lost) => lost === 0)
  if (retained === undefined) return []
  const byTopic = new Map<string, SentMessage[]>()
  for (const message of timeline.messages.values()) {
    if (!message.retain) continue
    const others = byTopic.get(message.topicName)
    if (others === undefined) byTopic.set(message.topicName, [message])
    else others.push(message)
  }
  const violations: Violation[] = []
  for (const [topicName, writes] of byTopic) {
    const found = retained.get(topicName)
    const culprit = found === undefined ? missing(writes) : replaced(writes, found, isOrdered)
    if (culprit === undefined) continue
    const text = `${topicName} retains ${found ?? 'nothing'} although ${culprit.name} was acknowledged`
    const messages = found === undefined ? [culprit.name] : [culprit.name, found]
    violations.push({ rule: 'I5', text, clients: [culprit.publisher], messages })
  }
  return violations
}

function isAcked({ acked }: SentMessage): boolean {
  return acked !== undefined && acked.code < firstFailure
}

/** Whether `later` took effect after `earlier` in any case. */
function isAfter(later: SentMessage, earlier: SentMessage, isOrdered = true): boolean {
  if (later === earlier) return false
  // Sent again, QoS 1 takes effect again, and QoS 2 does not.
  const isNext =
    isOrdered &&
    later.publisher === earlier.publisher &&
    later.sequence > earlier.sequence &&
    (earlier.qos !== 1 || later.qos === 1)
  // A Will is sent when the broker finds that it is time.
  if (isNext && earlier.will === undefined) return true
  return earlier.acked !== undefined && later.sentAt > earlier.acked.at
}

/** A write that must have replaced what was found. */
function replaced(
  writes: readonly SentMessage[],
  name: MessageName,
  isOrdered: boolean,
): SentMessage | undefined {
  const found = writes.find((write) => write.name === name)
  if (found === undefined) return undefined // not sent: I4 has it
  return writes.find((write) => isAcked(write) && isAfter(write, found, isOrdered))
}

/** A write that must be there, because nothing may have removed it. */
function missing(writes: readonly SentMessage[]): SentMessage | undefined {
  return writes.find(
    (write) =>
      isAcked(write) &&
      !write.isEmpty &&
      !writes.some((other) => (other.isEmpty || other.expires) && !isAfter(write, other)),
  )
}

/** I6: Session Present tells the truth, and a Session has the subscriptions that it was given. */
export function findWrongSessions(deliveries: Deliveries): Violation[] {
  const faults = deliveries.timeline.sessionFaults.map(
    ({ clientIdentifier, at, text }): Violation => ({
      rule: 'I6',
      text: `${text} (${at.toFixed(1)} ms)`,
      clients: [clientIdentifier],
      messages: [],
    }),
  )
  return [...faults, ...findStray(deliveries)]
}

/** What comes to a Session was asked for in that Session. */
function findStray(deliveries: Deliveries): Violation[] {
  const violations: Violation[] = []
  for (const span of deliveries.timeline.spans) {
    const stray = span.received.find(
      ({ topicName }) =>
        !deliveries.mayGetOrdinary(span, topicName) &&
        deliveries.sharedFilters(span, topicName).length === 0,
    )
    const { clientIdentifier } = span
    const report = ({ topicName, message }: Receipt, what: string) => {
      const text = `received from ${topicName}, which this Session has ${what}`
      violations.push({ rule: 'I6', text, clients: [clientIdentifier], messages: [message] })
    }
    if (stray !== undefined) report(stray, 'not subscribed to')
    const late = span.received.find(({ message: name, at }) => {
      const message = deliveries.timeline.messages.get(name)
      return message !== undefined && deliveries.isGivenUp(span, message, at)
    })
    if (late !== undefined) report(late, 'unsubscribed from before')
  }
  return violations
}

/** I8: no Will of a client that has left in order, and none twice. */
export function findWrongWills(deliveries: Deliveries, { crashes = [] }: Facts): Violation[] {
  const violations: Violation[] = []
  const { messages, spans } = deliveries.timeline
  const clients = new Set(spans.map(({ clientIdentifier }) => clientIdentifier))
  for (const { name, will, publisher } of messages.values()) {
    if (will === undefined) continue
    for (const client of clients) {
      const receipts = deliveries.of(client).get(name) ?? []
      const [first] = receipts
      if (first === undefined) continue
      const both = { clients: [publisher, client], messages: [name] }
      if (will.isDropped) {
        violations.push({ rule: 'I8', text: `Will of a client that had left in order`, ...both })
      }
      const last = receipts.at(-1) ?? first
      const [from, to] = [first.receipt.at, last.receipt.at]
      // QoS 1 says "at least once", which a crash or a broken connection makes true.
      const mayRepeat =
        first.receipt.qos === 1 &&
        (last.receipt.dup || crashes.some((crash) => crash >= from && crash <= to))
      if (receipts.length === 1 || mayRepeat) continue
      violations.push({ rule: 'I8', text: `Will received ${receipts.length} times`, ...both })
    }
  }
  return violations
}

/** What the standard forbids whatever the invariants: seen by the client at once. */
export function findProtocolFaults(logs: readonly ClientLog[]): Violation[] {
  const violations: Violation[] = []
  for (const { clientIdentifier, events } of logs) {
    for (const event of events) {
      const text =
        event.event === 'fault'
          ? event.text
          : event.event === 'disconnected' && event.code !== undefined && blames.has(event.code)
            ? `the broker ended a correct client with Reason Code 0x${event.code.toString(16)}`
            : undefined
      if (text === undefined) continue
      const at = `${text} (${event.at.toFixed(1)} ms)`
      violations.push({ rule: 'protocol', text: at, clients: [clientIdentifier], messages: [] })
    }
  }
  return violations
}

/** Reason Codes that blame the client. */
const blames: ReadonlySet<number> = new Set([
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.NotAuthorized,
  ReasonCode.TopicFilterInvalid,
  ReasonCode.TopicNameInvalid,
  ReasonCode.ReceiveMaximumExceeded,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
])
