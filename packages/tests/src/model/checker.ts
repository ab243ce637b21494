import { Deliveries } from './deliveries.ts'
import { findDisorder, findDuplicates, findInvented, findLost } from './delivery-rules.ts'
import type { ClientLog } from './log.ts'
import {
  findProtocolFaults,
  findWrongRetained,
  findWrongSessions,
  findWrongWills,
} from './state-rules.ts'
import { type Facts, readTimeline } from './timeline.ts'
import type { Rule, Violation } from './violation.ts'

export interface Counts {
  /** Messages, Wills included. */
  readonly sent: number
  /** With success. */
  readonly acked: number
  /** Deliveries, also of retained messages. */
  readonly received: number
  /** Deliveries that were promised and did not come. */
  readonly lost: number
  /** Deliveries of QoS 1 and 2 beyond the first. */
  readonly duplicated: number
  readonly disordered: number
}

export interface Report {
  readonly violations: readonly Violation[]
  readonly counts: Counts
}

/**
 * Checks the logs of all clients of a run against the durability contract. Every Session that was
 * left at the end must have been drained: its client connected, and nothing on its way.
 */
export function check(logs: readonly ClientLog[], facts: Facts = {}): Report {
  const deliveries = new Deliveries(readTimeline(logs, facts))
  const violations = [
    ...findLost(deliveries, facts),
    ...findDuplicates(deliveries),
    ...findDisorder(deliveries, facts),
    ...findInvented(deliveries),
    ...findWrongRetained(deliveries, facts),
    ...findWrongSessions(deliveries),
    ...findWrongWills(deliveries, facts),
    ...findProtocolFaults(logs),
  ]
  return { violations, counts: count(deliveries, violations) }
}

function count({ timeline }: Deliveries, violations: readonly Violation[]): Counts {
  const messages = [...timeline.messages.values()]
  const receipts = timeline.spans.flatMap(({ received }) => received)
  const seen = new Set<string>()
  let duplicated = 0
  for (const { clientIdentifier, received } of timeline.spans) {
    for (const { message, qos, retain } of received) {
      if (qos === 0 || retain) continue
      const key = `${clientIdentifier} ${message}`
      if (seen.has(key)) duplicated++
      seen.add(key)
    }
  }
  const messagesOf = (rule: Rule) =>
    violations.reduce((sum, each) => sum + (each.rule === rule ? each.messages.length : 0), 0)
  return {
    sent: messages.length,
    acked: messages.filter(({ acked }) => acked !== undefined && acked.code < 0x80).length,
    received: receipts.length,
    lost: messagesOf('I1'),
    duplicated,
    disordered: violations.filter(({ rule }) => rule === 'I3').length,
  }
}
