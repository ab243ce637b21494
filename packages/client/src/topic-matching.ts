import type { Publish } from '@busbar/protocol'
import type { Filter, Subscriber } from './subscriber.ts'
import type { Subscription } from './subscription.ts'

// Both bound what a server can make us keep.
const mostKnown = 1_000
const longestKnown = 256

/** Which subscriptions a message is for, where one Subscription Identifier alone does not say so. */
export class TopicMatching {
  readonly #subscriber: Subscriber
  // Filters with wildcards are tried one by one, and only where there are no Subscription Identifiers; what
  // came of it is kept for the next message, as long as the subscriptions are the same.
  readonly #known = new Map<string, readonly Subscription[]>()
  #patterns: readonly Filter[] = []
  #revision = 0

  constructor(subscriber: Subscriber) {
    this.#subscriber = subscriber
  }

  /** Where several subscriptions have one Topic Filter, all get what the server sends to one. */
  targets({ properties, topicName }: Publish): readonly Subscription[] {
    this.#update()
    const { subscriptionIdentifiers } = properties
    if (subscriptionIdentifiers === undefined) return this.#matching(topicName)
    const { byIdentifier } = this.#subscriber
    const found: (readonly Subscription[])[] = []
    for (const identifier of subscriptionIdentifiers) {
      for (const filter of byIdentifier.get(identifier)?.filters ?? []) {
        // An identifier that an earlier process has used can come for another filter.
        if (filter.form.test(topicName)) found.push(filter.members)
      }
    }
    return found.length === 0 ? this.#matching(topicName) : united(found)
  }

  #matching(topicName: string): readonly Subscription[] {
    const known = this.#known.get(topicName)
    if (known !== undefined) return known
    const exact = this.#subscriber.filters.get(topicName)
    const candidates = exact === undefined ? this.#patterns : [exact, ...this.#patterns]
    const found = candidates.filter(({ form }) => form.test(topicName))
    const targets = united(found.map(({ members }) => members))
    if (topicName.length > longestKnown) return targets
    if (this.#known.size === mostKnown) this.#known.clear()
    this.#known.set(topicName, targets)
    return targets
  }

  #update(): void {
    const { revision, filters } = this.#subscriber
    if (revision === this.#revision) return
    this.#revision = revision
    this.#known.clear()
    this.#patterns = [...filters.values()].filter(({ text }) => /[+#]|^\$share\//.test(text))
  }
}

/** Each once; mostly there is one list. */
function united(lists: readonly (readonly Subscription[])[]): readonly Subscription[] {
  const [only = [], ...more] = lists
  return more.length === 0 ? only : [...new Set(lists.flat())]
}
