import { ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import { checkTopic } from './topic-text.ts'

declare const checked: unique symbol

/** A Topic Name that has been checked. Only `parseTopicName` makes one. */
export type TopicName = string & { readonly [checked]: 'TopicName' }

/** Checks a Topic Name (section 4.7); throws a ProtocolError with Reason Code 0x90. */
export function parseTopicName(
  text: string,
  maximumLevels: number = Number.POSITIVE_INFINITY,
): TopicName {
  checkTopic(text, { maximumLevels, fault: invalid, checkWildcard: refuseWildcard })
  return text as TopicName
}

function refuseWildcard(): void {
  throw invalid('has a wildcard', 'MQTT5-3.3.2-2')
}

function invalid(message: string, statement?: string): ProtocolError {
  return new ProtocolError(ReasonCode.TopicNameInvalid, `Topic Name ${message}`, statement)
}
