import type { ConfigInput } from '@busbar/broker'
import type { Random } from './random.ts'

/** Everything that can go wrong; a run may leave kinds of it out. */
export const faultKinds = [
  'cut',
  'half-open',
  'stall',
  'slow-reader',
  'takeover',
  'crash',
  'slow-disk',
  'disk-full',
  'clock-jump',
  'pause',
  'full-queue',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** What kind of run a seed makes. */
export interface Profile {
  readonly clients: number
  readonly durationMs: number
  readonly thinkMs: number
  readonly faultEveryMs: number
  readonly syncMs: number
  readonly config: ConfigInput
}

export function makeProfile(random: Random, faults: ReadonlySet<FaultKind>): Profile {
  const clients = 3 + random.below(5)
  const mayOverflow = random.chance(0.15) && faults.has('full-queue')
  const isNarrow = random.chance(0.3)
  const serverKeepAliveSeconds = random.pick([undefined, undefined, 2, 10])
  return {
    clients,
    durationMs: random.between(15_000, 45_000),
    thinkMs: random.pick([60, 150, 300]),
    faultEveryMs: random.pick([400, 1_000, 2_500]),
    syncMs: random.pick([0.5, 4, 25]),
    config: {
      listeners: [],
      sys: { intervalSeconds: 0 },
      log: { level: 'error' },
      mqtt: {
        receiveMaximum: random.pick([1, 5, 30, 1_024]),
        inFlightMaximum: random.pick([1, 3, 20, 1_024]),
        inFlightMaximumMqtt3: random.pick([1, 20, 100]),
        topicAliasMaximum: random.pick([0, 2, 100]),
        // A 3.1.1 publisher with more to send again than the queue takes would never come to rest.
        whenQueueFull: mayOverflow ? 'ack' : 'close',
        ...(serverKeepAliveSeconds === undefined ? {} : { serverKeepAliveSeconds }),
      },
      limits: {
        queue: {
          messages: mayOverflow ? 10 : 100_000,
          storedMessages: mayOverflow ? 10 : 100_000,
          policy: random.pick(['drop-newest', 'drop-oldest']),
        },
        output: isNarrow
          ? { pauseBytes: 1_024, stopReadingBytes: 2_048 }
          : { pauseBytes: 262_144, stopReadingBytes: 1_048_576 },
      },
    },
  }
}

/** How one client behaves for the whole run. */
export interface Traits {
  readonly clientIdentifier: string
  readonly version: 4 | 5
  /** Seconds; 0 for a Session that ends with its connection. */
  readonly expirySeconds: number
  readonly keepAliveSeconds: number
  readonly receiveMaximum: number | undefined
  readonly topicAliasMaximum: number
  readonly thinkMs: number
  /** How long it stays away, on average. */
  readonly awayMs: number
  readonly padding: number
}

/** What the broker grants to Clean Session 0 of 3.1.1. */
const longestExpirySeconds = 604_800

export function makeTraits(random: Random, clientIdentifier: string, thinkMs: number): Traits {
  const version = random.chance(0.3) ? 4 : 5
  const kind = random.next()
  const lasting = version === 4 ? longestExpirySeconds : random.pick([3_600, longestExpirySeconds])
  const passing = version === 4 ? longestExpirySeconds : random.pick([2, 10])
  return {
    clientIdentifier,
    version,
    expirySeconds: kind < 0.15 ? 0 : kind < 0.3 ? passing : lasting,
    keepAliveSeconds: random.pick([0, 2, 5, 30]),
    receiveMaximum: version === 4 ? undefined : random.pick([undefined, 1, 4, 50]),
    topicAliasMaximum: version === 4 ? 0 : random.pick([0, 0, 1, 10]),
    thinkMs: thinkMs * random.between(0.3, 2),
    awayMs: random.pick([50, 500, 500, 8_000]),
    padding: random.pick([0, 0, 40, 600]),
  }
}
