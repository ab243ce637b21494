import type { QoS } from '@busbar/protocol'
import type { ModelWill } from '../model/model-connection.ts'
import type { Random } from '../simulation/random.ts'

/** What a client publishes. Shares are chances from 0 to 1. */
export interface Publishing {
  readonly topics: readonly string[]
  readonly qos: readonly QoS[]
  readonly perSecond: number
  /** So many may be unanswered. */
  readonly window: number
  readonly retained: number
  /** Of the retained messages: deletes. */
  readonly deletes: number
  readonly expiring: number
  readonly paddingLimit: number
}

/** Comes and goes; times are means. */
export interface Visits {
  readonly stayMs: number
  readonly awayMs: number
  /** How often it says goodbye instead of being cut off. */
  readonly goodbyes: number
}

/** What one client does in a run, as far as the seed decides it. */
export interface Role {
  readonly clientIdentifier: string
  readonly version: 4 | 5
  /** 0: it begins a new Session with each connection. */
  readonly sessionExpirySeconds: number
  readonly keepAliveSeconds: number
  readonly receiveMaximum: number | undefined
  readonly topicAliasMaximum: number
  readonly subscriptions: readonly { readonly filter: string; readonly qos: QoS }[]
  /** A subscription that is made and given up again and again. */
  readonly fickle: { readonly filter: string; readonly qos: QoS } | undefined
  readonly will: ModelWill | undefined
  readonly publishing: Publishing | undefined
  readonly visits: Visits | undefined
  /** How often it starts to hold back its acknowledgements. */
  readonly lateness: number
}

/** What 3.1.1 grants a Session that is to be kept, and long enough for 5.0. */
const lastingSeconds = 604_800

type Part = Partial<Omit<Role, 'clientIdentifier'>>

/** For a broker that does not speak 5.0, clients of 3.1.1 alone. */
export type Spoken = 'both' | '3.1.1'

/** All clients of a run. `base` begins all topics and Client Identifiers. */
export function drawCast(random: Random, base: string, spoken: Spoken): readonly Role[] {
  const lines = [1, 2, 3, 4].map((number) => `${base}/line/${number}/value`)
  const roles = [
    ...publishers(random, lines),
    ...retainers(random, base),
    ...stayers(random, base),
    ...visitors(random, base),
    ...members(random, base),
    ...testators(random, base),
  ]
  const parts =
    spoken === 'both'
      ? roles
      : roles
          .filter(([, { version }]) => version !== 5)
          .map(([name, part]): Named => [name, { ...part, version: 4 }])
  return parts.map(([name, part]) => createRole(random, `${base}-${name}`, part))
}

function createRole(random: Random, clientIdentifier: string, part: Part): Role {
  const version = part.version ?? random.pick([4, 5])
  return {
    sessionExpirySeconds: lastingSeconds,
    keepAliveSeconds: random.pick([0, 0, 1, 60]),
    subscriptions: [],
    fickle: undefined,
    will: undefined,
    publishing: undefined,
    visits: undefined,
    lateness: 0,
    ...part,
    clientIdentifier,
    version,
    receiveMaximum: version === 5 ? part.receiveMaximum : undefined,
    topicAliasMaximum: version === 5 ? random.pick([0, 2, 10]) : 0,
  }
}

type Named = readonly [name: string, part: Part]

function publishing(random: Random, part: Partial<Publishing>): Publishing {
  return {
    topics: [],
    qos: [1],
    perSecond: random.between(60, 300),
    window: random.pick([20, 100, 1_000]),
    retained: 0,
    deletes: 0,
    expiring: 0,
    paddingLimit: random.pick([16, 64, 64, 1_500, 9_000]),
    ...part,
  }
}

function publishers(random: Random, lines: readonly string[]): readonly Named[] {
  const some = () => lines.filter(() => random.chance(0.6)).concat(random.pick(lines))
  const draw = (part: Partial<Publishing>) => publishing(random, { topics: some(), ...part })
  const visits = { stayMs: 700, awayMs: 150, goodbyes: 0.5 }
  return [
    ['once-5', { version: 5, publishing: draw({ qos: [1] }) }],
    ['once-4', { version: 4, publishing: draw({ qos: [1] }) }],
    ['exact-5', { version: 5, publishing: draw({ qos: [2] }) }],
    ['exact-4', { version: 4, publishing: draw({ qos: [2] }) }],
    ['mixed', { publishing: draw({ qos: [0, 1, 2] }), visits }],
    ['step-1', { publishing: draw({ qos: [1], window: 1, perSecond: 2_000 }) }],
    ['step-2', { publishing: draw({ qos: [2], window: 1, perSecond: 2_000 }) }],
    ['expiring', { version: 5, publishing: draw({ qos: [1, 2], expiring: 0.5 }), visits }],
    ['fresh', { sessionExpirySeconds: 0, publishing: draw({ qos: [1, 2], perSecond: 60 }) }],
  ]
}

