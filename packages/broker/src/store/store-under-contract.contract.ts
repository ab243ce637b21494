import type { Store } from './store.ts'

export interface StoreUnderContract {
  readonly store: Store
  /** Ends the store and gives one that is to find what the first one committed. */
  reopen(): Promise<Store>
}

export type Create = () => Promise<StoreUnderContract>
