import { ReasonCode } from '@busbar/protocol'
import { ClientError } from './errors.ts'

/** The length of a Topic Name or Topic Filter in UTF-8 at most [MQTT5-4.7.3-3]. */
const longest = 65_535
const encoder = new TextEncoder()

/** Control characters, halves of surrogate pairs and non-characters [MQTT5-4.7.3-2] [MQTT5-1.5.4-1] (U5-1.5.4-a). */
const unfit = /[\p{Cc}\p{Cs}\p{NChar}]/u
/** + and # have a level of their own, and # ends the filter [MQTT5-4.7.1-1] [MQTT5-4.7.1-2]. */
const filterForm = /^(?:(?:[^+#/]*|\+)\/)*(?:[^+#/]*|\+|#)$/
/** `$share/ShareName/`, with something behind it [MQTT5-4.8.2-1] [MQTT5-4.8.2-2]. */
const shared = /^\$share\/[^+#/]+\/(?=.)/s

// For the texts of errors.
const rule = '1 to 65,535 bytes without control characters and non-characters'
export const topicNameRule = `a Topic Name is ${rule}, and without wildcards`
const special = /[\\^$.*?()[\]{}|]/g

/** Whether it is a Topic Name (section 4.7). */
export function isTopicName(text: string): boolean {
  return isText(text) && !/[+#]/.test(text)
}

/** Throws a ClientError for what is no Topic Name. */
export function checkTopicName(text: string): void {
  if (isTopicName(text)) return
  throw invalidTopic(topicNameRule, ReasonCode.TopicNameInvalid)
}

/** Throws a ClientError for what is no Topic Filter (sections 4.7 and 4.8.2). */
export function checkTopicFilter(filter: string): void {
  const isFilter = isText(filter) && filterForm.test(filter)
  if (isFilter && (!isShared(filter) || shared.test(filter))) return
  const text = `a Topic Filter is ${rule}, and + and # are levels, # the last`
  throw invalidTopic(text, ReasonCode.TopicFilterInvalid)
}

export function isShared(topicFilter: string): boolean {
  return topicFilter.startsWith('$share/')
}

/** What matches the Topic Names that the filter matches. */
export function formOf(topicFilter: string): RegExp {
  const filter = topicFilter.replace(shared, '')
  const form = filter
    .replace(special, '\\$&')
    .replaceAll('+', '[^/]*')
    .replace(/(^|\/)#$/, '(?:$1.*)?') // and its parent (U5-4.7.1-a)
  return new RegExp(`^${/^[+#]/.test(filter) ? '(?!\\$)' : ''}${form}$`, 's') // [MQTT5-4.7.2-1]
}

function isText(text: string): boolean {
  // A code unit has at most three bytes: short ones need not be encoded to be counted.
  const fits = text.length * 3 <= longest || encoder.encode(text).length <= longest
  return text !== '' && fits && !unfit.test(text)
}

function invalidTopic(message: string, reasonCode: number): ClientError {
  return new ClientError('invalid-topic', message, { reasonCode })
}
