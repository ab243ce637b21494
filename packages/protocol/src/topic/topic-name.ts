import { ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import { extraBytes, hash, maximumTopicBytes, plus, slash } from './topic-text.ts'

declare const checked: unique symbol

/** A Topic Name that has been checked. Only `parseTopicName` makes one. */
export type TopicName = string & { readonly [checked]: 'TopicName' }

/** Checks a Topic Name (section 4.7); throws a ProtocolError with Reason Code 0x90. */
export function parseTopicName(
  text: string,
  maximumLevels: number = Number.POSITIVE_INFINITY,
): TopicName {
  if (text === '') throw invalid('is empty', 'MQTT5-4.7.3-1')
  let bytes = text.length
  let levels = 1
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === slash) levels++
    else if (unit === plus || unit === hash) throw invalid('has a wildcard', 'MQTT5-3.3.2-2')
    else if (unit < 0x20 || unit > 0x7e) bytes += extraBytes(text, at, invalid)
  }
  if (bytes > maximumTopicBytes) throw invalid('is longer than 65,535 bytes', 'MQTT5-4.7.3-3')
  if (levels > maximumLevels) throw invalid(`has more than ${maximumLevels} levels`)
  return text as TopicName
}

function invalid(message: string, statement?: string): ProtocolError {
  return new ProtocolError(ReasonCode.TopicNameInvalid, `Topic Name ${message}`, statement)
}
