import type { Transport, TransportEvents } from '../../transport.ts'
import { Output } from '../io/output.ts'
import { type Opened, Order } from './records.ts'
import { largestRecord } from './shared-ring.ts'

/** The way to the worker that holds a connection. */
export interface Way {
  /** False when there is no room. */
  write(order: number, slot: number, bytes?: Uint8Array, start?: number, end?: number): boolean
  /** Calls `flush` of the transport when there is room again. */
  awaitRoom(transport: WorkerTransport): void
}

/** On its way to the system and not counted as pending, as what a socket has in its buffer. */
const slackBytes = 65_536

/** A connection whose socket belongs to a worker. */
export class WorkerTransport implements Transport {
  readonly slot: number
  readonly address: string
  readonly certificate: Transport['certificate']
  readonly #way: Way
  #events: TransportEvents | undefined
  /** `gone`: the worker has closed it, and the core does not want to hear of it yet. */
  #state: 'open' | 'ending' | 'destroyed' | 'gone' | 'closed' = 'open'
  /** What the ring has had no room for. */
  readonly #backlog = new Output()
  /** Written, and not known to be taken by the system. */
  #unconfirmed = 0
  /** Of that, written since the worker was asked whether it is. */
  #sinceAsked = 0
  #hasAsked = false
  #isPaused = false
  #whenHeard: (() => void)[] = []
  // Orders that the worker has yet to get.
  #owesPause = false
  #owesHearing = 0
  #owesAsking = false
  #owesEnd: number | undefined
  #owesDestroy = false

  constructor(slot: number, [, address, certificate]: Opened, way: Way) {
    this.slot = slot
    this.address = address
    this.certificate = certificate ?? undefined
    this.#way = way
  }

  /** Passes on what happens to the core. */
  start(events: TransportEvents): void {
    this.#events = events
  }

  get pendingBytes(): number {
    return Math.max(0, this.#unconfirmed - slackBytes)
  }

  write(bytes: Uint8Array): void {
    this.writePart(bytes, 0, bytes.length)
  }

  /** It is in the ring then, or was copied. */
  writePart(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state !== 'open' || start === end) return
    this.#unconfirmed += end - start
    this.#sinceAsked += end - start
    const sent = this.#backlog.length > 0 ? start : this.#send(bytes, start, end)
    if (sent < end) {
      this.#backlog.push(bytes.slice(sent, end))
      this.#way.awaitRoom(this)
    }
    if (this.#unconfirmed > slackBytes) this.#ask()
  }

  pause(): void {
    this.#setPaused(true)
  }

  resume(): void {
    this.#setPaused(false)
  }

  /** The socket of another client may be with another worker, which may be faster. */
  hear(heard: () => void): void {
    if (this.#state === 'gone' || this.#state === 'closed') return queueMicrotask(heard)
    this.#whenHeard.push(heard)
    this.#owesHearing++
    this.#settle()
  }

  end(isHeard = false): void {
    if (this.#state === 'gone') return this.#finishLater()
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#owesEnd = isHeard ? Order.endHeard : Order.end
    this.#settle()
  }

  destroy(): void {
    if (this.#state === 'gone') return this.#finishLater()
    if (this.#state === 'destroyed' || this.#state === 'closed') return
    this.#state = 'destroyed'
    this.#backlog.clear()
    this.#owesDestroy = true
    this.#settle()
  }

  // What the worker has to tell.

  /** Bytes that arrived, in part of an array that stays as it is until the turn ends. */
  received(bytes: Uint8Array, start: number, end: number): void {
    const events = this.#events
    if (this.#state !== 'open' || events === undefined) return
    if (events.receivePart === undefined) events.receive(bytes.subarray(start, end))
    else events.receivePart(bytes, start, end)
  }

  /** The system has taken all that was written before the worker was asked. */
  taken(): void {
    this.#hasAsked = false
    this.#unconfirmed = this.#sinceAsked
    if (this.#unconfirmed > slackBytes) this.#ask()
    else if (this.#state === 'open') this.#events?.drained()
  }

  /** All that had come when the worker was told to hear has been received. */
  heard(): void {
    this.#whenHeard.shift()?.()
  }

  /**
   * The worker has closed it. While the core is not reading, it has yet to look at what came before
   * the end: as from a socket of its own, it hears of the end when it has resumed.
   */
  closed(): void {
    const hadPending = this.pendingBytes > 0
    this.#backlog.clear()
    this.#unconfirmed = 0
    if (this.#state !== 'open' || !this.#isPaused) this.#finish()
    else {
      this.#state = 'gone'
      // It may be waiting for just that.
      if (hadPending) this.#events?.drained()
    }
    while (this.#whenHeard.length > 0) this.heard()
  }

  #finishLater(): void {
    setImmediate(() => {
      if (this.#state === 'gone') this.#finish()
    })
  }

  #finish(): void {
    this.#state = 'closed'
    this.#events?.closed()
  }

  /** Sends what waits for room in the ring; false when there was too little. */
  flush(): boolean {
    if (this.#state === 'gone' || this.#state === 'closed') return true
    if (this.#state === 'destroyed') {
      this.#owesDestroy &&= !this.#order(Order.destroy)
      return !this.#owesDestroy
    }
    while (this.#owesHearing > 0 && this.#order(Order.hear)) this.#owesHearing--
    this.#owesPause &&= !this.#order(this.#isPaused ? Order.pause : Order.resume)
    while (this.#backlog.length > 0) {
      const { front } = this.#backlog
      const sent = this.#send(front, 0, front.length)
      if (sent > 0) this.#backlog.take(sent)
      if (sent < front.length) return false
    }
    this.#owesAsking &&= !this.#order(Order.ask)
    if (this.#owesEnd !== undefined && this.#order(this.#owesEnd)) this.#owesEnd = undefined
    const owesOrders = this.#owesHearing > 0 || this.#owesPause || this.#owesAsking
    return !owesOrders && this.#owesEnd === undefined
  }

  #setPaused(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return
    this.#isPaused = isPaused
    if (this.#state === 'gone') {
      // Behind what the core looks at now.
      setImmediate(() => {
        if (this.#state === 'gone' && !this.#isPaused) this.#finish()
      })
    }
    if (this.#state !== 'open') return
    this.#owesPause = true
    this.#settle()
  }

  #ask(): void {
    if (this.#hasAsked) return
    this.#hasAsked = true
    this.#sinceAsked = 0
    this.#owesAsking = true
    this.#settle()
  }

  #settle(): void {
    if (!this.flush()) this.#way.awaitRoom(this)
  }

  #order(order: number): boolean {
    return this.#way.write(order, this.slot)
  }

  /** As far as there was room; where the rest begins. */
  #send(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end) {
      const next = Math.min(end, at + largestRecord)
      if (!this.#way.write(Order.data, this.slot, bytes, at, next)) return at
      at = next
    }
    return end
  }
}
