import {
  ProtocolError,
  type Publish,
  parseSubscriptionFilter,
  type SubscriptionFilter,
  topicMatches,
} from '@busbar/protocol'
import { ClientError } from './errors.ts'
import type { Subscription } from './subscription.ts'

/** One Topic Filter and all subscriptions that have it: the server knows it once. */
interface Entry {
  readonly filter: SubscriptionFilter
  readonly members: Set<Subscription>
}

const nobody: readonly Subscription[] = []
// Both bound what a server can make us keep.
const mostKnown = 1_000
const longestKnown = 256

/** Which subscriptions a message is for: by Subscription Identifier, or by its Topic Name. */
export class SubscriptionIndex {
  readonly #byIdentifier = new Map<number, Subscription>()
  readonly #entries = new Map<string, Entry>()
  // Those whose text is not what a Topic Name is equal to. They are tried one by one, and only where there
  // are no Subscription Identifiers; what came of it is kept for the next message.
  readonly #patterns = new Set<Entry>()
  readonly #known = new Map<string, readonly Subscription[]>()

  /** In the order in which they came. */
  get all(): Iterable<Subscription> {
    return this.#byIdentifier.values()
  }

  /** Throws ClientError for a Topic Filter that is none. */
  add(subscription: Subscription): void {
    const filters = subscription.topicFilters.map(parse)
    this.#known.clear()
    this.#byIdentifier.set(subscription.identifier, subscription)
    for (const filter of filters) this.#entryOf(filter).members.add(subscription)
  }

  /** Removes it, and returns the Topic Filters that nobody has any more. */
  remove(subscription: Subscription): string[] {
    if (!this.#byIdentifier.delete(subscription.identifier)) return []
    this.#known.clear()
    const orphans: string[] = []
    for (const text of new Set(subscription.topicFilters)) {
      const entry = this.#entries.get(text)
      if (entry === undefined) continue
      entry.members.delete(subscription)
      if (entry.members.size > 0) continue
      this.#entries.delete(text)
      this.#patterns.delete(entry)
      orphans.push(text)
    }
    return orphans
  }

  /** Where several subscriptions have one Topic Filter, all get what the server sends to one. */
  targets(packet: Publish, topicName: string): readonly Subscription[] {
    const identifiers = packet.properties.subscriptionIdentifiers
    if (identifiers === undefined) return this.#matching(topicName)
    const [only] = identifiers
    if (identifiers.length === 1 && only !== undefined) {
      const subscription = this.#byIdentifier.get(only)
      if (subscription === undefined) return this.#matching(topicName)
      const entry = this.#entryAlone(subscription)
      if (entry !== undefined && matches(entry, topicName)) return [subscription]
    }
    const found = new Set<Subscription>()
    for (const identifier of identifiers) {
      const subscription = this.#byIdentifier.get(identifier)
      if (subscription !== undefined) this.#addMembers(subscription, topicName, found)
    }
    return found.size === 0 ? this.#matching(topicName) : [...found]
  }

  #matching(topicName: string): readonly Subscription[] {
    const known = this.#known.get(topicName)
    if (known !== undefined) return known
    const exact = this.#entries.get(topicName)
    const isExact = exact !== undefined && !this.#patterns.has(exact)
    const found = new Set(isExact ? exact.members : nobody)
    for (const entry of this.#patterns) {
      if (matches(entry, topicName)) for (const member of entry.members) found.add(member)
    }
    const targets = [...found]
    if (topicName.length > longestKnown) return targets
    if (this.#known.size === mostKnown) this.#known.clear()
    this.#known.set(topicName, targets)
    return targets
  }

  #addMembers(subscription: Subscription, topicName: string, found: Set<Subscription>): void {
    for (const text of subscription.topicFilters) {
      const entry = this.#entries.get(text)
      // An identifier that an earlier process has used can come for another filter.
      if (entry === undefined || !matches(entry, topicName)) continue
      for (const member of entry.members) found.add(member)
    }
  }

  /** Its only Topic Filter, where nobody else has that. */
  #entryAlone({ topicFilters }: Subscription): Entry | undefined {
    const entry = topicFilters.length === 1 ? this.#entries.get(topicFilters[0] ?? '') : undefined
    return entry?.members.size === 1 ? entry : undefined
  }

  #entryOf(filter: SubscriptionFilter): Entry {
    const known = this.#entries.get(filter.text)
    if (known !== undefined) return known
    const entry: Entry = { filter, members: new Set() }
    this.#entries.set(filter.text, entry)
    if (filter.hasWildcard || filter.shareName !== undefined) this.#patterns.add(entry)
    return entry
  }
}

function matches({ filter: { topicFilter } }: Entry, topicName: string): boolean {
  return topicFilter === topicName || topicMatches(topicFilter, topicName)
}

function parse(text: string): SubscriptionFilter {
  try {
    return parseSubscriptionFilter(text)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ClientError('invalid-topic', cause.message, { cause, reasonCode: cause.reasonCode })
  }
}
