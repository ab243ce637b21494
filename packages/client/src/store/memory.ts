import type { SessionStore } from './session-store.ts'
import { StoredState } from './stored-state.ts'

/** A store that outlives a client, but not the process. */
export function memoryStore(): SessionStore {
  const state = new StoredState()
  return {
    load: async () => state.session(),
    commit: async (changes) => state.apply(changes),
    [Symbol.asyncDispose]: async () => {},
  }
}
