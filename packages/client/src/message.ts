import type { Publish, PublishProperties, QoS } from '@busbar/protocol'
import { ReasonCode } from '@busbar/protocol'
import type { Delivery } from './arrivals.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A message that has come for a subscription. */
export class Message {
  /** The Topic Name, also where a Topic Alias stood for it. */
  readonly topicName: string
  /** A view of what was read with it: copy it (`slice`) to keep a small one for long. */
  readonly payload: Uint8Array
  /** The QoS it was delivered with. */
  readonly qos: QoS
  /** Whether it was kept by the server, and is not new. */
  readonly retain: boolean
  /** The server has sent it before, perhaps (QoS 1). */
  readonly dup: boolean
  /** What came with it (5.0). */
  readonly properties: PublishProperties
  #delivery: Delivery | undefined

  constructor(packet: Publish, delivery: Delivery | undefined) {
    this.topicName = packet.topicName
    this.payload = packet.payload
    this.qos = packet.qos
    this.retain = packet.retain
    this.dup = packet.dup
    this.properties = packet.properties
    this.#delivery = delivery
  }

  /** The payload as UTF-8; throws TypeError when it is not. */
  text(): string {
    return decoder.decode(this.payload)
  }

  /** The application has it: the server may forget it. More than once does nothing. */
  ack(): void {
    this.#settle(ReasonCode.Success)
  }

  /**
   * The application will not have it, for this Reason Code of 0x80 (the default) or more. In 3.1.1, which cannot
   * say so, the server is told that it has arrived.
   */
  reject(reasonCode: number = ReasonCode.UnspecifiedError): void {
    this.#settle(reasonCode)
  }

  /** @internal The subscription ends, and the message was not settled. */
  abandon(): void {
    this.#settle(undefined)
  }

  #settle(reasonCode: number | undefined): void {
    const delivery = this.#delivery
    this.#delivery = undefined
    delivery?.settle(reasonCode)
  }
}
