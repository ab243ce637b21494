import { firstFailure } from '@busbar/protocol'
import { type Deliveries, isDuring, type Receipt } from './deliveries.ts'
import type { Facts, SentMessage, Span } from './timeline.ts'
import type { Violation } from './violation.ts'

/** A message that the broker has answered for, with the time of that. */
function isPromised(message: SentMessage): message is SentMessage & { acked: { at: number } } {
  const { acked, qos, expires, isEmpty } = message
  return acked !== undefined && acked.code < firstFailure && qos > 0 && !expires && !isEmpty
}

/** I1: acknowledged, and matched by a subscription whose Session is still there: received. */
export function findLost(deliveries: Deliveries, facts: Facts): Violation[] {
  const violations: Violation[] = []
  const { messages, spans } = deliveries.timeline
  const promised = [...messages.values()].filter(isPromised)
  for (const span of spans) {
    if (span.until !== Number.POSITIVE_INFINITY) continue
    const { clientIdentifier } = span
    const received = deliveries.of(clientIdentifier)
    const lost = promised
      .filter((message) => deliveries.covers(span, message, message.acked.at))
      .filter(({ name }) => !received.has(name))
      .map(({ name }) => name)
    const inLedger = facts.ledger?.get(clientIdentifier) ?? 0
    if (lost.length <= inLedger) continue
    const ledger = inLedger > 0 ? `; only ${inLedger} of them are in the ledger` : ''
    const text = `acknowledged and not received${ledger}`
    violations.push({ rule: 'I1', text, clients: [clientIdentifier], messages: lost })
  }
  return [...violations, ...findLostByGroups(deliveries, promised, facts)]
}

/** I1 for Shared Subscriptions: received by one of the members. */
function findLostByGroups(
  deliveries: Deliveries,
  promised: readonly (SentMessage & { acked: { at: number } })[],
  facts: Facts,
): Violation[] {
  const violations: Violation[] = []
  for (const [filter, members] of groups(deliveries.timeline.spans)) {
    const clients = [...new Set(members.map(({ clientIdentifier }) => clientIdentifier))]
    if (members.some((member) => member.asked.get(filter)?.qos === 0)) continue
    if (clients.some((client) => (facts.ledger?.get(client) ?? 0) > 0)) continue
    const mayPassOn = facts.hadNoRoom !== true && members.every((member) => member.isPersistent)
    const isKept = (message: SentMessage & { acked: { at: number } }) => {
      // What a Session leaves behind at QoS 1 goes to a member that is there to the end.
      const isPassedOn = mayPassOn && message.qos === 1
      const isHeld = members.some(
        (member) =>
          member.until === Number.POSITIVE_INFINITY &&
          member.subscriptions.some(
            (subscription) =>
              subscription.filter.text === filter &&
              isDuring(subscription, message, message.acked.at) &&
              (!isPassedOn || subscription.until === Number.POSITIVE_INFINITY) &&
              deliveries.matches(subscription, message.topicName),
          ),
      )
      return isHeld && (isPassedOn || members.every((member) => isSafe(member, members, message)))
    }
    const lost = promised
      .filter(isKept)
      .filter(({ name }) => clients.every((client) => !deliveries.of(client).has(name)))
      .map(({ name }) => name)
    if (lost.length === 0) continue
    const text = `acknowledged and received by no member of ${filter}`
    violations.push({ rule: 'I1', text, clients, messages: lost })
  }
  return violations
}

/** The Sessions that may have been members, by Shared Subscription. */
function groups(spans: readonly Span[]): ReadonlyMap<string, readonly Span[]> {
  const byFilter = new Map<string, Span[]>()
  for (const span of spans) {
    for (const { filter } of span.asked.values()) {
      if (filter.shareName === undefined) continue
      byFilter.set(filter.text, [...(byFilter.get(filter.text) ?? []), span])
    }
  }
  return byFilter
}

/** A member that took the message has kept it: its Session is still there, or had ended before. */
function isSafe(member: Span, members: readonly Span[], { sentAt }: SentMessage): boolean {
  if (member.until === Number.POSITIVE_INFINITY) return true
  return members.some(
    ({ clientIdentifier, number, from }) =>
      clientIdentifier === member.clientIdentifier && number > member.number && from < sentAt,
  )
}

