import type { Connect } from '@busbar/protocol'
import { StoreFullError } from '../store/errors.ts'
import { createMemoryStore } from '../store/memory.ts'
import type { Store } from '../store/store.ts'
import { startTestBroker } from './test-broker.ts'

/** A store that can be full, and can be late. */
export class FallibleStore implements Store {
  readonly level = 'disk'
  readonly #kept = createMemoryStore()
  readonly #late: (() => void)[] = []
  isFull = false
  isLate = false

  open(): ReturnType<Store['open']> {
    return this.#kept.open()
  }

  commit(...[changes, level, committed]: Parameters<Store['commit']>): void {
    const { isFull } = this
    const commit = () => {
      if (isFull && changes.length > 0) committed(new StoreFullError('no room'))
      else this.#kept.commit(changes, level, committed)
    }
    if (this.isLate) this.#late.push(commit)
    else commit()
  }

  readQueue(...call: Parameters<Store['readQueue']>): void {
    if (this.isLate) this.#late.push(() => this.#kept.readQueue(...call))
    else this.#kept.readQueue(...call)
  }

  catchUp(): void {
    this.isLate = false
    for (const step of this.#late.splice(0)) step()
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A broker on such a store. */
export async function startOnFallible(...given: Parameters<typeof startTestBroker>) {
  const [input, options] = given
  const store = new FallibleStore()
  const broker = await startTestBroker(input, { ...options, store })
  return {
    store,
    broker,
    [Symbol.asyncDispose]: () => {
      // A test that fails while the store is late is to end, too.
      store.catchUp()
      return broker[Symbol.asyncDispose]()
    },
  }
}

/** The fields of a CONNECT whose Session outlives its Network Connection. */
export const lasting = (clientIdentifier: string, more: Partial<Connect> = {}) => {
  const properties = { sessionExpiryInterval: 1_000 }
  return { clientIdentifier, cleanStart: false, properties, ...more } as const
}
