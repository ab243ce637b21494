import { loadPolicies } from '../access/load-policies.ts'
import { type ConfigInput, parseConfig } from '../config.ts'
import { type Core, createBroker } from '../core.ts'
import type { CoreOptions } from '../core-options.ts'
import { createLog } from '../log.ts'
import { createMemoryStore } from '../store/memory.ts'
import { TestPeer } from './test-peer.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface TestBroker extends AsyncDisposable {
  readonly core: Core
  readonly clock: VirtualClock
  /** What the broker logged, one line each. */
  readonly logged: readonly string[]
  /** A Network Connection on which nothing has been sent. */
  open(): TestPeer
  /** Lets time pass in steps of 100 ms and meets the deadlines. */
  pass(ms: number): void
  /** Ends the turn of the event loop: commits and sends. */
  endTurn(): void
}

/** A broker in memory whose time, turns and peers are in the test's hands. */
export async function startTestBroker(
  input: ConfigInput = {},
  options: Partial<CoreOptions> = {},
): Promise<TestBroker> {
  const clock = new VirtualClock()
  const logged: string[] = []
  const config = parseConfig({ sys: { intervalSeconds: 0 }, ...input })
  let isDue = false
  let next: (() => void) | undefined
  let seed = 1
  const core = createBroker({
    config,
    clock,
    random: { bytes: (count) => Uint8Array.from({ length: count }, () => seed++ & 0xff) },
    store: createMemoryStore(),
    policies: await loadPolicies(config, false),
    log: createLog(config.log, { write: (line) => logged.push(line) }),
    authenticator: { authenticate: () => ({ outcome: 'accepted', user: undefined }) },
    schedule: () => {
      isDue = true
    },
    nextTurn: (work) => {
      isDue = true
      next = work
    },
    ...options,
  })
  const endTurn = () => {
    for (let turns = 0; isDue && turns < 100; turns++) {
      isDue = false
      core.endTurn()
      const work = next
      next = undefined
      work?.()
    }
  }
  await core.start()
  return {
    core,
    clock,
    logged,
    endTurn,
    open: () => new TestPeer(core, endTurn),
    pass: (ms) => {
      for (let left = ms; left > 0; left -= 100) {
        clock.advance(Math.min(100, left))
        core.advance()
        endTurn()
      }
    },
    [Symbol.asyncDispose]: () => core.stop(),
  }
}