function retainers(random: Random, base: string): readonly Named[] {
  const topics = [1, 2, 3, 4].map((number) => `${base}/state/${number}`)
  const part = { topics, retained: 1, deletes: 0.15, perSecond: 40, paddingLimit: 64 }
  return [
    ['state-5', { version: 5, publishing: publishing(random, { ...part, qos: [1, 2] }) }],
    ['state-4', { version: 4, publishing: publishing(random, { ...part, qos: [1] }) }],
    [
      'state-own',
      { publishing: publishing(random, { ...part, qos: [2], topics: [`${base}/state/own`] }) },
    ],
  ]
}

/** Persistent subscribers that stay, and some that begin anew each time. */
function stayers(random: Random, base: string): readonly Named[] {
  const line = () => `${base}/line/${1 + random.below(4)}/value`
  const qos = () => random.pick([1, 2] as const)
  return [
    ['plain-1', { subscriptions: [{ filter: line(), qos: 1 }], lateness: 0.3 }],
    ['plain-2', { subscriptions: [{ filter: line(), qos: 2 }], receiveMaximum: 5 }],
    ['all-5', { version: 5, subscriptions: [{ filter: `${base}/#`, qos: 2 }] }],
    ['all-4', { version: 4, subscriptions: [{ filter: `${base}/#`, qos: qos() }] }],
    ['state', { subscriptions: [{ filter: `${base}/state/+`, qos: qos() }] }],
    [
      'clean-1',
      { sessionExpirySeconds: 0, subscriptions: [{ filter: `${base}/line/+/value`, qos: 1 }] },
    ],
    [
      'clean-2',
      { sessionExpirySeconds: 0, subscriptions: [{ filter: line(), qos: 2 }], visits: restless },
    ],
  ]
}

const restless: Visits = { stayMs: 400, awayMs: 300, goodbyes: 0.5 }

function visitors(random: Random, base: string): readonly Named[] {
  const wild = `${base}/line/+/value`
  const line = () => `${base}/line/${1 + random.below(4)}/value`
  const short = random.pick([2, 3, 4])
  return [
    ['guest-1', { subscriptions: [{ filter: wild, qos: 1 }], visits: restless }],
    [
      'guest-2',
      { subscriptions: [{ filter: wild, qos: 2 }], visits: restless, receiveMaximum: 20 },
    ],
    [
      'guest-3',
      {
        subscriptions: [
          { filter: line(), qos: 1 },
          { filter: `${base}/line/#`, qos: 2 },
        ],
        visits: { ...restless, goodbyes: 1 },
        lateness: 0.2,
      },
    ],
    [
      'guest-4',
      { subscriptions: [{ filter: line(), qos: 2 }], visits: { ...restless, awayMs: 2_000 } },
    ],
    [
      'fickle',
      {
        subscriptions: [{ filter: line(), qos: 1 }],
        fickle: { filter: `${base}/line/4/+`, qos: random.pick([1, 2]) },
      },
    ],
    [
      'short',
      {
        version: 5,
        sessionExpirySeconds: short,
        subscriptions: [{ filter: wild, qos: 1 }],
        visits: { ...restless, awayMs: short * 700 },
      },
    ],
  ]
}

/** Members of two Shared Subscriptions. */
function members(random: Random, base: string): readonly Named[] {
  const team = [{ filter: `$share/team/${base}/line/#`, qos: 1 as const }]
  const crew = [{ filter: `$share/crew/${base}/line/+/value`, qos: 2 as const }]
  return [
    ['team-1', { subscriptions: team }],
    ['team-2', { subscriptions: team, visits: restless, lateness: 0.2 }],
    ['team-3', { subscriptions: team, sessionExpirySeconds: 0, visits: restless }],
    ['crew-1', { version: random.pick([4, 5]), subscriptions: crew, receiveMaximum: 10 }],
    ['crew-2', { subscriptions: crew, visits: restless }],
    ['crew-3', { subscriptions: crew, visits: { ...restless, goodbyes: 0 } }],
  ]
}

/** Clients with a Will. */
function testators(random: Random, base: string): readonly Named[] {
  const will = (number: number, delaySeconds = 0): ModelWill => {
    const qos = random.pick([1, 2] as const)
    return { topicName: `${base}/will/${number}`, qos, retain: random.chance(0.5), delaySeconds }
  }
  return [
    ['will-1', { will: will(1), visits: restless, sessionExpirySeconds: 0 }],
    ['will-2', { version: 4, will: will(2), visits: restless }],
    ['will-3', { version: 5, will: will(3, 1), visits: { ...restless, awayMs: 1_000 } }],
    ['will-4', { version: 5, will: will(4), visits: { ...restless, goodbyes: 1 } }],
  ]
}
