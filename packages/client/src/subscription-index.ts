import type { Publish } from '@busbar/protocol'
import type { Subscription } from './subscription.ts'
import { formOf } from './topic-text.ts'

/** One Topic Filter and all subscriptions that have it: the server knows it once. */
export interface Filter {
  readonly text: string
  /** What it matches, unless that is only the Topic Name that is equal to it. */
  readonly form: RegExp | undefined
  members: readonly Subscription[]
}

// Both bound what a server can make us keep.
const mostKnown = 1_000
const longestKnown = 256

/** Which subscriptions a message is for: by Subscription Identifier, or by its Topic Name. */
export class SubscriptionIndex {
  readonly #byIdentifier = new Map<number, Subscription>()
  readonly #filters = new Map<string, Filter>()
  // Those with a form are tried one by one, and only where there are no Subscription Identifiers; what came
  // of it is kept for the next message.
  readonly #patterns = new Set<Filter>()
  readonly #known = new Map<string, readonly Subscription[]>()

  /** In the order in which they came. */
  get all(): Iterable<Subscription> {
    return this.#byIdentifier.values()
  }

  /** One whose Topic Filters are checked. */
  add(subscription: Subscription): void {
    this.#known.clear()
    this.#byIdentifier.set(subscription.identifier, subscription)
    subscription.filters = [...new Set(subscription.topicFilters)].map((text) => this.#filter(text))
    for (const filter of subscription.filters) filter.members = [...filter.members, subscription]
  }

  /** Removes it, and returns the Topic Filters that nobody has any more. */
  remove(subscription: Subscription): string[] {
    if (!this.#byIdentifier.delete(subscription.identifier)) return []
    this.#known.clear()
    return subscription.filters.flatMap((filter) => {
      const { text } = filter
      filter.members = filter.members.filter((member) => member !== subscription)
      if (filter.members.length > 0) return []
      this.#filters.delete(text)
      this.#patterns.delete(filter)
      return [text]
    })
  }

  /** Where several subscriptions have one Topic Filter, all get what the server sends to one. */
  targets({ properties }: Publish, topicName: string): readonly Subscription[] {
    const { subscriptionIdentifiers: identifiers = [] } = properties
    const found: (readonly Subscription[])[] = []
    for (const identifier of identifiers) {
      for (const filter of this.#byIdentifier.get(identifier)?.filters ?? []) {
        // An identifier that an earlier process has used can come for another filter.
        if (matches(filter, topicName)) found.push(filter.members)
      }
    }
    return found.length === 0 ? this.#matching(topicName) : united(found)
  }

  #matching(topicName: string): readonly Subscription[] {
    const known = this.#known.get(topicName)
    if (known !== undefined) return known
    const exact = this.#filters.get(topicName)
    const found = exact !== undefined && exact.form === undefined ? [exact.members] : []
    for (const pattern of this.#patterns) {
      if (matches(pattern, topicName)) found.push(pattern.members)
    }
    const targets = united(found)
    if (topicName.length > longestKnown) return targets
    if (this.#known.size === mostKnown) this.#known.clear()
    this.#known.set(topicName, targets)
    return targets
  }

  #filter(text: string): Filter {
    const known = this.#filters.get(text)
    if (known !== undefined) return known
    const filter: Filter = { text, form: formOf(text), members: [] }
    this.#filters.set(text, filter)
    if (filter.form !== undefined) this.#patterns.add(filter)
    return filter
  }
}

function matches({ text, form }: Filter, topicName: string): boolean {
  return form === undefined ? text === topicName : form.test(topicName)
}

/** Each once; mostly there is one list. */
function united(lists: readonly (readonly Subscription[])[]): readonly Subscription[] {
  const [only = [], ...more] = lists
  return more.length === 0 ? only : [...new Set(lists.flat())]
}
