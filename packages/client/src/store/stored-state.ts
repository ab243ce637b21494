import type { StoreChange, StoredMessage, StoredSession } from './session-store.ts'

/** What a store holds, as one change after the other makes it. */
export class StoredState {
  readonly #messages = new Map<number, StoredMessage>()
  readonly #held = new Set<number>()

  apply(changes: readonly StoreChange[]): void {
    for (const change of changes) this.#apply(change)
  }

  #apply(change: StoreChange): void {
    switch (change.type) {
      case 'append':
        this.#messages.set(change.message.sequence, change.message)
        break
      case 'update': {
        const { sequence, state, packetIdentifier } = change
        const message = this.#messages.get(sequence)
        if (message !== undefined) {
          this.#messages.set(sequence, { ...message, state, packetIdentifier })
        }
        break
      }
      case 'remove':
        this.#messages.delete(change.sequence)
        break
      case 'hold':
        this.#held.add(change.packetIdentifier)
        break
      case 'free':
        this.#held.delete(change.packetIdentifier)
        break
      case 'free-all':
        this.#held.clear()
        break
    }
  }

  session(): StoredSession {
    const messages = [...this.#messages.values()].sort((a, b) => a.sequence - b.sequence)
    return { messages, held: [...this.#held] }
  }

  /** The changes that make an empty store into this one. */
  *changes(): Generator<StoreChange> {
    const { messages, held } = this.session()
    for (const message of messages) yield { type: 'append', message }
    for (const packetIdentifier of held) yield { type: 'hold', packetIdentifier }
  }
}
