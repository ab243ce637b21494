import { SparseSet } from '@busbar/protocol'
import type { Context } from './context.ts'
import { Fifo } from './fifo.ts'
import { publishByte } from './frames.ts'
import type { Amount } from './losses.ts'
import { bytesOf, type Message, messageBytes } from './message.ts'
import { OnceQueue } from './once-queue.ts'
import type { PlainRecord } from './packed-messages.ts'
import type { SessionConnection } from './session.ts'
import type { QueueEntry } from './store/store.ts'
import { visitStoredEntries } from './store/stored-entries.ts'

/** So many entries of a stored queue are held in memory; the rest is read when it is their turn. */
const pageLength = 256

/** Where an entry of QoS 1 or 2 waits. */
export type Place = 'in hand' | 'in store'

/** What is not to be delivered any more. */
interface Purge {
  mayStay(message: Message): boolean
  drop(entry: QueueEntry): void
  /** Also the store has been looked through. */
  finished(): void
}

/** What a queue had when it was emptied. */
interface Cleared {
  readonly entries: readonly QueueEntry[]
  /** And so much of QoS 0, which goes to nobody else. */
  readonly packed: Amount
  readonly undecided: number
}

/**
 * What waits for one Session, bounded in messages and bytes. Entries of QoS 0 wait by themselves, so
 * that a used-up Receive Maximum does not hold them back; the standard asks for order only among
 * messages of one QoS [MQTT5-4.6.0-5].
 */
export class SessionQueue {
  readonly #context: Context
  readonly #clientIdentifier: string
  readonly #qos0: OnceQueue
  /** The next ones, in order. */
  readonly #inHand = new Fifo<QueueEntry>()
  /** Of those in hand that have to wait for the store: their batch is not committed yet. */
  readonly #undecided = new SparseSet<QueueEntry>()
  /** How many of those in the store only: the last of them. */
  #undecidedInStore = 0
  /** Of those in hand: not to be delivered. */
  readonly #abandoned = new SparseSet<QueueEntry>()
  /** How many more are in the store only, behind those in hand. */
  #inStore = 0
  #lastInHand = 0
  #isReading = false
  /** What has to wait for that. */
  #afterReading: (() => void) | undefined
  #bytes = 0

  constructor(context: Context, clientIdentifier: string) {
    this.#context = context
    this.#clientIdentifier = clientIdentifier
    this.#qos0 = new OnceQueue(context.messages)
  }

  /** Nothing of QoS 1 or 2 waits. */
  get isEmpty(): boolean {
    return this.#inHand.length === 0 && this.#inStore === 0
  }

  /** Of what may wait in memory, also where there is more room in a store. */
  get isHalfFull(): boolean {
    const { messages, bytes } = this.#context.config.limits.queue
    const isShort = this.#context.memory.isShort
    return isShort || this.length * 2 >= messages || this.#bytes * 2 >= bytes
  }

  get hasQoS0(): boolean {
    return this.#qos0.length > 0
  }

  get length(): number {
    return this.#qos0.length + this.#inHand.length + this.#inStore
  }

  get bytes(): number {
    return this.#bytes
  }

  /** How many entries are in the store only for certain, behind the one at `lastInHand`. */
  get inStore(): number {
    return this.#inStore - this.#undecidedInStore
  }

  get lastInHand(): number {
    return this.#lastInHand
  }

