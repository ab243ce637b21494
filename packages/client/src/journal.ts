import type { Clock } from './clock.ts'
import { ClientError } from './errors.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import type { SessionStore, StoreChange, StoredMessage } from './store/session-store.ts'

const graceMs = 2_000

/** The changes of one turn on their way to the store, and what waits for them. */
export class Journal {
  readonly #store: SessionStore
  readonly #failed: (error: ClientError) => void
  #changes: StoreChange[] = []
  #waiting: (() => void)[] = []
  #last: Promise<void> = Promise.resolve()
  #hasFailed = false

  constructor(store: SessionStore, failed: (error: ClientError) => void) {
    this.#store = store
    this.#failed = failed
  }

  /** Adds a change to this turn's batch; `then` runs when it is committed, in order. */
  add(change: StoreChange, then?: () => void): void {
    if (this.#changes.length === 0) queueMicrotask(this.#commit)
    this.#changes.push(change)
    if (then !== undefined) this.#waiting.push(then)
  }

  append(message: OutgoingMessage, then: () => void): void {
    this.add({ type: 'append', message: stored(message) }, then)
  }

  /** That it is sent, or released: PUBLISH and PUBREL leave when the store knows of them. */
  progress({ sequence, isReleased, packetIdentifier }: OutgoingMessage, then: () => void): void {
    const state = isReleased ? 'released' : 'published'
    this.add({ type: 'update', sequence, state, packetIdentifier }, then)
  }

  /**
   * Resolves when everything added so far is committed, or the store has failed, or does not answer:
   * it must not keep a client that closes.
   */
  async settled(clock: Clock): Promise<void> {
    this.#commit()
    let timer: unknown
    const late = new Promise<void>((resolve) => {
      timer = clock.set(resolve, graceMs)
    })
    await Promise.race([this.#last, late])
    clock.clear(timer)
  }

  readonly #commit = () => {
    if (this.#changes.length === 0) return
    const changes = this.#changes
    const waiting = this.#waiting
    this.#changes = []
    this.#waiting = []
    if (this.#hasFailed) return
    const committed = this.#store.commit(changes)
    this.#last = Promise.all([this.#last, committed]).then(
      () => {
        if (this.#hasFailed) return
        for (const then of waiting) then()
      },
      (cause) => {
        if (this.#hasFailed) return
        this.#hasFailed = true
        this.#failed(new ClientError('store-failed', 'the store has failed', { cause }))
      },
    )
  }
}

function stored(message: OutgoingMessage): StoredMessage {
  const { sequence, topicName, payload, qos, retain, properties, expiresAt } = message
  const waiting = { state: 'waiting', packetIdentifier: 0 } as const
  return { sequence, topicName, payload, qos, retain, properties, expiresAt, ...waiting }
}
