import type { SubscriptionFilter, SubscriptionOptions, TopicFilter } from '@busbar/protocol'
import type { Session } from './session.ts'

/** What a subscription is beside its Session and its filter. */
interface Terms {
  /** `qos` is the granted one. */
  readonly options: SubscriptionOptions
  readonly subscriptionIdentifier: number | undefined
}

/** One Session's subscription to one Topic Filter. One object, as there may be millions. */
export class Subscription implements Terms {
  readonly session: Session
  /** As subscribed, `$share/…` included. */
  readonly text: string
  readonly shareName: string | undefined
  readonly options: SubscriptionOptions
  readonly subscriptionIdentifier: number | undefined
  // its neighbours among those of its Session
  previous: Subscription | undefined
  next: Subscription | undefined

  constructor(session: Session, filter: SubscriptionFilter, terms: Terms) {
    this.session = session
    this.text = filter.text
    this.shareName = filter.shareName
    this.options = terms.options
    this.subscriptionIdentifier = terms.subscriptionIdentifier
  }

  /** What Topic Names are matched with. */
  get topicFilter(): TopicFilter {
    const { text, shareName } = this
    const start = shareName === undefined ? 0 : '$share/'.length + shareName.length + 1
    return text.slice(start) as TopicFilter
  }
}