/** I2: a QoS 2 message comes once to each subscriber, and once to each Shared Subscription. */
export function findDuplicates(deliveries: Deliveries): Violation[] {
  const violations: Violation[] = []
  const byGroup = new Map<string, Set<string>>()
  const clients = new Set(deliveries.timeline.spans.map(({ clientIdentifier }) => clientIdentifier))
  for (const clientIdentifier of clients) {
    for (const [message, receipts] of deliveries.of(clientIdentifier)) {
      const exact = receipts.filter(({ receipt }) => receipt.qos === 2)
      if (exact.length === 0) continue
      const { topicName } = (exact[0] as { receipt: Receipt }).receipt
      const spans = [...new Set(exact.map(({ span }) => span))]
      const shared = new Set(spans.flatMap((span) => deliveries.sharedFilters(span, topicName)))
      const ordinary = spans.some((span) => deliveries.mayGetOrdinary(span, topicName)) ? 1 : 0
      const counts = countBySession(exact.map(({ span }) => span))
      const most = Math.max(...counts)
      if (most > Math.max(1, shared.size + ordinary)) {
        const text = `QoS 2, received ${most} times by ${clientIdentifier}`
        violations.push({ rule: 'I2', text, clients: [clientIdentifier], messages: [message] })
      }
      const [only] = shared
      if (shared.size !== 1 || ordinary > 0 || spans.some((span) => !span.isPersistent)) continue
      const key = `${only} ${message}`
      byGroup.set(key, (byGroup.get(key) ?? new Set()).add(clientIdentifier))
    }
  }
  for (const [key, members] of byGroup) {
    if (members.size < 2) continue
    const [filter, message] = key.split(' ') as [string, string]
    const text = `QoS 2, received by ${members.size} members of ${filter}`
    violations.push({ rule: 'I2', text, clients: [...members], messages: [message] })
  }
  return violations
}

/**
 * All Sessions that outlive their connection count as one: the message does not leave before it is
 * stored. One that ends with its connection counts alone: a crash takes its memory with it.
 */
function countBySession(spans: readonly Span[]): number[] {
  const counts = new Map<Span | 'persistent', number>()
  for (const span of spans) {
    const key = span.isPersistent ? 'persistent' : span
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts.values()]
}

/**
 * I3: messages of one publisher and one QoS come to a subscriber in the order in which they were
 * sent, as far as they come for the first time.
 */
export function findDisorder(deliveries: Deliveries, facts: Facts): Violation[] {
  const violations: Violation[] = []
  const { messages, spans } = deliveries.timeline
  for (const span of spans) {
    const { clientIdentifier } = span
    // What was dropped because a queue was full may be sent again by its publisher.
    if ((facts.ledger?.get(clientIdentifier) ?? 0) > 0) continue
    const latest = new Map<string, SentMessage>()
    for (const receipt of span.received) {
      const message = messages.get(receipt.message)
      const first = deliveries.of(clientIdentifier).get(receipt.message)?.[0]
      if (message === undefined || message.will !== undefined || first?.receipt !== receipt)
        continue
      // Its publisher sends it again, but to this subscriber it may be lost: order is not to be had.
      if (receipt.qos === 0 && message.qos > 0) continue
      const { topicName } = message
      if (deliveries.sharedFilters(span, topicName).length > 0) continue
      const key = `${message.publisher} ${message.qos} ${receipt.qos}`
      const before = latest.get(key)
      if (before === undefined || before.sequence < message.sequence) {
        latest.set(key, message)
        continue
      }
      // It may have found no room the first time, and its publisher has not heard of that.
      if (facts.hadNoRoom === true && message.isRepeated) continue
      // Else a transmission may have met no subscription, or have expired, and a resend not.
      if (message.expires || !deliveries.covers(span, message, receipt.at)) continue
      // At a higher QoS it may have waited for the store, and been sent again after a crash.
      if (deliveries.highestQoS(span, message) > receipt.qos) continue
      const text = `${message.name} came after ${before.name} (QoS ${receipt.qos})`
      const names = [message.name, before.name]
      violations.push({ rule: 'I3', text, clients: [clientIdentifier], messages: names })
    }
  }
  return violations
}

/** I4: what is received was sent, as it was sent. */
export function findInvented(deliveries: Deliveries): Violation[] {
  const violations: Violation[] = []
  const { messages, spans } = deliveries.timeline
  for (const span of spans) {
    for (const { message: name, topicName, qos, at } of span.received) {
      const message = messages.get(name)
      const text =
        message === undefined || at < message.sentAt
          ? 'received and not sent'
          : topicName !== message.topicName
            ? `sent to ${message.topicName}, received from ${topicName}`
            : qos > message.qos
              ? `sent with QoS ${message.qos}, received with QoS ${qos}`
              : undefined
      if (text === undefined) continue
      violations.push({ rule: 'I4', text, clients: [span.clientIdentifier], messages: [name] })
    }
  }
  return violations
}
