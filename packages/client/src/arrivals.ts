import { firstFailure } from '@busbar/protocol'
import { Queue, Queued } from './queue.ts'
import type { Counts } from './statistics.ts'

/** A message of QoS 1 or 2 between its arrival and its PUBACK or PUBREC. */
export class Delivery extends Queued<Delivery, Arrivals> {
  readonly packetIdentifier: number
  reasonCode = 0
  /** How many subscriptions have it and have not settled it; they share one acknowledgement. */
  open: number
  /** Nobody will settle it; the server keeps it until it stands in the way. */
  isAbandoned = false

  constructor(packetIdentifier: number, open: number) {
    super()
    this.packetIdentifier = packetIdentifier
    this.open = open
  }

  /** One of them has settled it; without a Reason Code it never will. */
  settle(reasonCode: number | undefined): void {
    if (reasonCode === undefined) this.isAbandoned = true
    else if (this.reasonCode === 0) this.reasonCode = reasonCode >= firstFailure ? reasonCode : 0
    this.open--
    if (this.open === 0) this.queue?.settled(this)
  }
}

/** What the two lines of a Network Connection have in common. */
export interface Window {
  /** Whether the server may send no more before something is acknowledged. */
  readonly isFull: boolean
  readonly counts: Counts
  /** What is open has become more or less. */
  changed(): void
}

/**
 * Messages of one QoS on one Network Connection, which are acknowledged in the order in which they came
 * [MQTT5-4.6.0-2] [MQTT5-4.6.0-3].
 */
export class Arrivals extends Queue<Delivery> {
  readonly #window: Window
  readonly #acknowledge: (delivery: Delivery) => void
  /** How many are done and wait for an earlier one. */
  #done = 0

  constructor(window: Window, acknowledge: (delivery: Delivery) => void) {
    super()
    this.#window = window
    this.#acknowledge = acknowledge
  }

  settled(delivery: Delivery): void {
    if (!delivery.isAbandoned) this.#done++
    this.release()
    this.#window.changed()
  }

  /** Acknowledges what is due. An abandoned one only when one behind it has to, or the window is full. */
  release(): void {
    for (let { first } = this; first !== undefined && first.open === 0; { first } = this) {
      if (!first.isAbandoned) this.#done--
      else if (this.#done > 0 || this.#window.isFull) this.#window.counts.unclaimed++
      else return
      this.remove(first)
      this.#acknowledge(first)
    }
  }
}
