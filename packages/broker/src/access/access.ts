import type { SubscriptionFilter } from '@busbar/protocol'

/** The client whose right is asked about. */
export interface Subject {
  readonly clientIdentifier: string
  readonly user: string | undefined
  readonly groups: readonly string[]
  /** Values for `%{name}`, as the authenticator gave them. */
  readonly variables: ReadonlyMap<string, string>
}

/** Says who may do what, at once: every message asks. */
export interface Access {
  mayPublish(subject: Subject, topicName: string): boolean
  maySubscribe(subject: Subject, filter: SubscriptionFilter): boolean
  /** Asked for each delivery, so that a right that was taken away is honoured. */
  mayReceive(subject: Subject, topicName: string): boolean
}

/** Everybody may do everything, but no client publishes to the broker's own topics (U5-4.7.2-a). */
export const openAccess: Access = {
  mayPublish: (_subject, topicName) => !topicName.startsWith('$'),
  maySubscribe: () => true,
  mayReceive: () => true,
}
