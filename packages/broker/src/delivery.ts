import type { QoS } from '@busbar/protocol'
import type { Message } from './message.ts'

/** A message for one Session, as the router decided. */
export interface Delivery {
  readonly message: Message
  readonly qos: QoS
  readonly retain: boolean
  readonly subscriptionIdentifiers: readonly number[]
  readonly sharedFilter: string | undefined
}
