import type { Access } from './access/access.ts'
import type { Policies } from './access/access-control.ts'
import type { AuthenticationMethod, Authenticator } from './access/authenticator.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Context, Random } from './context.ts'
import type { Hook } from './hooks/hook.ts'
import type { Log } from './log.ts'
import type { Allocate } from './slab.ts'
import type { Store } from './store/store.ts'

/** What the core of a broker is made of, and how it asks for its turn. */
export interface CoreOptions {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly store: Store
  readonly log: Log
  readonly authenticator: Authenticator
  readonly methods?: readonly AuthenticationMethod[]
  /** A program's own answers, instead of rules. */
  readonly access?: Access
  /** Everybody may do everything when left out. */
  readonly policies?: Policies | undefined
  /** Code of the program that takes part, in this order. */
  readonly hooks?: readonly Hook[]
  /** How long a hook may take where it decides; 5,000 when left out. */
  readonly hookTimeoutMs?: number
  /** Calls back once at the end of this turn of the event loop. */
  readonly schedule: (endOfTurn: () => void) => void
  /** Calls back in the next turn, when others have been read from; `schedule` when left out. */
  readonly nextTurn?: (work: () => void) => void
  /** The store has failed for good; called once. */
  readonly storeFailed?: (error: Error) => void
  /** Memory to put output together in; what is given to it is used again and again. */
  readonly slabMemory?: Allocate
  /** Bytes of heap in use, for `$SYS`. */
  readonly heapBytes?: () => number
  /** There is always enough when left out. */
  readonly memory?: Context['memory']
}
