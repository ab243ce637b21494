import { type Message, messageBytes } from '../message.ts'
import { ByteWriter } from './byte-writer.ts'
import { type Times, writeMessage, writeRoute, writeWill } from './message-codec.ts'
import type { QueueEntry, StoredSession, StoredSubscription } from './store.ts'

/**
 * What goes into one transaction, on its way to the worker: numbers, bytes and strings in the order
 * of the operations. Three flat arrays cost a fraction of an object for each operation.
 */
export interface Group {
  readonly numbers: Float64Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly strings: readonly (string | null)[]
}

/** The first number of an operation. What follows it is in `numbersOf`. */
export const code = {
  /** id, is new, version, expiry, ends at, ends remaining, will at, will remaining, will bytes; strings: Client Identifier, owner. */
  session: 0,
  /** id. */
  sessionEnd: 1,
  /** session, options, Subscription Identifier; string: the filter. */
  subscription: 2,
  /** session; string: the filter. */
  subscriptionEnd: 3,
  /** topic bytes, payload at, bytes; string: the topic. */
  retained: 4,
  /** string: the topic. */
  retainedEnd: 5,
  /** id, topic bytes, payload at, bytes: one that entries refer to. */
  message: 6,
  /** session, position, state, Packet Identifier, flags, size, message, topic bytes, payload at, bytes, route bytes. */
  queued: 7,
  /** session, position, Packet Identifier. */
  sent: 8,
  /** session, position. */
  released: 9,
  /** session, position. */
  done: 10,
  /** session, Packet Identifier. */
  received: 11,
  /** session, Packet Identifier. */
  forgotten: 12,
} as const

export type Code = (typeof code)[keyof typeof code]

/** How many numbers follow each code. */
export const numbersOf = [9, 1, 3, 1, 3, 0, 4, 11, 3, 2, 2, 2, 2] as const

export const states = ['queued', 'sent', 'released'] as const

/** One change, taken down at the time of the call. */
export interface Operation {
  readonly code: Code
  /** The number of the Session in the store; 0 where there is none. */
  readonly session: number
  /** Or a Packet Identifier received. */
  readonly position: number
  readonly packetIdentifier: number
  /** Of an entry its index in `states`; of a Session 1 when it is new. */
  readonly state: number
  readonly body: QueueEntry | StoredSession | StoredSubscription | Message | string | undefined
  /** What becomes of it within its group: see `settle`. */
  isNeeded: boolean
  lastState: number
  lastPacketIdentifier: number
}

/**
 * Beyond this a message is kept apart from its entry, so that reading and changing entries does not
 * touch large payloads: about a quarter of a page.
 */
const INLINE_LIMIT = 1000

/** Turns operations into groups. */
export class GroupWriter {
  readonly #times: Times
  readonly #bytes = new ByteWriter()
  #numbers = new Float64Array(4096)
  #length = 0
  #strings: (string | null)[] = []
  #nextMessage: number

  constructor(times: Times, lastMessage: number) {
    this.#times = times
    this.#nextMessage = lastMessage + 1
  }

  write(batches: readonly (readonly Operation[])[]): Group {
    this.#times.refresh()
    const operations = settle(batches.flat())
    let shared: Message | undefined
    let sharedAs = 0
    for (const [at, operation] of operations.entries()) {
      if (operation.code !== code.queued) {
        this.#writeOther(operation)
        continue
      }
      const { message } = operation.body as QueueEntry
      // One message for many Sessions: its entries follow each other.
      if (message !== shared) {
        shared = message
        sharedAs = isApart(message, operations[at + 1]) ? this.#writeMessage(message) : 0
      }
      this.#writeEntry(operation, sharedAs)
      if (sharedAs === 0) shared = undefined
    }
    return this.#take()
  }

  #take(): Group {
    const numbers = this.#numbers.slice(0, this.#length)
    const strings = this.#strings
    this.#length = 0
    this.#strings = []
    return { numbers, bytes: this.#bytes.take(), strings }
  }

  #writeOther(operation: Operation): void {
    const { session, position } = operation
    switch (operation.code) {
      case code.session:
        this.#writeSession(session, operation.state, operation.body as StoredSession)
        return
      case code.sessionEnd:
        this.#put(code.sessionEnd, session)
        return
      case code.subscription: {
        const subscription = operation.body as StoredSubscription
        const { text, subscriptionIdentifier } = subscription
        this.#put(code.subscription, session, packTerms(subscription), subscriptionIdentifier ?? 0)
        this.#strings.push(text)
        return
      }
      case code.subscriptionEnd:
        this.#put(code.subscriptionEnd, session)
        this.#strings.push(operation.body as string)
        return
      case code.retained: {
        const message = operation.body as Message
        const { topicBytes, payloadAt, bytes } = writeMessage(this.#bytes, message, this.#times)
        this.#put(code.retained, topicBytes, payloadAt, bytes)
        this.#strings.push(message.topicName)
        return
      }
      case code.retainedEnd:
        this.#put(code.retainedEnd)
        this.#strings.push(operation.body as string)
        return
      case code.sent:
        this.#put(code.sent, session, position, operation.packetIdentifier)
        return
      default:
        this.#put(operation.code, session, position)
    }
  }

