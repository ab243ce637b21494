import type { SubscriptionFilter } from '@busbar/protocol'
import type { Rights } from './rights.ts'

/** The client whose right is asked about. */
export interface Subject {
  readonly clientIdentifier: string
  readonly user: string | undefined
  /**
   * Undefined, as `variables`, while it is not known: after a restart of the broker, until the client
   * is back. What rules say of groups and variables then counts in favour of the client, about whom
   * they are asked again when it is back.
   */
  readonly groups: readonly string[] | undefined
  /** Values for `%{name}`, as the authenticator gave them. */
  readonly variables: ReadonlyMap<string, string> | undefined
  /** Code in the process of the broker, which may do everything. */
  readonly isInternal?: boolean
  /** Scratch of the access rules: what they say of this subject. */
  rights?: Rights | undefined
}

/** Says who may do what, at once: every message asks. */
export interface Access {
  mayPublish(subject: Subject, topicName: string, isRetained?: boolean): boolean
  maySubscribe(subject: Subject, filter: SubscriptionFilter): boolean
  /** Asked for each delivery, so that a right that was taken away is honoured. */
  mayReceive(subject: Subject, topicName: string): boolean
}

export const accessActions = ['publish', 'retain', 'subscribe', 'receive'] as const

/** `retain`: to publish with RETAIN 1. */
export type AccessAction = (typeof accessActions)[number]
