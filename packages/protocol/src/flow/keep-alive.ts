/** How long a client may be silent. Time is in milliseconds of any steady clock. */
export class KeepAlive {
  readonly #allowance: number
  #heardAt = Number.POSITIVE_INFINITY

  /** 0 seconds turn it off. */
  constructor(keepAliveSeconds: number) {
    this.#allowance = keepAliveSeconds === 0 ? Number.POSITIVE_INFINITY : keepAliveSeconds * 1_500 // one and a half times [MQTT5-3.1.2-22] [MQTT3-3.1.2-24]
  }

  /** A whole packet has arrived. */
  heard(now: number): void {
    this.#heardAt = now
  }

  /** When to close unless something is heard first: Infinity when that is never. */
  get deadline(): number {
    return this.#heardAt + this.#allowance
  }
}
