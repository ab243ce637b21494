import type { ClientError } from '../errors.ts'
import type { ClientOptions } from '../options.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Options of a client whose time stands still, and which tries again after a second. */
export function testOptions(
  clock = new VirtualClock(),
): ClientOptions & { readonly clock: VirtualClock } {
  return {
    clientId: 'c',
    clock,
    random: () => 0.5,
    reconnect: { minMs: 1_000, jitter: 'none' },
  }
}

/** For `assert.rejects`. */
export function isCode(code: string): (error: ClientError) => boolean {
  return (error) => error.code === code
}
