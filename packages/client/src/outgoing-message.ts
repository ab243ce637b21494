import {
  type AckProperties,
  noProperties,
  type PublishProperties,
  type QoS,
} from '@busbar/protocol'
import type { ClientError } from './errors.ts'
import { type Queue, Queued } from './queue.ts'

/** What has become of a message. */
export interface PublishResult {
  /**
   * sent: the system has taken the bytes (QoS 0). puback: acknowledged (QoS 1). pubcomp: completed
   * (QoS 2). pubrec: the server has it, and lost the Session before the rest (QoS 2). dropped: at
   * QoS 0 without a connection, as `qos0WhileOffline` says.
   */
  readonly stage: 'sent' | 'puback' | 'pubcomp' | 'pubrec' | 'dropped'
  /** 0x00, or 0x10 where nobody has subscribed. */
  readonly reasonCode: number
  /** The server says that nobody has subscribed (Reason Code 0x10). */
  readonly noSubscribers: boolean
  /** What came with the acknowledgement. */
  readonly properties: AckProperties
}

/** The result of the many messages of which nothing more is to be said: they share it. */
export function plainResult(stage: PublishResult['stage']): PublishResult {
  return Object.freeze({ stage, reasonCode: 0, noSubscribers: false, properties: noProperties })
}

/** A message that was handed in, until it is settled. */
export class OutgoingMessage extends Queued<OutgoingMessage, Queue<OutgoingMessage>> {
  /** Rises; 0 until the outbox has taken it. */
  sequence = 0
  /** 0 until it is sent, and again when it is to be sent anew. */
  packetIdentifier = 0
  /** PUBREC has arrived, and PUBREL is due or sent (QoS 2). */
  isReleased = false
  /** Whether it has taken of the quota of this Network Connection. */
  hasQuota = false
  /** Whether the store has it, where there is a store. */
  isCommitted = true
  /** Whether its caller has been told, and only a listener of events hears more. */
  isTold = false
  /** Whether its caller is told when it is stored, and not when it is acknowledged. */
  tellsWhenStored = false
  resolve: (result: PublishResult) => void = () => {}
  reject: (error: ClientError) => void = () => {}
  /** Lets go of the caller's signal. */
  forgetSignal: (() => void) | undefined = undefined
  readonly topicName: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: PublishProperties
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined

  constructor(
    topicName: string,
    payload: Uint8Array,
    fields: {
      readonly qos: QoS
      readonly retain: boolean
      readonly properties: PublishProperties
      readonly expiresAt: number | undefined
    },
  ) {
    super()
    this.topicName = topicName
    this.payload = payload
    this.qos = fields.qos
    this.retain = fields.retain
    this.properties = fields.properties
    this.expiresAt = fields.expiresAt
  }

  /** What it counts for in the outbox. */
  get size(): number {
    return this.payload.length + this.topicName.length
  }

  tell(outcome: PublishResult | ClientError): void {
    if (this.isTold) return
    this.isTold = true
    this.forgetSignal?.()
    this.forgetSignal = undefined
    if (outcome instanceof Error) this.reject(outcome)
    else this.resolve(outcome)
  }
}
