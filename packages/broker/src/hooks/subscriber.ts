import { type PublishProperties, type QoS, ReasonCode } from '@busbar/protocol'
import type { Core } from '../core.ts'
import type { Delivery } from '../delivery.ts'
import { Fifo } from '../fifo.ts'
import type { Session, SessionConnection } from '../session.ts'

/** An Application Message as the program gets it. */
export interface ReceivedMessage {
  readonly topicName: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  /** It may have come before. */
  readonly dup: boolean
  readonly properties: PublishProperties
}

/** Takes one message after the other; a message is acknowledged when this has resolved. */
export type Consumer = (message: ReceivedMessage) => void | Promise<void>

interface Arrival {
  readonly message: ReceivedMessage
  readonly packetIdentifier: number
}

/** From so many on that the program has not taken, messages wait in the queue of the Session. */
const mostWaiting = 100

/** The program at the end of a Session, in the place of a Network Connection. */
export class Subscriber implements SessionConnection {
  readonly version = 5
  readonly takesFrames = false
  readonly maximumPacketSize = Number.POSITIVE_INFINITY
  isClosed = false
  readonly #core: Core
  readonly #session: Session
  readonly #consumer: Consumer | undefined
  readonly #arrived = new Fifo<Arrival>()
  #isRunning = false
  #hasStarted = false
  #wake: (() => void) | undefined
  #error: Error | undefined

  constructor(core: Core, session: Session, consumer: Consumer | undefined) {
    this.#core = core
    this.#session = session
    this.#consumer = consumer
  }

  get isCongested(): boolean {
    return this.isClosed || this.#arrived.length >= mostWaiting
  }

  sendPublish({ message, qos, retain }: Delivery, packetIdentifier: number, dup: boolean): boolean {
    const { topicName, payload, properties } = message
    // A copy, because inside the broker messages share memory.
    const own = new Uint8Array(payload)
    const received = { topicName, payload: own, qos, retain, dup, properties }
    this.#arrived.push({ message: received, packetIdentifier })
    this.#wake?.()
    if (this.#consumer !== undefined && !this.#isRunning) void this.#run(this.#consumer)
    return true
  }

  forward(): boolean {
    return false
  }

  sendPlain(): boolean {
    return false
  }

  sendPubrel(packetIdentifier: number): void {
    // Not now, because the Session is in the middle of it.
    queueMicrotask(() => {
      if (!this.isClosed) this.#session.sender.pubcomp(packetIdentifier)
    })
  }

  /** The broker gives up on the Session: its store has failed. */
  disconnect(_reasonCode: number, reasonString: string): void {
    this.#error = new Error(`the subscription has ended: ${reasonString}`)
    this.#core.log.error('subscription of the program has ended', { reason: reasonString })
    this.#detach()
  }

  async #run(consumer: Consumer): Promise<void> {
    this.#isRunning = true
    await undefined // so that the consumer does not run in the middle of a delivery
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      let reasonCode: number = ReasonCode.Success
      try {
        await consumer(next.message)
      } catch (error) {
        reasonCode = ReasonCode.ImplementationSpecificError
        const { clientIdentifier: clientId } = this.#session
        this.#core.log.error('subscriber of the program failed', { clientId, error })
      }
      this.#acknowledge(next, reasonCode)
    }
    this.#isRunning = false
  }

  #take(): Arrival | undefined {
    return this.isClosed ? undefined : this.#arrived.shift()
  }

  #acknowledge({ message, packetIdentifier }: Arrival, reasonCode: number): void {
    if (this.isClosed) return
    if (message.qos === 1) this.#session.sender.puback(packetIdentifier, reasonCode)
    else if (message.qos === 2) this.#session.sender.pubrec(packetIdentifier, reasonCode)
    else this.#session.sender.pump() // there is room for one more
  }

  /** A message is acknowledged when the next one is asked for. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ReceivedMessage, void, undefined> {
    if (this.#consumer !== undefined || this.#hasStarted) {
      throw new Error('the messages of this subscription are taken already')
    }
    this.#hasStarted = true
    try {
      while (!this.isClosed) {
        const next = this.#take()
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          continue
        }
        yield next.message
        this.#acknowledge(next, ReasonCode.Success)
      }
      if (this.#error !== undefined) throw this.#error
    } finally {
      await this.close()
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.#detach()
    await this.#committed()
  }

  async forget(): Promise<void> {
    if (this.#session.hasEnded) return
    this.#session.sessionExpiryInterval = 0
    this.#detach()
    this.#core.sessions.end(this.#session)
    await this.#committed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #detach(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const { message } of this.#arrived) {
      if (message.qos > 0) continue // it is in the Session still
      const { payload } = message
      this.#core.losses.record(this.#session.clientIdentifier, 'session-ended', payload.length)
    }
    this.#arrived.clear()
    this.#wake?.()
    this.#core.statistics.clientsConnected--
    this.#core.hooks.disconnected?.(this.#session)
    this.#core.sessions.connectionEnded(this.#session)
  }

  /** What it changed is stored; what could not be stored is tried again at the next start. */
  #committed(): Promise<void> {
    return new Promise((resolve) => {
      this.#core.journal.whenCommitted(() => resolve())
    })
  }
}
