import type { SubscriptionFilter, SubscriptionOptions } from '@busbar/protocol'
import type { Session } from './session.ts'

/** One Session's subscription to one Topic Filter. */
export interface Subscription {
  readonly session: Session
  readonly filter: SubscriptionFilter
  /** `options.qos` is the granted QoS. */
  readonly options: SubscriptionOptions
  readonly subscriptionIdentifier: number | undefined
}