  /** Drops a message that there is no room for, before anything is made of it: floods are dropped. */
  refuses(message: Message, isStored: boolean): boolean {
    const { policy } = this.#context.config.limits.queue
    if (policy !== 'drop-newest' || this.#hasRoom(message, isStored)) return false
    this.#lose(message)
    return true
  }

  /** False when it is full and the entry was dropped. */
  appendQoS0(entry: QueueEntry): boolean {
    if (!this.#makeRoom(entry, false)) return false
    this.#qos0.push(entry)
    this.#count(entry, 1)
    return true
  }

  /** The same of a packed message that is not read; false when it is full, and nothing was done. */
  appendPacked(number: number, record: PlainRecord, retain: boolean): boolean {
    const bytes = bytesOf(record.payloadBytes, record.topicBytes)
    if (!this.#hasRoomFor(bytes, false)) return false
    this.#qos0.pushPacked(number, retain)
    this.#countBytes(bytes, 1)
    return true
  }

  /** Sends the next one of QoS 0 without reading it; false where it has to be read. */
  sendPlain(connection: SessionConnection): boolean {
    const first = this.#qos0.firstPlain
    if (first === undefined) return false
    const { record, retain } = first
    if (!connection.sendPlain(record, publishByte(0, retain, false), 0)) return false
    const { payloadBytes, topicBytes } = record
    this.#qos0.dropFirst()
    this.#countBytes(bytesOf(payloadBytes, topicBytes), -1)
    return true
  }

  /** False when it is full and the entry was dropped; `isStored`: the store has it, too. */
  append(entry: QueueEntry, isStored: boolean, mustWait: boolean): false | Place {
    if (!this.#makeRoom(entry, isStored)) return false
    this.#count(entry, 1)
    if (!isStored || (this.#inStore === 0 && this.#inHand.length < pageLength)) {
      this.#hold(entry)
      if (mustWait) this.#undecided.add(entry)
      return 'in hand'
    }
    this.#inStore++
    this.#undecidedInStore++
    return 'in store'
  }

  takeQoS0(): QueueEntry | undefined {
    return this.#taken(this.#qos0.shift())
  }

  /** The next entry; `arrived` is called when one had to be read first and has come later. */
  take(arrived: () => void): QueueEntry | undefined {
    if (this.#inHand.length < pageLength / 2 && this.#inStore > 0) this.#read(arrived)
    // Nobody overtakes it [MQTT5-4.6.0-5]: the batch is decided soon.
    if (this.#inHand.first !== undefined && this.#undecided.has(this.#inHand.first))
      return undefined
    const entry = this.#taken(this.#inHand.shift())
    return entry !== undefined && this.#abandoned.delete(entry) ? this.take(arrived) : entry
  }

  /** Reads the next page of what is in the store only. */
  #read(arrived: () => void): void {
    if (this.#isReading) return
    this.#isReading = true
    let isLater = false
    const { store, log } = this.#context
    store.readQueue(this.#clientIdentifier, this.#lastInHand, pageLength, (entries, error) => {
      this.#isReading = false
      if (error !== undefined) {
        log.error('queue cannot be read', { clientId: this.#clientIdentifier, error })
        return
      }
      for (const entry of entries) this.#hold(entry)
      this.#inStore = Math.max(0, this.#inStore - entries.length)
      const after = this.#afterReading
      this.#afterReading = undefined
      after?.()
      if (isLater && entries.length > 0) arrived()
    })
    isLater = true
  }

  /**
   * The batch of an entry is committed, or has failed: then the entry is dropped, since its publisher
   * is told so and may send it again.
   */
  decide(entry: QueueEntry, place: Place, error: Error | undefined): void {
    // In hand and no longer undecided: it was dropped to make room.
    const isGone = !this.forgetUndecided(entry, place)
    if (error === undefined || isGone) return
    const { losses } = this.#context
    losses.record(this.#clientIdentifier, 'store-failed', entry.message.payload.length)
    if (place === 'in hand') this.#abandoned.add(entry)
    else if (this.#inStore > 0) {
      this.#inStore--
      this.#count(entry, -1)
    }
  }

  /** At start-up: entries that wait in the store, behind a position. */
  restore({ count, bytes, behind }: { count: number; bytes: number; behind: number }): void {
    this.#inStore = count
    this.#lastInHand = behind
    this.#bytes = bytes
    this.#context.statistics.queuedMessages += count
    this.#context.statistics.queuedBytes += bytes
  }

  /** False when nothing was to be decided about it any more. */
  forgetUndecided(entry: QueueEntry, place: Place): boolean {
    if (place === 'in hand') return this.#undecided.delete(entry)
    this.#undecidedInStore--
    return true
  }

  /** Drops what may not be delivered any more, and then what the store has of it. */
  purge({ mayStay, drop, finished }: Purge): void {
    for (const entry of this.#qos0.purge(mayStay)) {
      this.#taken(entry)
      drop(entry)
    }
    const entries = [...this.#inHand]
    this.#inHand.clear()
    for (const entry of entries) {
      if (this.#abandoned.has(entry) || mayStay(entry.message)) this.#inHand.push(entry)
      else {
        this.#undecided.delete(entry)
        this.#taken(entry)
        drop(entry)
      }
    }
    if (this.#isReading) this.#afterReading = () => this.purge({ mayStay, drop, finished })
    else if (this.#inStore > 0) this.#purgeStore({ mayStay, drop, finished })
    else finished()
  }

  #purgeStore({ mayStay, drop, finished }: Purge): void {
    const { store, log } = this.#context
    const clientIdentifier = this.#clientIdentifier
    this.#isReading = true
    visitStoredEntries(store, {
      clientIdentifier,
      afterPosition: this.#lastInHand,
      visit: (entry) => {
        // None is counted any more when the Session has ended meanwhile.
        if (this.#inStore === 0 || mayStay(entry.message)) return
        this.#inStore--
        this.#count(entry, -1)
        drop(entry)
      },
      done: (error) => {
        this.#isReading = false
        if (error !== undefined) {
          log.error('queue cannot be read', { clientId: clientIdentifier, error })
        }
        finished()
      },
    })
  }

  /** Empties it and returns what was in hand, because the Session ends; not what is undecided. */
  clear(): Cleared {
    const { statistics } = this.#context
    statistics.queuedMessages -= this.length
    statistics.queuedBytes -= this.#bytes
    const isDecided = (entry: QueueEntry) =>
      !this.#abandoned.has(entry) && !this.#undecided.has(entry)
    const { entries: once, packed } = this.#qos0.clear()
    const entries = [...once, ...[...this.#inHand].filter(isDecided)]
    this.#inHand.clear()
    this.#abandoned.clear()
    this.#inStore = 0
    this.#bytes = 0
    return { entries, packed, undecided: this.#undecided.size + this.#undecidedInStore }
  }

  #hold(entry: QueueEntry): void {
    this.#inHand.push(entry)
    this.#lastInHand = entry.position
  }

  #taken(entry: QueueEntry | undefined): QueueEntry | undefined {
    if (entry !== undefined) this.#count(entry, -1)
    return entry
  }

  #count(entry: QueueEntry, sign: 1 | -1): void {
    this.#countBytes(entry.plainBytes ?? messageBytes(entry.message), sign)
  }

  #countBytes(bytes: number, sign: 1 | -1): void {
    const { statistics } = this.#context
    this.#bytes += sign * bytes
    statistics.queuedMessages += sign
    statistics.queuedBytes += sign * bytes
  }

  #makeRoom(entry: QueueEntry, isStored: boolean): boolean {
    const { policy } = this.#context.config.limits.queue
    if (policy === 'drop-oldest' && this.#isShort(isStored)) {
      // In exchange: all that waits would be dropped before there is memory again.
      const oldest = this.#dropOldest(entry, isStored)
      this.#lose((oldest ?? entry).message)
      return oldest !== undefined
    }
    while (!this.#hasRoom(entry.message, isStored)) {
      const oldest = policy === 'drop-oldest' ? this.#dropOldest(entry, isStored) : undefined
      if (oldest === undefined) {
        this.#lose(entry.message)
        return false
      }
      this.#lose(oldest.message)
    }
    return true
  }

  #hasRoom(message: Message, isStored: boolean): boolean {
    return this.#hasRoomFor(messageBytes(message), isStored)
  }

  #hasRoomFor(more: number, isStored: boolean): boolean {
    if (this.#isShort(isStored)) return false
    const { messages, bytes } = this.#limits(isStored)
    return this.length < messages && this.#bytes + more <= bytes
  }

  /** It would wait in memory, and there is none. */
  #isShort(isStored: boolean): boolean {
    return this.#context.memory.isShort && this.#isInMemory(isStored)
  }

  #isInMemory(isStored: boolean): boolean {
    return !isStored || this.#context.store.level === 'memory'
  }

  /** On a disk there is more room than in memory. */
  #limits(isStored: boolean): { readonly messages: number; readonly bytes: number } {
    const { queue } = this.#context.config.limits
    if (this.#isInMemory(isStored)) return queue
    return { messages: queue.storedMessages, bytes: queue.storedBytes }
  }

  /** Undefined when there is none, or none in hand. QoS 0 pushes out nothing that is acknowledged. */
  #dropOldest(entry: QueueEntry, isStored: boolean): QueueEntry | undefined {
    if (this.#qos0.length > 0 || entry.qos === 0) return this.takeQoS0()
    const oldest = this.#taken(this.#inHand.shift())
    if (oldest !== undefined) this.#undecided.delete(oldest)
    if (oldest !== undefined && isStored) {
      const clientIdentifier = this.#clientIdentifier
      const { position } = oldest
      this.#context.journal.add({ kind: 'done', clientIdentifier, position }, 'memory')
    }
    return oldest
  }

  #lose(message: Message): void {
    const { losses } = this.#context
    losses.record(this.#clientIdentifier, 'queue-full', message.payload.length)
  }
}
