import { type AckProperties, firstFailure, noProperties, ReasonCode } from '@busbar/protocol'
import { nameOfReasonCode } from '#platform'
import { ClientError, MqttPublishError } from './errors.ts'
import type { Negotiated } from './options.ts'
import type { OutgoingMessage, PublishResult } from './outgoing-message.ts'

/** Why the server would not take a message, as it has said at CONNACK. */
export function refusalOf(message: OutgoingMessage, limits: Negotiated): ClientError | undefined {
  if (message.qos > limits.maximumQoS) {
    const text = `the server takes QoS ${limits.maximumQoS} at most` // [MQTT5-3.2.2-11]
    return new ClientError('qos-not-supported', text, { reasonCode: ReasonCode.QoSNotSupported })
  }
  if (message.retain && !limits.retainAvailable) {
    const text = 'the server has no retained messages' // [MQTT5-3.2.2-14]
    return new ClientError('retain-not-supported', text, {
      reasonCode: ReasonCode.RetainNotSupported,
    })
  }
  return undefined
}

export function tooLarge(what: string): ClientError {
  const text = `${what} is larger than the Maximum Packet Size of the server`
  return new ClientError('packet-too-large', text, { reasonCode: ReasonCode.PacketTooLarge })
}

export function plainResult(stage: PublishResult['stage']): PublishResult {
  return Object.freeze({ stage, reasonCode: 0, noSubscribers: false, properties: noProperties })
}

/** What an acknowledgement says to the caller. */
export function outcomeOf(
  reasonCode: number,
  properties: AckProperties,
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
