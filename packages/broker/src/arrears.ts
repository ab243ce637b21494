import type { Clock } from './clock.ts'
import { Deadline, type Deadlines } from './deadlines.ts'
import { StoreFullError } from './store/errors.ts'
import type { Change } from './store/store.ts'

/** How often a full store is asked again. */
const retryMs = 250

interface ArrearsContext {
  readonly clock: Clock
  readonly deadlines: Deadlines
}

/**
 * What the store could not be told for want of room. It is told again, as it is by then, until it
 * knows: so what was deleted does not come back with a restart. Queue entries are not among it, since
 * whoever published them was told.
 */
export class Arrears {
  readonly #context: ArrearsContext
  readonly #restate: (change: Change) => boolean
  readonly #owed = new Map<string, Change>()
  readonly #waiting: { readonly key: string; readonly settled: () => void }[] = []
  readonly #retry: Deadline

  /** `restate` adds to the next batch how things are now; false when there is nothing to add. */
  constructor(context: ArrearsContext, restate: (change: Change) => boolean) {
    this.#context = context
    this.#restate = restate
    this.#retry = new Deadline((now) => this.#tryAgain(now))
  }

  /** The store does not know yet what was last said of this Session, subscription or topic. */
  owes(change: Change): boolean {
    return this.#owed.size > 0 && this.#owed.has(keyOf(change) ?? '')
  }

  /** Calls back when the store knows, or has failed for good: now, where nothing is owed. */
  whenSettled(change: Change, settled: () => void): void {
    if (this.owes(change)) this.#waiting.push({ key: keyOf(change) ?? '', settled })
    else settled()
  }

  /** The outcome of a batch, in the order of the batches. */
  decided(changes: readonly Change[], error: Error | undefined): void {
    if (error !== undefined && !(error instanceof StoreFullError)) return this.#giveUp()
    if (error === undefined && this.#owed.size === 0) return
    for (const change of changes) {
      const key = keyOf(change)
      if (key === undefined) continue
      if (error === undefined) this.#settle(key)
      else this.#owed.set(key, change)
    }
    const { clock, deadlines } = this.#context
    if (this.#owed.size > 0 && this.#retry.tick < 0) {
      deadlines.set(this.#retry, clock.now() + retryMs)
    }
  }

  #tryAgain(now: number): void {
    for (const [key, change] of this.#owed) if (!this.#restate(change)) this.#settle(key)
    if (this.#owed.size > 0) this.#context.deadlines.set(this.#retry, now + retryMs)
  }

  #settle(key: string): void {
    if (!this.#owed.delete(key)) return
    for (const { settled } of takeOut(this.#waiting, (each) => each.key === key)) settled()
  }

  #giveUp(): void {
    this.#owed.clear()
    for (const { settled } of this.#waiting.splice(0)) settled()
  }
}

/** What a change is about; undefined for what belongs to an exchange of packets. */
function keyOf(change: Change): string | undefined {
  switch (change.kind) {
    case 'session':
      return `session ${change.session.clientIdentifier}`
    case 'session-end':
      return `session ${change.clientIdentifier}`
    case 'subscription':
      // U+0000 is in no string of MQTT.
      return `filter ${change.clientIdentifier}\0${change.subscription.text}`
    case 'subscription-end':
      return `filter ${change.clientIdentifier}\0${change.text}`
    case 'retained':
      return `topic ${change.message.topicName}`
    case 'retained-end':
      return `topic ${change.topicName}`
    default:
      return undefined
  }
}

function takeOut<Item>(items: Item[], isOut: (item: Item) => boolean): readonly Item[] {
  const out = items.filter(isOut)
  if (out.length > 0) items.splice(0, items.length, ...items.filter((item) => !isOut(item)))
  return out
}
