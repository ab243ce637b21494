import { ByText, type TopicFilter } from '@busbar/protocol'
import type { Session } from './session.ts'
import { ShareGroup } from './share-group.ts'
import type { Subscription } from './subscription.ts'

const noGroups: ReadonlyMap<string, ShareGroup> = new Map()

/** Everybody who subscribed to one Topic Filter: most filters have one subscription, and no more. */
export type Subscribed = Subscription | Subscribers

/** Those of a filter that has several, or had, or that is shared. */
export class Subscribers {
  readonly topicFilter: TopicFilter
  /** The subscriptions that are not shared: none, one, or more by Client Identifier. */
  #ordinary: undefined | Subscription | ByText<Subscription>
  /** By ShareName. */
  #groups: Map<string, ShareGroup> | undefined

  constructor(first: Subscription, ...others: readonly Subscription[]) {
    this.topicFilter = first.topicFilter
    this.add(first)
    for (const subscription of others) this.add(subscription)
  }

  /** Adds one, or replaces that of the same Session, which it returns. */
  add(subscription: Subscription): Subscription | undefined {
    const { session, shareName } = subscription
    if (shareName !== undefined) return this.#addMember(shareName, subscription)
    const known = this.#ordinary
    const replaced = this.of(session, undefined)
    if (known instanceof ByText) known.set(session.clientIdentifier, subscription)
    else if (known === replaced) this.#ordinary = subscription
    else {
      this.#ordinary = byIdentifier([known as Subscription, subscription])
    }
    return replaced
  }

  /** That of a Session. */
  of(session: Session, shareName: string | undefined): Subscription | undefined {
    if (shareName !== undefined) return this.#groups?.get(shareName)?.of(session)
    const known = this.#ordinary
    if (known instanceof ByText) return known.get(session.clientIdentifier)
    return known?.session === session ? known : undefined
  }

  remove({ session, shareName }: Subscription): void {
    if (shareName !== undefined) return this.#removeMember(shareName, session)
    const known = this.#ordinary
    if (known instanceof ByText) {
      known.delete(session.clientIdentifier)
      if (known.size === 0) this.#ordinary = undefined
      else if (known.isSparse) this.#ordinary = byIdentifier(known)
    } else if (known?.session === session) this.#ordinary = undefined
  }

  each(visit: (subscription: Subscription) => void): void {
    const known = this.#ordinary
    if (known === undefined) return
    if (known instanceof ByText) known.each(visit)
    else visit(known)
  }

  get groups(): ReadonlyMap<string, ShareGroup> {
    return this.#groups ?? noGroups
  }

  #addMember(shareName: string, subscription: Subscription): Subscription | undefined {
    this.#groups ??= new Map()
    let group = this.#groups.get(shareName)
    if (group === undefined) {
      group = new ShareGroup()
      this.#groups.set(shareName, group)
    }
    return group.add(subscription)
  }

  #removeMember(shareName: string, session: Session): void {
    const group = this.#groups?.get(shareName)
    group?.remove(session)
    if (group?.size === 0) this.#groups?.delete(shareName)
    if (this.#groups?.size === 0) this.#groups = undefined
  }

  get isEmpty(): boolean {
    return this.#ordinary === undefined && this.#groups === undefined
  }
}

function byIdentifier(subscriptions: Iterable<Subscription>): ByText<Subscription> {
  const made = new ByText<Subscription>()
  for (const each of subscriptions) made.set(each.session.clientIdentifier, each)
  return made
}

export function eachSubscription(
  subscribed: Subscribed,
  visit: (subscription: Subscription) => void,
): void {
  if (subscribed instanceof Subscribers) subscribed.each(visit)
  else visit(subscribed)
}

export function groupsOf(subscribed: Subscribed | undefined): ReadonlyMap<string, ShareGroup> {
  return subscribed instanceof Subscribers ? subscribed.groups : noGroups
}
