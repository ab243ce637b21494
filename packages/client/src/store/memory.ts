import type { SessionStore, StoreChange, StoredMessage } from './session-store.ts'

/** A store that outlives a client, but not the process. */
export function memoryStore(): SessionStore {
  const messages = new Map<number, StoredMessage>()
  const held = new Set<number>()
  const apply = (change: StoreChange) => {
    switch (change.type) {
      case 'append':
        messages.set(change.message.sequence, change.message)
        break
      case 'update': {
        const { sequence, state, packetIdentifier } = change
        const message = messages.get(sequence)
        if (message !== undefined) messages.set(sequence, { ...message, state, packetIdentifier })
        break
      }
      case 'remove':
        messages.delete(change.sequence)
        break
      case 'hold':
        held.add(change.packetIdentifier)
        break
      case 'free':
        held.delete(change.packetIdentifier)
        break
      case 'free-all':
        held.clear()
        break
    }
  }
  return {
    load: async () => ({ messages: [...messages.values()], held: [...held] }),
    commit: async (changes) => changes.forEach(apply),
    [Symbol.asyncDispose]: async () => {},
  }
}