  #writeSession(id: number, isNew: number, session: StoredSession): void {
    const { ends, will } = session
    const start = this.#bytes.length
    if (will !== undefined) writeWill(this.#bytes, will)
    this.#put(
      code.session,
      id,
      isNew,
      session.protocolVersion,
      session.sessionExpiryInterval,
      ends?.atMs ?? Number.NaN,
      ends?.remainingMs ?? Number.NaN,
      will?.due?.atMs ?? Number.NaN,
      will?.due?.remainingMs ?? Number.NaN,
      this.#bytes.length - start,
    )
    this.#strings.push(session.clientIdentifier, session.owner ?? null)
  }

  #writeMessage(message: Message): number {
    const id = this.#nextMessage++
    const { topicBytes, payloadAt, bytes } = writeMessage(this.#bytes, message, this.#times)
    this.#put(code.message, id, topicBytes, payloadAt, bytes)
    return id
  }

  /** The hottest of all: the message itself follows unless it is apart. */
  #writeEntry(operation: Operation, message: number): void {
    const entry = operation.body as QueueEntry
    const layout =
      message === 0 ? writeMessage(this.#bytes, entry.message, this.#times) : nothingInline
    const routeBytes = writeRoute(this.#bytes, entry)
    // Not through `#put`, whose array would cost more than the rest.
    this.#makeRoom(1 + numbersOf[code.queued])
    const numbers = this.#numbers
    let at = this.#length
    numbers[at++] = code.queued
    numbers[at++] = operation.session
    numbers[at++] = operation.position
    numbers[at++] = operation.lastState
    numbers[at++] = operation.lastPacketIdentifier
    numbers[at++] = entry.qos | (entry.retain ? 4 : 0)
    numbers[at++] = messageBytes(entry.message)
    numbers[at++] = message
    numbers[at++] = layout.topicBytes
    numbers[at++] = layout.payloadAt
    numbers[at++] = layout.bytes
    numbers[at++] = routeBytes
    this.#length = at
  }

  #put(...numbers: number[]): void {
    this.#makeRoom(numbers.length)
    for (const each of numbers) this.#numbers[this.#length++] = each
  }

  #makeRoom(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#numbers.length) return
    const grown = new Float64Array(Math.max(needed, this.#numbers.length * 2))
    grown.set(this.#numbers)
    this.#numbers = grown
  }
}

const nothingInline = { topicBytes: 0, payloadAt: 0, bytes: 0 }

function isApart(message: Message, next: Operation | undefined): boolean {
  if (message.payload.length + message.topicName.length > INLINE_LIMIT) return true
  return next?.code === code.queued && (next.body as QueueEntry).message === message
}

/**
 * Leaves out what need not be written, because the whole group becomes durable at once: an entry
 * that is done already, the steps of one that is written with its last state, and those of an earlier
 * one that is done.
 */
function settle(operations: Operation[]): Operation[] {
  const entries = new Map<number, Operation>()
  const steps = new Map<number, Operation[]>()
  const isWorthIt = operations.some(({ code: c }) => c >= code.sent && c <= code.done)
  for (const operation of operations) {
    operation.isNeeded = true
    operation.lastState = operation.state
    operation.lastPacketIdentifier = operation.packetIdentifier
    if (!isWorthIt) continue
    if (operation.code === code.queued) entries.set(operation.position, operation)
    else if (operation.code >= code.sent && operation.code <= code.done) {
      if (!advance(entries, operation)) follow(steps, operation)
    }
  }
  return isWorthIt ? operations.filter((operation) => operation.isNeeded) : operations
}

/** True when the step is one of an entry in the group. */
function advance(entries: Map<number, Operation>, step: Operation): boolean {
  const entry = entries.get(step.position)
  if (entry === undefined || entry.session !== step.session) return false
  step.isNeeded = false
  if (step.code === code.done) {
    entry.isNeeded = false
    entries.delete(step.position)
  } else if (step.code === code.sent) {
    entry.lastState = 1
    entry.lastPacketIdentifier = step.packetIdentifier
  } else if (entry.lastState === 1) {
    entry.lastState = 2
  }
  return true
}

/** A step of an earlier entry: when it is done, those before it are of no account. */
function follow(steps: Map<number, Operation[]>, step: Operation): void {
  const before = steps.get(step.position)
  if (step.code !== code.done) {
    if (before === undefined) steps.set(step.position, [step])
    else before.push(step)
    return
  }
  for (const each of before ?? []) if (each.session === step.session) each.isNeeded = false
}

/** Beside the Subscription Options as in SUBSCRIBE. */
const awaitsRetainedFlag = 64

function packTerms({ options, awaitsRetained }: StoredSubscription): number {
  return (
    options.qos |
    (options.noLocal ? 4 : 0) |
    (options.retainAsPublished ? 8 : 0) |
    (options.retainHandling << 4) |
    (awaitsRetained === true ? awaitsRetainedFlag : 0)
  )
}

export function unpackTerms(
  packed: number,
): Pick<StoredSubscription, 'options' | 'awaitsRetained'> {
  return {
    options: {
      qos: (packed & 3) as 0 | 1 | 2,
      noLocal: (packed & 4) !== 0,
      retainAsPublished: (packed & 8) !== 0,
      retainHandling: ((packed >> 4) & 3) as 0 | 1 | 2,
    },
    ...((packed & awaitsRetainedFlag) !== 0 && { awaitsRetained: true }),
  }
}
