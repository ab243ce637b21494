import { topicMatches } from '@busbar/protocol'
import type { LogEvent } from './log.ts'
import type { AskedFilter, SentMessage, Span, Subscription, Timeline } from './timeline.ts'

export type Receipt = Extract<LogEvent, { event: 'received' }>

/** What every rule asks of the logs, with the answers kept. */
export class Deliveries {
  readonly timeline: Timeline
  /** By client, what came by ordinary delivery and not as a retained message. */
  readonly #receipts = new Map<string, Map<string, { receipt: Receipt; span: Span }[]>>()
  readonly #matches = new Map<string, boolean>()

  constructor(timeline: Timeline) {
    this.timeline = timeline
    for (const span of timeline.spans) {
      const byMessage = this.of(span.clientIdentifier)
      for (const receipt of span.received) {
        if (receipt.retain) continue
        const others = byMessage.get(receipt.message)
        if (others === undefined) byMessage.set(receipt.message, [{ receipt, span }])
        else others.push({ receipt, span })
      }
    }
  }

  /** What a client has received, by message. */
  of(clientIdentifier: string): Map<string, { receipt: Receipt; span: Span }[]> {
    let byMessage = this.#receipts.get(clientIdentifier)
    if (byMessage === undefined) {
      byMessage = new Map()
      this.#receipts.set(clientIdentifier, byMessage)
    }
    return byMessage
  }

  /** Share names left out. */
  matches({ filter }: Pick<Subscription, 'filter'>, topicName: string): boolean {
    const key = `${filter.topicFilter} ${topicName}`
    let known = this.#matches.get(key)
    if (known === undefined) {
      known = topicMatches(filter.topicFilter, topicName)
      this.#matches.set(key, known)
    }
    return known
  }

  /** The Shared Subscriptions, by filter, through which a Session may get messages of a topic. */
  sharedFilters(span: Span, topicName: string): string[] {
    return [...span.asked.values()]
      .filter((asked) => asked.filter.shareName !== undefined && this.matches(asked, topicName))
      .map(({ filter }) => filter.text)
  }

  mayGetOrdinary(span: Span, topicName: string): boolean {
    for (const asked of span.asked.values()) {
      if (asked.filter.shareName === undefined && this.matches(asked, topicName)) return true
    }
    return false
  }

  /** Every filter by which it could have come was given up before it was sent, and answered for. */
  isGivenUp(span: Span, { sentAt, topicName }: SentMessage, receivedAt: number): boolean {
    const asked = [...span.asked.values()].filter((each) => this.matches(each, topicName))
    const isAbsent = ({ absences }: AskedFilter) =>
      absences.some(({ from, until }) => from < sentAt && receivedAt < until)
    return asked.length > 0 && asked.every(isAbsent)
  }

  /** The highest QoS at which a Session may have been sent it by ordinary delivery. */
  highestQoS(span: Span, { qos, topicName }: SentMessage): number {
    const asked = [...span.asked.values()]
      .filter((each) => each.filter.shareName === undefined && this.matches(each, topicName))
      .map(({ highestQoS }) => highestQoS)
    return Math.min(qos, Math.max(0, ...asked))
  }

  /** An ordinary subscription that holds from before the message was sent until it was acked. */
  covers(span: Span, message: SentMessage, until: number): boolean {
    return span.subscriptions.some(
      (subscription) =>
        subscription.filter.shareName === undefined &&
        isDuring(subscription, message, until) &&
        this.matches(subscription, message.topicName),
    )
  }
}

/** Whether the subscription held from before the message was sent until `until`. */
export function isDuring(
  { qos, from, until: end }: Subscription,
  { sentAt }: SentMessage,
  until: number,
): boolean {
  return qos > 0 && from < sentAt && until < end
}
