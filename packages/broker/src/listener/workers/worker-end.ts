import type { Entry } from '../../admission.ts'
import type { Allocate } from '../../slab.ts'
import { type Transport, type TransportEvents, takesParts } from '../../transport.ts'
import type { Accept } from '../listener.ts'
import type { Rings } from './core-end.ts'
import { type Knock, type Opened, Order, Report, writeFields } from './records.ts'
import { RingLoop } from './ring-loop.ts'
import { largestRecord, RingReader, RingWriter, type TakeRecord } from './shared-ring.ts'

/** Who waits for the core to let it in. */
type Knocker = (entry: Entry | undefined) => void

/** The worker's end of the connections that it holds for the core. */
export class WorkerEnd {
  readonly #writer: RingWriter
  readonly #loop: RingLoop
  readonly #held: (Held | undefined)[] = []
  readonly #knockers = new Map<number, Knocker>()
  /** Let in, and not yet at MQTT. */
  readonly #welcomed = new Map<number, Entry>()
  readonly #free: number[] = []
  #slots = 0
  #isWakeScheduled = false

  /** `allocate` gets the memory that output is sent from. */
  constructor({ toCore, toWorker }: Rings, allocate?: Allocate) {
    this.#writer = new RingWriter(toCore)
    this.#loop = new RingLoop(new RingReader(toWorker, allocate), this.#take)
    this.#loop.start()
  }

  /** Follows all orders that are there. */
  readAll(): void {
    this.#loop.readAll()
  }

  stop(): void {
    this.#loop.stop()
  }

  /** Hands the connections of a listener to the core. */
  accept(listener: number): Accept {
    return (transport, entry) => {
      const { address, certificate } = transport
      const fields = writeFields([listener, address, certificate] satisfies Opened)
      if (fields.length > largestRecord) throw new RangeError('a certificate has too many names')
      const slot = entry?.slot ?? this.#takeSlot()
      this.#welcomed.delete(slot)
      const held = new Held(slot, transport, this)
      this.#held[slot] = held
      this.report(Report.open, slot, fields)
      return held
    }
  }

  /** Asks the core whether a connection is welcome to go through what comes before MQTT. */
  knock(listener: number, address: string, isCostly: boolean): Promise<Entry | undefined> {
    const slot = this.#takeSlot()
    this.report(Report.knock, slot, writeFields([listener, address, isCostly] satisfies Knock))
    return new Promise((resolve) => this.#knockers.set(slot, resolve))
  }

  /** Waits for room as long as it takes: whoever is not read from feels it. */
  report(report: number, slot: number, bytes?: Uint8Array, start?: number, end?: number): void {
    while (!this.#writer.write(report, slot, bytes, start, end)) {
      this.#writer.wake()
      this.#writer.blockUntilRoom()
    }
    if (this.#isWakeScheduled) return
    this.#isWakeScheduled = true
    queueMicrotask(this.#wake)
  }

  readonly #wake = () => {
    this.#isWakeScheduled = false
    this.#writer.wake()
  }

  readonly #take: TakeRecord = (order, slot, bytes, start, end) => {
    switch (order) {
      case Order.data:
        return this.#held[slot]?.write(bytes, start, end)
      case Order.ask:
        return this.#held[slot]?.ask()
      case Order.hear:
        return this.#held[slot]?.hear()
      case Order.pause:
        return this.#held[slot]?.transport.pause()
      case Order.resume:
        return this.#held[slot]?.transport.resume()
      case Order.end:
        return this.#held[slot]?.transport.end()
      case Order.endHeard:
        return this.#held[slot]?.transport.end(true)
      case Order.destroy:
        return this.#held[slot]?.transport.destroy()
      case Order.release:
        this.#held[slot] = undefined
        this.#free.push(slot)
        return
      case Order.welcome:
        return this.#answer(slot, this.#welcome(slot))
      case Order.refuse:
        this.#free.push(slot)
        return this.#answer(slot, undefined)
    }
  }

  #answer(slot: number, entry: Entry | undefined): void {
    const knocker = this.#knockers.get(slot)
    this.#knockers.delete(slot)
    knocker?.(entry)
  }

  #welcome(slot: number): Entry {
    const entry: Entry = {
      slot,
      refusal: undefined, // the core knows, and tells it in its CONNACK
      leave: () => {
        // What has been opened reports by itself when it has closed.
        if (this.#welcomed.get(slot) !== entry) return
        this.#welcomed.delete(slot)
        this.report(Report.left, slot)
      },
    }
    this.#welcomed.set(slot, entry)
    return entry
  }

  #takeSlot(): number {
    return this.#free.pop() ?? this.#slots++
  }
}

/** A connection, as long as the core knows its slot. */
class Held implements TransportEvents {
  readonly transport: Transport
  readonly #slot: number
  readonly #end: WorkerEnd
  #isAsked = false
  #isClosed = false

  constructor(slot: number, transport: Transport, end: WorkerEnd) {
    this.transport = transport
    this.#slot = slot
    this.#end = end
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    const { transport } = this
    if (takesParts(transport)) transport.writePart(bytes, start, end)
    else transport.write(Buffer.from(bytes.subarray(start, end))) // a copy
  }

  /** Tells the core when everything so far has been taken by the system. */
  ask(): void {
    if (this.transport.pendingBytes > 0) this.#isAsked = true
    else this.#end.report(Report.taken, this.#slot)
  }

  /** After two turns of the event loop everything has been read that had come before. */
  hear(): void {
    this.transport.readNow?.()
    setImmediate(() =>
      setImmediate(() => {
        if (!this.#isClosed) this.#end.report(Report.heard, this.#slot)
      }),
    )
  }

  receive(bytes: Uint8Array): void {
    this.receivePart(bytes, 0, bytes.length)
  }

  receivePart(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at += largestRecord)
      this.#end.report(Report.data, this.#slot, bytes, at, Math.min(end, at + largestRecord))
    if (end - start <= largestRecord) return
    // `net` reads again and again from who sends so much: an order to pause may be here.
    this.#end.readAll()
  }

  drained(): void {
    if (!this.#isAsked) return
    this.#isAsked = false
    this.#end.report(Report.taken, this.#slot)
  }

  closed(): void {
    this.#isClosed = true
    this.#end.report(Report.closed, this.#slot)
  }
}
