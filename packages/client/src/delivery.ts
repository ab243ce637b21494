import { firstFailure } from '@busbar/protocol'
import type { Queued } from './queue.ts'

/** What a Delivery tells when all subscriptions that share it have settled it. */
export interface DeliveryOwner {
  settled(delivery: Delivery): void
}

/** A message of QoS 1 or 2 between its arrival and its PUBACK or PUBREC. */
export class Delivery implements Queued<Delivery> {
  previous: Delivery | undefined = undefined
  next: Delivery | undefined = undefined
  readonly packetIdentifier: number
  readonly qos: 1 | 2
  /** abandoned: nobody will settle it; the server keeps it until it stands in the way. */
  state: 'open' | 'done' | 'abandoned' = 'open'
  reasonCode = 0
  /** Whether it waits for its turn on this Network Connection. */
  isQueued = false
  readonly #owner: DeliveryOwner
  #awaited = 0
  #abandoned = 0

  constructor(packetIdentifier: number, qos: 1 | 2, owner: DeliveryOwner) {
    this.packetIdentifier = packetIdentifier
    this.qos = qos
    this.#owner = owner
  }

  /** One more subscription has it; they share one acknowledgement. */
  share(): this {
    this.#awaited++
    return this
  }

  settle(reasonCode: number): void {
    if (reasonCode >= firstFailure && this.reasonCode === 0) this.reasonCode = reasonCode
    this.#awaited--
    this.#conclude()
  }

  abandon(): void {
    this.#awaited--
    this.#abandoned++
    this.#conclude()
  }

  #conclude(): void {
    if (this.#awaited > 0 || this.state !== 'open') return
    this.state = this.#abandoned > 0 ? 'abandoned' : 'done'
    this.#owner.settled(this)
  }
}
