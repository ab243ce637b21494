import type { MessageName } from './payload.ts'

/** The invariants; `protocol`: what the standard forbids without them. */
export type Rule = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I8' | 'protocol' | OwnRule

/** Of a simulation, which sees into the broker: it failed, does not rest, or differs from its store. */
type OwnRule = 'broker' | 'drain' | 'store'

/** A promise that the broker has broken. */
export interface Violation {
  readonly rule: Rule
  readonly text: string
  readonly clients: readonly string[]
  readonly messages: readonly MessageName[]
}
