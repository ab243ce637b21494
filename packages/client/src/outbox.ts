import { ClientError } from './errors.ts'
import type { OutboxOptions } from './options.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { Queue } from './queue.ts'

/** Messages that are not settled: bounded in number and bytes, with callers that wait for room. */
export class Outbox {
  /** QoS 1 and 2 that were not sent yet, in their order. */
  readonly waiting = new Queue<OutgoingMessage>()
  /** QoS 0 likewise. */
  readonly waitingQoS0 = new Queue<OutgoingMessage>()
  /** Messages inside, and their bytes. */
  count = 0
  bytes = 0
  dropped = 0
  /** Called when the last message is settled. */
  whenEmpty: (() => void) | undefined
  readonly #callers = new Queue<OutgoingMessage>()
  readonly #maxMessages: number
  readonly #maxBytes: number
  readonly #whenFull: NonNullable<OutboxOptions['whenFull']>
  readonly #accept: (message: OutgoingMessage) => void
  readonly #forget: (message: OutgoingMessage) => void

  constructor(
    options: OutboxOptions | undefined,
    actions: {
      /** Takes a message that has come in. */
      accept(message: OutgoingMessage): void
      /** The message was thrown out. */
      forget(message: OutgoingMessage): void
    },
  ) {
    const { maxMessages = 10_000, maxBytes = 64_000_000, whenFull = 'wait' } = options ?? {}
    this.#maxMessages = maxMessages
    this.#maxBytes = maxBytes
    this.#whenFull = whenFull
    this.#accept = actions.accept
    this.#forget = actions.forget
  }

  /** Callers whose messages are not inside yet. */
  get callers(): number {
    return this.#callers.size
  }

  /** Takes a message in now or later, or tells its caller why not. */
  submit(message: OutgoingMessage): void {
    if (message.size > this.#maxBytes) message.tell(full('larger than the outbox'))
    else if (this.#callers.size === 0 && this.#hasRoom(message)) this.#enter(message)
    else if (this.#whenFull === 'wait') this.#callers.push(message)
    else if (this.#whenFull === 'reject') message.tell(full('the outbox is full'))
    else this.#dropFor(message)
  }

  /** Puts a message that is inside in line. */
  wait(message: OutgoingMessage): void {
    message.place = 'waiting'
    this.#lineOf(message).push(message)
  }

  /** Takes a waiting message out of its line. */
  unwait(message: OutgoingMessage): void {
    this.#lineOf(message).remove(message)
  }

  /** A message was restored from the store: inside without being asked. */
  restore(message: OutgoingMessage): void {
    this.count++
    this.bytes += message.size
  }

  /** Someone does not want it sent any more. False when it is on its way already. */
  withdraw(message: OutgoingMessage): boolean {
    if (message.place === 'outside') {
      if (message.sequence === 0) this.#callers.remove(message)
      message.place = 'settled'
      return true
    }
    if (message.place !== 'waiting') return false
    this.unwait(message)
    this.left(message)
    return true
  }

  /** A message is settled, and makes room. */
  left(message: OutgoingMessage): void {
    message.place = 'settled'
    this.count--
    this.bytes -= message.size
    while (this.#callers.first !== undefined && this.#hasRoom(this.#callers.first)) {
      this.#enter(this.#callers.shift() as OutgoingMessage)
    }
    if (this.count === 0 && this.#callers.size === 0) this.whenEmpty?.()
  }

  /** Tells all callers that wait for room why it will not come. */
  refuseCallers(error: ClientError): void {
    for (const caller of this.#callers.takeAll()) {
      caller.place = 'settled'
      caller.tell(error)
    }
  }

  #enter(message: OutgoingMessage): void {
    this.count++
    this.bytes += message.size
    this.#accept(message)
  }

  #hasRoom(message: OutgoingMessage): boolean {
    return this.count < this.#maxMessages && this.bytes + message.size <= this.#maxBytes
  }

  #lineOf(message: OutgoingMessage): Queue<OutgoingMessage> {
    return message.qos === 0 ? this.waitingQoS0 : this.waiting
  }

  /** Only what was not sent can be dropped: the rest belongs to the Session. */
  #dropFor(message: OutgoingMessage): void {
    while (!this.#hasRoom(message)) {
      const oldest = this.#oldest()
      if (oldest === undefined) return message.tell(full('the outbox is full of sent messages'))
      this.unwait(oldest)
      this.left(oldest)
      this.dropped++
      this.#forget(oldest)
      oldest.tell(new ClientError('dropped', 'dropped from a full outbox for a newer message'))
    }
    this.#enter(message)
  }

  #oldest(): OutgoingMessage | undefined {
    const one = this.waiting.first
    const other = this.waitingQoS0.first
    if (one === undefined || other === undefined) return one ?? other
    return one.sequence < other.sequence ? one : other
  }
}

function full(message: string): ClientError {
  return new ClientError('outbox-full', message)
}
