import type { Admission, Entry } from '../../admission.ts'
import type { Log } from '../../log.ts'
import { guardEvents } from '../guard.ts'
import type { Accept } from '../listener.ts'
import { type Knock, type Opened, Order, Report, readFields } from './records.ts'
import { RingLoop } from './ring-loop.ts'
import { RingReader, RingWriter, type TakeRecord } from './shared-ring.ts'
import { type Way, WorkerTransport } from './worker-transport.ts'

/** What the connections of a listener are given to. */
export interface Reception {
  readonly admission: Admission
  readonly accept: Accept
  /** The listener takes no more of them, which the workers learn a little later. */
  isClosed?: boolean
}

/** Both directions between the core and a worker. */
export interface Rings {
  readonly toCore: SharedArrayBuffer
  readonly toWorker: SharedArrayBuffer
}

/** The core's end of the connections that one worker holds. Neither side ever waits for the other. */
export class CoreEnd implements Way {
  readonly #writer: RingWriter
  readonly #loop: RingLoop
  readonly #receptions: readonly Reception[]
  readonly #log: Log
  readonly #transports: (WorkerTransport | undefined)[] = []
  /** Let in by slot, as far as MQTT has not begun. */
  readonly #entries = new Map<number, Entry>()
  /** Orders that are about nothing but a slot, for when there is room. */
  readonly #orders: (readonly [order: number, slot: number])[] = []
  readonly #waiting = new Set<WorkerTransport>()
  #isAwaitingRoom = false
  #isWakeScheduled = false
  #whenSettled: (() => void)[] = []

  /** `receptions` by the number of the listener; it may grow. */
  constructor({ toCore, toWorker }: Rings, receptions: readonly Reception[], log: Log) {
    this.#writer = new RingWriter(toWorker)
    this.#loop = new RingLoop(new RingReader(toCore), this.#take)
    this.#receptions = receptions
    this.#log = log
    this.#loop.start()
  }

  /** Resolves when the worker can see every order. */
  async settled(): Promise<void> {
    if (this.#isSettled) return
    await new Promise<void>((resolve) => this.#whenSettled.push(resolve))
  }

  /** The worker has ended: takes what it has left, and closes what is open. */
  lost(): void {
    this.#loop.readAll()
    this.#loop.stop()
    for (const entry of this.#entries.values()) entry.leave()
    this.#entries.clear()
    for (const transport of this.#transports) transport?.closed()
    this.#transports.length = 0
    this.#waiting.clear()
    this.#orders.length = 0
    this.#tellSettled()
  }

  write(order: number, slot: number, bytes?: Uint8Array, start?: number, end?: number): boolean {
    if (!this.#writer.write(order, slot, bytes, start, end)) return false
    if (!this.#isWakeScheduled) {
      this.#isWakeScheduled = true
      queueMicrotask(this.#wake)
    }
    return true
  }

  awaitRoom(transport: WorkerTransport): void {
    this.#waiting.add(transport)
    this.#awaitRoom()
  }

  /** Once for all that was written in one go. */
  readonly #wake = () => {
    this.#isWakeScheduled = false
    this.#writer.wake()
  }

  readonly #take: TakeRecord = (report, slot, bytes, start, end) => {
    switch (report) {
      case Report.data:
        return this.#transports[slot]?.received(bytes, start, end)
      case Report.taken:
        return this.#transports[slot]?.taken()
      case Report.heard:
        return this.#transports[slot]?.heard()
      case Report.open:
        return this.#open(slot, readFields<Opened>(bytes.subarray(start, end)))
      case Report.closed:
        return this.#closed(slot)
      case Report.knock:
        return this.#knock(slot, readFields<Knock>(bytes.subarray(start, end)))
      case Report.left:
        return this.#left(slot)
    }
  }

  #knock(slot: number, [listener, address, isCostly]: Knock): void {
    const { admission, isClosed } = this.#receptions[listener] as Reception
    const entry = isClosed ? undefined : admission.enter(address, { isCostly })
    if (entry !== undefined) this.#entries.set(slot, entry)
    this.#order(entry === undefined ? Order.refuse : Order.welcome, slot)
  }

  #left(slot: number): void {
    this.#entries.get(slot)?.leave()
    this.#entries.delete(slot)
    this.#order(Order.release, slot)
  }

  #open(slot: number, opened: Opened): void {
    const [listener, address] = opened
    const { accept, isClosed } = this.#receptions[listener] as Reception
    const transport = new WorkerTransport(slot, opened, this)
    this.#transports[slot] = transport
    const entry = this.#entries.get(slot)
    this.#entries.delete(slot)
    if (isClosed) {
      entry?.leave()
      return transport.destroy()
    }
    try {
      transport.start(guardEvents(accept(transport, entry), transport, this.#log))
    } catch (error) {
      this.#log.error('defect in the broker, connection refused', { address, error })
      transport.destroy()
    }
  }

  #closed(slot: number): void {
    const transport = this.#transports[slot]
    if (transport === undefined) return
    this.#transports[slot] = undefined
    this.#waiting.delete(transport)
    transport.closed()
    // The worker gives the slot to nobody else before: no order can get to a wrong connection.
    this.#order(Order.release, slot)
  }

  #order(order: number, slot: number): void {
    if (this.#orders.length === 0 && this.write(order, slot)) return
    this.#orders.push([order, slot])
    this.#awaitRoom()
  }

  #awaitRoom(): void {
    if (this.#isAwaitingRoom) return
    this.#isAwaitingRoom = true
    this.#writer.wake()
    const told = this.#writer.untilRoom()
    if (told === undefined) setImmediate(this.#flush)
    else void told.then(this.#flush)
  }

  readonly #flush = () => {
    this.#isAwaitingRoom = false
    let count = 0
    while (count < this.#orders.length) {
      const [order, slot] = this.#orders[count] as readonly [number, number]
      if (!this.write(order, slot)) break
      count++
    }
    this.#orders.splice(0, count)
    for (const transport of this.#waiting) {
      if (this.#orders.length > 0) break
      this.#waiting.delete(transport)
      if (transport.flush()) continue
      // Behind the others, so that one with much to send does not keep them.
      this.#waiting.add(transport)
      break
    }
    if (this.#isSettled) this.#tellSettled()
    else this.#awaitRoom()
  }

  get #isSettled(): boolean {
    return this.#orders.length === 0 && this.#waiting.size === 0
  }

  #tellSettled(): void {
    const told = this.#whenSettled
    this.#whenSettled = []
    for (const tell of told) tell()
  }
}
