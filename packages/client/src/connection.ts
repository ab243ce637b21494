import { largestPacket, PacketStream, PacketWriter, ProtocolError } from '@busbar/protocol'
import { type Deferred, deferred } from './deferred.ts'
import { ClientError } from './errors.ts'
import type { ClientKeepAlive } from './keep-alive.ts'
import { type PublishResult, plainResult } from './outgoing-message.ts'
import type { Transport, TransportEvents } from './transport/transport.ts'

/** From here on data waits in the outbox; control packets still go out. */
const congestedBytes = 262_144
/** What is collected leaves at once from here on, before the turn is over. */
const fullBatchBytes = 65_536
/** A loop that acknowledges one message after the other takes fewer for each: they leave together. */
const quietMicrotasks = 12
/** Up to here a copy costs less than a new buffer. */
const smallBatchBytes = 2_048

/** What a Connection reports. */
export interface ConnectionEvents {
  /** One packet of the server, as its bytes, which nobody else uses. */
  received(frame: PacketStream): void
  /** The transport takes data again. */
  drained(): void
  /** The server has broken the standard. */
  fail(error: ProtocolError, reasonCode: number): void
  /** Called once, when the stream has ended. */
  closed(error: unknown): void
}

/** QoS 0: the system has taken the bytes. */
export const sent = plainResult('sent')

// A microtask for less than `queueMicrotask`, which Node gives a resource of its own.
const soon = Promise.resolve()

/** How one kind of packet is written. */
type WritePacket<P> = (writer: PacketWriter, packet: P, version: 4 | 5) => void

/** One Network Connection: bytes to packets and back, one write for each turn. */
export class Connection implements TransportEvents {
  readonly version: 4 | 5
  keepAlive: ClientKeepAlive | undefined
  isClosed = false
  /** When it is open. */
  transport: Transport | undefined
  /** The Maximum Packet Size of the server. */
  maximumSentSize = largestPacket
  readonly #events: ConnectionEvents
  readonly #stream: PacketStream
  #writer = new PacketWriter(4_096)
  #isScheduled = false
  // while it is scheduled: what was written when it was looked at last, and for how long
  #seen = 0
  #quiet = 0
  #isCongested = false
  /** Settled when what is written now is the system's, and it takes more. */
  #batch: Deferred<PublishResult> | undefined
  readonly #holds = new Set<unknown>()

  constructor(version: 4 | 5, maximumPacketSize: number, events: ConnectionEvents) {
    this.version = version
    this.#events = events
    this.#stream = new PacketStream(maximumPacketSize, version === 5)
  }

  /** Data has to wait. */
  get isCongested(): boolean {
    return this.#isCongested
  }

  /** Whether incoming bytes are looked at. */
  get isReading(): boolean {
    return this.#holds.size === 0
  }

  /**
   * Appends a packet to what leaves at the end of this turn. False when it is larger than the server
   * takes, and is not sent [MQTT5-3.2.2-15]; throws RangeError for what the wire cannot hold.
   */
  write<P>(packet: P, writePacket: WritePacket<P>): boolean {
    if (this.isClosed) return true
    const writer = this.#writer
    const start = writer.length
    let isWhole = false
    try {
      writePacket(writer, packet, this.version)
      isWhole = writer.length - start <= this.maximumSentSize
    } finally {
      if (!isWhole) writer.truncate(start)
    }
    if (!isWhole) return false
    if (writer.length >= fullBatchBytes) this.flush()
    else if (!this.#isScheduled) this.#schedule()
    return true
  }

  /** Resolves when what was written so far is the system's, and it takes more: one promise for all of it. */
  sent(): Promise<PublishResult> {
    if (this.isClosed) return Promise.reject(lost())
    if (!this.#isScheduled) this.#schedule()
    this.#batch ??= deferred()
    return this.#batch.promise
  }

  flush(): void {
    const { transport } = this
    if (transport === undefined || this.isClosed) return
    const { length } = this.#writer
    if (length > 0) {
      this.keepAlive?.sent()
      transport.send(this.#takeBatch(length))
      if (transport.bufferedBytes > congestedBytes) this.#isCongested = true
    }
    if (!this.#isCongested) this.#tellSent()
  }

  /** Stops looking at what arrives, for this reason, until it is released. */
  hold(reason: unknown): void {
    if (this.#holds.size === 0) this.transport?.pause()
    this.#holds.add(reason)
  }

  release(reason: unknown): void {
    if (!this.#holds.delete(reason) || this.#holds.size > 0) return
    queueMicrotask(() => {
      if (this.isClosed || this.#holds.size > 0) return
      this.keepAlive?.heard()
      this.guard(() => this.#readOn())
      if (this.#holds.size === 0) this.transport?.resume()
    })
  }

  /** Sends what was written, then closes. */
  end(): void {
    this.flush()
    this.transport?.end()
  }

  /** Closes at once. */
  destroy(): void {
    this.transport?.destroy()
  }

  receive(bytes: Uint8Array): void {
    if (this.isClosed) return
    this.keepAlive?.heard()
    this.guard(() => {
      this.#stream.push(bytes)
      this.#readOn()
    })
  }

  drained(): void {
    if (!this.#isCongested || this.isClosed) return
    this.#isCongested = false
    this.#tellSent()
    this.#events.drained()
  }

  closed(error?: unknown): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#batch?.reject(lost(error))
    this.#events.closed(error)
  }

  #tellSent(): void {
    this.#batch?.resolve(sent)
    this.#batch = undefined
  }

  #readOn(): void {
    while (this.isReading && !this.isClosed && this.#stream.advance()) {
      this.#events.received(this.#stream)
    }
  }

  /** The one place in which a ProtocolError of the server ends. */
  guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.#events.fail(error, error.reasonCode)
      } else {
        this.destroy()
        throw error // ours
      }
    }
  }

  #schedule(): void {
    this.#isScheduled = true
    this.#quiet = 0
    void soon.then(this.#endTurn)
  }

  /** The turn is over when several microtasks in a row have written nothing. */
  readonly #endTurn = () => {
    const { length } = this.#writer
    this.#quiet = length === this.#seen ? this.#quiet + 1 : 0
    this.#seen = length
    if (this.#quiet < quietMicrotasks) return void soon.then(this.#endTurn)
    this.#isScheduled = false
    this.flush()
  }

  #takeBatch(length: number): Uint8Array {
    if (length > smallBatchBytes) return this.#writer.take(Math.min(length, fullBatchBytes) + 1_024)
    const batch = this.#writer.view().slice()
    this.#writer.truncate(0)
    return batch
  }
}

function lost(cause?: unknown): ClientError {
  return new ClientError('transport-failed', 'the connection was lost before the message left', {
    cause,
  })
}
