import { ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import { checkTopic, dollar, hash, levelEnd, plus, slash } from './topic-text.ts'

declare const checked: unique symbol

/** A Topic Filter that has been checked. Only this file makes one. */
export type TopicFilter = string & { readonly [checked]: 'TopicFilter' }

/** What SUBSCRIBE and UNSUBSCRIBE carry: a Topic Filter, or that of a Shared Subscription. */
export interface SubscriptionFilter {
  /** As subscribed, `$share/…` included. */
  readonly text: string
  readonly shareName: string | undefined
  /** What Topic Names are matched with; the rule for `$` applies to it alone [MQTT5-4.7.2-1]. */
  readonly topicFilter: TopicFilter
  readonly hasWildcard: boolean
}

const sharePrefix = '$share/'

/** Checks a Topic Filter (section 4.7); throws a ProtocolError with Reason Code 0x8F. */
export function parseTopicFilter(
  text: string,
  maximumLevels: number = Number.POSITIVE_INFINITY,
): TopicFilter {
  checkTopic(text, { maximumLevels, fault: invalid, checkWildcard })
  return text as TopicFilter
}

/**
 * Checks a Topic Filter that may be that of a Shared Subscription (section 4.8.2); throws a
 * ProtocolError with Reason Code 0x8F. `maximumLevels` counts from behind the ShareName.
 */
export function parseSubscriptionFilter(
  text: string,
  maximumLevels: number = Number.POSITIVE_INFINITY,
): SubscriptionFilter {
  if (!text.startsWith(sharePrefix)) {
    const topicFilter = parseTopicFilter(text, maximumLevels)
    return { text, shareName: undefined, topicFilter, hasWildcard: hasWildcard(topicFilter) }
  }
  const end = text.indexOf('/', sharePrefix.length)
  const shareName = text.slice(sharePrefix.length, end === -1 ? text.length : end)
  if (shareName === '') throw invalid('has an empty ShareName', 'MQTT5-4.8.2-1')
  if (/[+#]/.test(shareName)) throw invalid('has a wildcard in its ShareName', 'MQTT5-4.8.2-2')
  if (end === -1 || end === text.length - 1) {
    throw invalid('has nothing after its ShareName', 'MQTT5-4.8.2-2')
  }
  // One check for both parts: what follows begins at a level, so its wildcards fit there or nowhere.
  parseTopicFilter(text, maximumLevels + 2)
  const topicFilter = text.slice(end + 1) as TopicFilter
  return { text, shareName, topicFilter, hasWildcard: hasWildcard(topicFilter) }
}

/** Whether the filter can match more than the one Topic Name that is equal to it. */
export function hasWildcard(filter: TopicFilter): boolean {
  return filter.charCodeAt(filter.length - 1) === hash || filter.includes('+')
}

/**
 * Whether the filter matches the Topic Name: code unit by code unit, without normalisation
 * [MQTT5-4.7.3-4].
 */
export function topicMatches(filter: TopicFilter, name: string): boolean {
  if (name.charCodeAt(0) === dollar && filter.charCodeAt(0) !== dollar) return false // [MQTT5-4.7.2-1]
  return matchesFrom(filter, 0, name, 0)
}

/**
 * The same for what a filter has below so many levels, one at least, and for the name from the separator
 * at `nameFrom` on.
 */
export function matchesBelow(
  filter: TopicFilter,
  levels: number,
  name: string,
  nameFrom: number,
): boolean {
  let end = -1
  for (let level = 0; level < levels; level++) end = levelEnd(filter, end + 1)
  return matchesFrom(filter, end, name, nameFrom)
}

function matchesFrom(filter: TopicFilter, from: number, name: string, nameFrom: number): boolean {
  let at = nameFrom
  for (let of = from; of < filter.length; of++) {
    const unit = filter.charCodeAt(of)
    if (unit === hash) return true
    if (unit === plus) at = levelEnd(name, at)
    else if (at < name.length && name.charCodeAt(at) === unit) at++
    else return at === name.length && isOnlyBelow(filter, of)
  }
  return at === name.length
}

/** Whether `/#` is what is left of the filter: it matches its parent too (U5-4.7.1-a). */
function isOnlyBelow(filter: string, from: number): boolean {
  return filter.charCodeAt(from) === slash && filter.charCodeAt(from + 1) === hash
}

/** # ends the filter, and both have a level of their own. */
function checkWildcard(text: string, at: number): void {
  const isHash = text.charCodeAt(at) === hash
  const isLast = at === text.length - 1
  if (isHash && !isLast) throw invalid('has # before its end', 'MQTT5-4.7.1-1')
  const isLevelEnd = isLast || text.charCodeAt(at + 1) === slash
  if (isLevelEnd && isLevelStart(text, at)) return
  if (isHash) throw invalid('has # sharing a level', 'MQTT5-4.7.1-1')
  throw invalid('has + sharing a level', 'MQTT5-4.7.1-2')
}

function isLevelStart(text: string, at: number): boolean {
  return at === 0 || text.charCodeAt(at - 1) === slash
}

function invalid(message: string, statement?: string): ProtocolError {
  return new ProtocolError(ReasonCode.TopicFilterInvalid, `Topic Filter ${message}`, statement)
}
