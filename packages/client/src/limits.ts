import { ReasonCode } from '@busbar/protocol'
import { ClientError } from './errors.ts'
import type { Negotiated } from './options.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { isShared } from './topic-text.ts'

/** What the server has said at CONNACK that it does not take. */
export class Limits {
  readonly #negotiated: Negotiated

  constructor(negotiated: Negotiated) {
    this.#negotiated = negotiated
  }

  /** Whether it knows Subscription Identifiers. */
  get hasIdentifiers(): boolean {
    return this.#negotiated.subscriptionIdentifiers
  }

  /** Why it would not take a message. */
  refusalOf(message: OutgoingMessage): ClientError | undefined {
    const { maximumQoS, retainAvailable } = this.#negotiated
    if (message.qos > maximumQoS) {
      const text = `the server takes QoS ${maximumQoS} at most` // [MQTT5-3.2.2-11]
      return new ClientError('qos-not-supported', text, { reasonCode: ReasonCode.QoSNotSupported })
    }
    if (message.retain && !retainAvailable) {
      const reasonCode = ReasonCode.RetainNotSupported
      const text = 'the server has no retained messages' // [MQTT5-3.2.2-14]
      return new ClientError('retain-not-supported', text, { reasonCode })
    }
    return undefined
  }

  /** Why it would not take a subscription. */
  refusalOfFilters(topicFilters: readonly string[]): ClientError | undefined {
    const { sharedSubscriptions, wildcardSubscriptions } = this.#negotiated
    const missing = topicFilters.flatMap((text) => {
      if (!sharedSubscriptions && isShared(text)) return ['Shared Subscriptions']
      if (!wildcardSubscriptions && /[+#]/.test(text)) return ['wildcards']
      return []
    })
    if (missing[0] === undefined) return undefined
    return new ClientError('subscription-not-supported', `the server has no ${missing[0]}`)
  }

  readonly tooLarge = tooLarge
}

export function tooLarge(what: string): ClientError {
  const text = `${what} is larger than the Maximum Packet Size of the server`
  return new ClientError('packet-too-large', text, { reasonCode: ReasonCode.PacketTooLarge })
}
