import type { Session } from './session.ts'
import type { ShareGroup } from './share-group.ts'
import type { Subscription } from './subscription.ts'

const noGroups: ReadonlyMap<string, ShareGroup> = new Map()

/**
 * Everybody who subscribed to one Topic Filter. Most filters have one subscriber, and a Map for each
 * filter would be half of the memory that a subscription takes.
 */
export class Subscribers {
  /** The subscriptions that are not shared: none, one, or more by their Session. */
  #ordinary: undefined | Subscription | Map<Session, Subscription>
  /** By ShareName. */
  #groups: Map<string, ShareGroup> | undefined

  /** Adds one, or replaces that of the same Session. */
  add(subscription: Subscription): void {
    const known = this.#ordinary
    if (known instanceof Map) known.set(subscription.session, subscription)
    else if (known === undefined || known.session === subscription.session) {
      this.#ordinary = subscription
    } else {
      this.#ordinary = new Map([
        [known.session, known],
        [subscription.session, subscription],
      ])
    }
  }

  remove(session: Session): void {
    const known = this.#ordinary
    if (known instanceof Map) {
      known.delete(session)
      if (known.size === 0) this.#ordinary = undefined
    } else if (known?.session === session) this.#ordinary = undefined
  }

  each(visit: (subscription: Subscription) => void): void {
    const known = this.#ordinary
    if (known === undefined) return
    if (known instanceof Map) for (const subscription of known.values()) visit(subscription)
    else visit(known)
  }

  get groups(): ReadonlyMap<string, ShareGroup> {
    return this.#groups ?? noGroups
  }

  addGroup(shareName: string, group: ShareGroup): void {
    this.#groups ??= new Map()
    this.#groups.set(shareName, group)
  }

  removeGroup(shareName: string): void {
    this.#groups?.delete(shareName)
    if (this.#groups?.size === 0) this.#groups = undefined
  }

  get isEmpty(): boolean {
    return this.#ordinary === undefined && this.#groups === undefined
  }
}
