import { type Code, code, type Group, numbersOf } from './group.ts'
import { OrderedQueue } from './ordered-queue.ts'

/** Rows that nothing refers to any more. */
export interface Loose {
  readonly entries: readonly { readonly session: number; readonly position: number }[]
  readonly messages: readonly number[]
}

/**
 * What the engine knows of the entries in its tables without asking: which are in which queue, and
 * what is not needed any more.
 */
export class EntryIndex {
  /** Per Session the positions of its entries, each with the message it refers to, or 0. */
  readonly #queues = new Map<number, OrderedQueue>()
  /** How many entries refer to a message that is kept apart. */
  readonly #references = new Map<number, number>()
  /** Removed when there is time. */
  readonly #looseEntries: { session: number; position: number }[] = []
  readonly #looseMessages: number[] = []

  get hasLoose(): boolean {
    return this.#looseEntries.length > 0 || this.#looseMessages.length > 0
  }

  add(session: number, position: number, message: number): void {
    if (message !== 0) this.#refer(message)
    let queue = this.#queues.get(session)
    if (queue === undefined) {
      queue = new OrderedQueue()
      this.#queues.set(session, queue)
    }
    queue.add(position, message)
  }

  /** One whose Session is gone. */
  addLoose(session: number, position: number, message: number): void {
    if (message !== 0) this.#refer(message)
    this.#looseEntries.push({ session, position })
  }

  /** Visits the positions of a queue behind `after`, in order. */
  visit(session: number, after: number, each: (position: number) => 'more' | 'enough'): void {
    this.#queues.get(session)?.visit(after, (_, position) => each(position))
  }

  /** What a group did to the tables, done here when it is committed. */
  follow({ numbers }: Group, ended: readonly number[]): void {
    for (let at = 0; at < numbers.length; at += 1 + (numbersOf[numbers[at] as Code] ?? 0)) {
      const of = numbers[at]
      const session = numbers[at + 1] ?? 0
      const position = numbers[at + 2] ?? 0
      if (of === code.queued) this.add(session, position, numbers[at + 7] ?? 0)
      else if (of === code.done) {
        const message = this.#queues.get(session)?.remove(position)
        if (message !== undefined && message !== 0) this.release(message)
      }
    }
    for (const session of ended) {
      this.visit(session, 0, (position) => {
        this.#looseEntries.push({ session, position })
        return 'more'
      })
      this.#queues.delete(session)
    }
  }

  /** One entry less refers to a message. */
  release(message: number): void {
    const left = (this.#references.get(message) ?? 1) - 1
    if (left > 0) {
      this.#references.set(message, left)
      return
    }
    this.#references.delete(message)
    this.#looseMessages.push(message)
  }

  /** A message that is there: when nothing refers to it, it is not needed. */
  expectReferred(message: number): void {
    if (!this.#references.has(message)) this.#looseMessages.push(message)
  }

  takeLoose(most: number): Loose {
    return {
      entries: this.#looseEntries.splice(-most),
      messages: this.#looseMessages.splice(-most),
    }
  }

  putBack({ entries, messages }: Loose): void {
    this.#looseEntries.push(...entries)
    this.#looseMessages.push(...messages)
  }

  #refer(message: number): void {
    this.#references.set(message, (this.#references.get(message) ?? 0) + 1)
  }
}
