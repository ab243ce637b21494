import type { AccessControl } from './access/access-control.ts'
import type { Arrears } from './arrears.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Deadlines } from './deadlines.ts'
import type { Durability } from './durability.ts'
import type { Hooks } from './hooks/hooks.ts'
import type { Journal } from './journal.ts'
import type { Log } from './log.ts'
import type { Losses } from './losses.ts'
import type { PackedMessages } from './packed-messages.ts'
import type { Statistics } from './statistics.ts'
import type { Store } from './store/store.ts'

/** Source of unpredictable bytes; a simulation passes a seeded one. */
export interface Random {
  bytes(count: number): Uint8Array
}

/** A number that nobody can guess, for tables by names that others choose. */
export function seedFrom(random: Random): number {
  const bytes = random.bytes(4)
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0)
}

/** What every part of one broker shares. */
export interface Context {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly access: AccessControl
  readonly deadlines: Deadlines
  readonly hooks: Hooks
  readonly journal: Journal
  readonly arrears: Arrears
  readonly store: Store
  readonly durability: Durability
  readonly losses: Losses
  /** What is retained, or waits at QoS 0. */
  readonly messages: PackedMessages
  readonly statistics: Statistics
  readonly memory: { readonly isShort: boolean }
  /** The next position in the order of all queued messages. */
  nextPosition(): number
}
