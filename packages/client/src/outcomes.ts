import { type AckProperties, firstFailure, noProperties, ReasonCode } from '@busbar/protocol'
import { nameOfReasonCode } from '#platform'
import { MqttPublishError } from './errors.ts'
import type { PublishResult } from './outgoing-message.ts'

/** What an acknowledgement says to the caller. */
export function outcomeOf(
  { reasonCode, properties }: { readonly reasonCode: number; readonly properties: AckProperties },
  plain: PublishResult,
): PublishResult | MqttPublishError {
  if (reasonCode === 0 && properties === noProperties) return plain
  if (reasonCode >= firstFailure) {
    const text = `the server refuses the message: ${nameOfReasonCode(reasonCode)}`
    const { reasonString } = properties
    return new MqttPublishError(text, properties, { reasonCode, reasonString })
  }
  const noSubscribers = reasonCode === ReasonCode.NoMatchingSubscribers
  return { stage: plain.stage, reasonCode, noSubscribers, properties }
}
