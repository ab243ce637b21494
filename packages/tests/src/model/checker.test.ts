import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './checker.ts'
import { type ClientLog, type LogEvent, readLogs, writeLogLine } from './log.ts'
import type { Facts } from './timeline.ts'
import type { Rule } from './violation.ts'

type Step<E = LogEvent> = E extends LogEvent ? Omit<E, 'at'> & { at?: number } : never
type Scene = Readonly<Record<string, readonly Step[]>>

const hour = 3_600

// What clients do, with what matters to most rules filled in.

const connect = (expirySeconds = hour, more: Partial<Step> = {}) =>
  ({ event: 'connecting', cleanStart: false, expirySeconds, ...more }) as Step
const connected = (sessionPresent = false, expirySeconds = hour): Step => {
  return { event: 'connected', sessionPresent, expirySeconds }
}
const subscribe = (filter: string, qos: 0 | 1 | 2 = 2): Step[] => [
  { event: 'subscribing', filter, qos },
  { event: 'subscribed', filter, code: qos },
]
const sent = (message: string, topicName = 't', more: Partial<Step> = {}): Step =>
  ({
    ...{ event: 'sent', message, topicName, qos: 2, retain: false, dup: false },
    ...{ packetIdentifier: 1, ...more },
  }) as Step
const acked = (message: string, code = 0): Step => ({ event: 'acked', message, code })
const received = (message: string, topicName = 't', more: Partial<Step> = {}): Step =>
  ({
    ...{ event: 'received', message, topicName, qos: 2, retain: false, dup: false },
    ...{ packetIdentifier: 1, ...more },
  }) as Step
const lost = (aliveAt: number): Step => ({ event: 'disconnected', isOrderly: false, aliveAt })
const leave = (expirySeconds = hour): Step[] => [
  { event: 'leaving', code: 0, expirySeconds },
  { event: 'disconnected', isOrderly: true, aliveAt: 0 },
]
const at = (time: number, ...steps: Step[]): Step[] => {
  return steps.map((step, i) => ({ ...step, at: time + i / 100 }))
}

const subscriber = (filter = 't', qos: 0 | 1 | 2 = 2) =>
  at(0, connect(), connected(), ...subscribe(filter, qos))
const publisher = at(0, connect(), connected())
const will = { message: 'p:1', topicName: 't', qos: 2, retain: false } as const

/** What breaks is the rule that is named; undefined: the log holds. */
const rows: readonly [name: string, rule: Rule | undefined, scene: Scene, facts?: Facts][] = [
  [
    'received once',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'acked and not received',
    'I1',
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))] },
  ],
  [
    'acked as matching nobody',
    'I1',
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1', 0x10))] },
  ],
  [
    'refused and not received',
    undefined,
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1', 0x97))] },
  ],
  [
    'without answer and not received',
    undefined,
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'))] },
  ],
  [
    'in the ledger',
    undefined,
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))] },
    { ledger: new Map([['s', 1]]) },
  ],
  [
    'expiring',
    undefined,
    {
      s: subscriber(),
      p: [...publisher, ...at(10, sent('p:1', 't', { expires: true }), acked('p:1'))],
    },
  ],
  [
    'not received with a subscription of QoS 0',
    undefined,
    { s: subscriber('t', 0), p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))] },
  ],
  [
    'sent before the subscription',
    undefined,
    {
      s: at(9.995, connect(), connected(), ...subscribe('t')),
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'acked after the end of the subscription',
    undefined,
    {
      s: [...subscriber(), ...at(10, { event: 'unsubscribing', filter: 't' })],
      p: [...publisher, ...at(9.999, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'unsubscribed before SUBACK',
    undefined,
    {
      s: at(
        0,
        connect(),
        connected(),
        { event: 'subscribing', filter: 't', qos: 1 },
        { event: 'unsubscribing', filter: 't' },
        { event: 'subscribed', filter: 't', code: 1 },
      ),
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'lost with a Session that ended',
    undefined,
    {
      s: [...subscriber(), ...at(20, lost(5), connect(hour, { cleanStart: true }), connected())],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received after a reconnection',
    undefined,
    {
      s: [...subscriber(), ...at(20, lost(5), connect(), connected(true), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'lost over a reconnection',
    'I1',
    {
      s: [...subscriber(), ...at(20, lost(5), connect(), connected(true))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received by a member',
    undefined,
    {
      a: subscriber('$share/g/t'),
      b: [...subscriber('$share/g/t'), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received by no member',
    'I1',
    {
      a: subscriber('$share/g/t'),
      b: subscriber('$share/g/t'),
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received by no member, one of which has gone',
    undefined,
    {
      a: subscriber('$share/g/t'),
      b: [...subscriber('$share/g/t'), ...at(20, ...leave(0))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],

  [
    'QoS 2 received twice',
    'I2',
    {
      s: [...subscriber(), ...at(12, received('p:1'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 1 received twice',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(12, received('p:1', 't', { qos: 1 }), received('p:1', 't', { qos: 1, dup: true })),
      ],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 2 received again as retained',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'), received('p:1', 't', { retain: true }))],
      p: [...publisher, ...at(10, sent('p:1', 't', { retain: true }))],
    },
  ],
  [
    'QoS 2 received through two kinds of subscription',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(1, ...subscribe('$share/g/t')),
        ...at(12, received('p:1'), received('p:1')),
      ],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 2 received by two members',
    'I2',
    {
      a: [...subscriber('$share/g/t'), ...at(12, received('p:1'))],
      b: [...subscriber('$share/g/t'), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 2 again in another Session that ends with its connection',
    undefined,
    {
      s: [
        ...at(0, connect(0), connected(false, 0), ...subscribe('t')),
        ...at(
          12,
          received('p:1'),
          lost(5),
          connect(0),
          connected(false, 0),
          ...subscribe('t'),
          received('p:1'),
        ),
      ],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],

  [
    'in order',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'), received('p:2'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
  ],
  [
    'out of order',
    'I3',
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
  ],
  [
    'out of order when there was no room',
    'I3',
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
    { hadNoRoom: true },
  ],
  [
    'out of order, as the first found no room and was sent again',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2')), ...at(11, sent('p:1'))],
    },
    { hadNoRoom: true },
  ],
  [
    'out of order, and the first was sent again although there was room',
    'I3',
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2')), ...at(11, sent('p:1'))],
    },
  ],
  [
    'not passed on by the member whose Session ended',
    'I1',
    {
      a: subscriber('$share/g/t'),
      b: [...subscriber('$share/g/t'), ...at(20, ...leave(0))],
      p: [...publisher, ...at(10, sent('p:1', 't', { qos: 1 }), acked('p:1'))],
    },
  ],
  [
    'out of order, as the first was to come with QoS 2 before a crash',
    undefined,
    {
      s: [
        ...subscriber('+', 1),
        ...at(1, ...subscribe('t', 2)),
        ...at(12, received('p:2', 'u', { qos: 1 })),
        ...at(13, { event: 'unsubscribing', filter: 't' }),
        ...at(14, received('p:1', 't', { qos: 1 })),
      ],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2', 'u'))],
    },
  ],
  [
    'out of order, as only the resend met a subscription',
    undefined,
    {
      s: [
        ...subscriber('+'),
        ...at(1, ...subscribe('t/1')),
        ...at(11, { event: 'unsubscribing', filter: 't/1' }),
        ...at(13, ...subscribe('t/1'), received('p:2'), received('p:1', 't/1', { dup: true })),
      ],
      p: [
        ...publisher,
        ...at(10, sent('p:1', 't/1')),
        ...at(12, sent('p:2'), sent('p:1', 't/1', { dup: true })),
      ],
    },
  ],
  [
    'out of order at another QoS',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:2', 't', { qos: 1 }), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2', 't', { qos: 1 }))],
    },
  ],
  [
    'the second time out of order',
    undefined,
    {
      s: [
        ...subscriber('t', 1),
        ...at(12, ...['p:1', 'p:2', 'p:1'].map((name) => received(name, 't', { qos: 1 }))),
      ],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
  ],
  [
    'the first sent before the subscription, and again after it',
    undefined,
    {
      s: [
        ...at(10.005, connect(), connected(), ...subscribe('t')),
        ...at(12, received('p:2'), received('p:1')),
      ],
      p: [...publisher, ...at(10, sent('p:1')), ...at(11, sent('p:2'), sent('p:1'))],
    },
  ],

  ['invented', 'I4', { s: [...subscriber(), ...at(12, received('p:1'))], p: publisher }],
  [
    'received before it was sent',
    'I4',
    { s: [...subscriber(), ...at(12, received('p:1'))], p: [...publisher, ...at(13, sent('p:1'))] },
  ],
  [
    'from another topic',
    'I4',
    {
      s: [...subscriber('+'), ...at(12, received('p:1', 'u'))],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'at a higher QoS',
    'I4',
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1', 't', { qos: 1 }))],
    },
  ],

  [
    'the last one is retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
          acked('p:2'),
        ),
      ],
    },
    { retained: new Map([['t', 'p:2']]) },
  ],
  [
    'a later one without answer is retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
        ),
      ],
    },
    { retained: new Map([['t', 'p:2']]) },
  ],
  [
    'a later one without answer is not retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
        ),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'an old one is retained',
    'I5',
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
          acked('p:2'),
        ),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'nothing is retained',
    'I5',
    { p: [...publisher, ...at(10, sent('p:1', 't', { retain: true }), acked('p:1'))] },
    { retained: new Map() },
  ],
  [
    'nothing is retained after a deletion',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true, isEmpty: true }),
        ),
      ],
    },
    { retained: new Map() },
  ],
  [
    'a deletion is undone',
    'I5',
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true, isEmpty: true }),
          acked('p:2'),
        ),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'an old one that had found no room is sent again and retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(10, sent('p:1', 't', { retain: true }), sent('p:2', 't', { retain: true })),
        ...at(11, acked('p:1'), acked('p:2')),
      ],
    },
    { retained: new Map([['t', 'p:1']]), hadNoRoom: true },
  ],
  [
    'an old one is sent again and retained',
    'I5',
    {
      p: [
        ...publisher,
        ...at(10, sent('p:1', 't', { retain: true }), sent('p:2', 't', { retain: true })),
        ...at(11, acked('p:1'), acked('p:2')),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'two publishers at once',
    undefined,
    {
      p: [...publisher, ...at(10, sent('p:1', 't', { retain: true })), ...at(12, acked('p:1'))],
      q: [...publisher, ...at(11, sent('q:1', 't', { retain: true }), acked('q:1'))],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'two publishers one after the other',
    'I5',
    {
      p: [...publisher, ...at(10, sent('p:1', 't', { retain: true }), acked('p:1'))],
      q: [...publisher, ...at(11, sent('q:1', 't', { retain: true }), acked('q:1'))],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],

  [
    'a Session is lost',
    'I6',
    { s: [...subscriber(), ...at(100, lost(90), connect(), connected(false))] },
  ],
  [
    'a Session is lost when its time is over',
    undefined,
    {
      s: [
        ...at(0, connect(1), connected(false, 1)),
        ...at(5_000, lost(90), connect(), connected(false)),
      ],
    },
  ],
  [
    'a Session is lost to a clock that was set forward',
    undefined,
    { s: [...subscriber(), ...at(100, lost(90), connect(), connected(false))] },
    { crashes: [95], wallJumps: [{ at: 94, ms: 86_400_000 }] },
  ],
  [
    'a Session is there although its time is over',
    'I6',
    {
      s: [
        ...at(0, connect(1), connected(false, 1)),
        ...at(10, ...leave(1)),
        ...at(5_000, connect(), connected(true)),
      ],
    },
  ],
  [
    'a Session is there although it was to end',
    'I6',
    { s: [...subscriber(), ...at(10, ...leave(0)), ...at(20, connect(), connected(true))] },
  ],
  [
    'a Session that an unanswered CONNECT may have begun',
    undefined,
    { s: at(0, connect(), lost(0), connect(), connected(true)) },
  ],
  [
    'a message of a subscription that was given up',
    'I6',
    {
      s: [
        ...subscriber(),
        ...at(10, { event: 'unsubscribing', filter: 't' }),
        ...at(11, { event: 'unsubscribed', filter: 't', code: 0 }),
        ...at(13, received('p:1')),
      ],
      p: [...publisher, ...at(12, sent('p:1'))],
    },
  ],
  [
    'a message of a subscription that was given up twice, and is back',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(10, { event: 'unsubscribing', filter: 't' }),
        ...at(11, { event: 'unsubscribed', filter: 't', code: 0 }),
        ...at(11.1, { event: 'unsubscribing', filter: 't' }),
        ...at(11.2, { event: 'unsubscribed', filter: 't', code: 0x11 }),
        ...at(12, { event: 'subscribing', filter: 't', qos: 2 }, received('p:1')),
      ],
      p: [...publisher, ...at(11.5, sent('p:1'))],
    },
  ],
  [
    'a message from before the subscription was given up',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(10, { event: 'unsubscribing', filter: 't' }),
        ...at(11, { event: 'unsubscribed', filter: 't', code: 0 }, received('p:1')),
      ],
      p: [...publisher, ...at(10.5, sent('p:1'))],
    },
  ],
  [
    'a message of a subscription that another Session had',
    'I6',
    {
      s: [
        ...subscriber(),
        ...at(10, lost(5), connect(hour, { cleanStart: true }), connected(), received('p:1')),
      ],
      p: [...publisher, ...at(5, sent('p:1'))],
    },
  ],

  [
    'a Will',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: at(0, connect(hour, { will }), connected(), lost(5)),
    },
  ],
  [
    'a Will twice',
    'I8',
    {
      s: [
        ...subscriber('t', 0),
        ...at(12, received('p:1', 't', { qos: 0 }), received('p:1', 't', { qos: 0 })),
      ],
      p: at(0, connect(hour, { will }), connected(), lost(5)),
    },
  ],
  [
    'a Will again after a crash, at QoS 1',
    undefined,
    {
      s: [
        ...subscriber('t', 1),
        ...at(12, received('p:1', 't', { qos: 1 })),
        ...at(14, received('p:1', 't', { qos: 1 })),
      ],
      p: at(0, connect(hour, { will }), connected(), lost(5)),
    },
    { crashes: [13] },
  ],
  [
    'a Will of a client that has left',
    'I8',
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: at(0, connect(hour, { will }), connected(), ...leave()),
    },
  ],
  [
    'a Will of a client that has left, and does not know that it was heard',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: at(
        0,
        connect(hour, { will }),
        connected(),
        { event: 'leaving', code: 0, expirySeconds: hour },
        lost(0),
      ),
    },
  ],

  [
    'a client is blamed',
    'protocol',
    {
      s: at(0, connect(), connected(), {
        event: 'disconnected',
        isOrderly: false,
        aliveAt: 0,
        code: 0x82,
      }),
    },
  ],
  [
    'a client is taken over',
    undefined,
    {
      s: at(0, connect(), connected(), {
        event: 'disconnected',
        isOrderly: false,
        aliveAt: 0,
        code: 0x8e,
      }),
    },
  ],
  [
    'a client has found a fault',
    'protocol',
    { s: at(0, connect(), connected(), { event: 'fault', text: 'x' }) },
  ],
]

function logsOf(scene: Scene): readonly ClientLog[] {
  return Object.entries(scene).map(([clientIdentifier, steps]) => {
    return { clientIdentifier, events: steps as readonly LogEvent[] }
  })
}

for (const [name, rule, scene, facts] of rows) {
  test(`${rule ?? 'holds'}: ${name}`, () => {
    const { violations } = check(logsOf(scene), facts)
    assert.deepEqual(
      [...new Set(violations.map((violation) => violation.rule))],
      rule ? [rule] : [],
    )
  })
}

test('counts what happened', () => {
  const scene = {
    s: [
      ...subscriber('t', 1),
      ...at(12, ...['p:2', 'p:1', 'p:1'].map((name) => received(name, 't', { qos: 1 }))),
    ],
    p: [
      ...publisher,
      ...at(
        10,
        ...['p:1', 'p:2', 'p:3', 'p:4'].map((name) => sent(name, 't', { qos: 1 })),
        acked('p:1'),
        acked('p:3'),
        acked('p:4', 0x97),
      ),
    ],
  }
  const { counts } = check(logsOf(scene))
  const expected = { sent: 4, acked: 2, received: 3, lost: 1, duplicated: 1, disordered: 1 }
  assert.deepEqual(counts, expected)
})

test('what a lost Session was promised is lost with it', () => {
  const scene = {
    s: [...subscriber(), ...at(100, lost(90), connect(), connected(false), ...subscribe('t'))],
    p: [...publisher, ...at(95, sent('p:1'), acked('p:1')), ...at(200, sent('p:2'), acked('p:2'))],
  }
  const { violations, counts } = check(logsOf(scene))
  assert.deepEqual(violations.map(({ rule }) => rule).toSorted(), ['I1', 'I1', 'I6'])
  assert.equal(counts.lost, 2)
})

test('logs survive a file, and a line that is cut off', () => {
  const logs = logsOf({ s: subscriber(), p: publisher })
  const lines = logs.flatMap(({ clientIdentifier, events }) =>
    events.map((event) => writeLogLine(clientIdentifier, event)),
  )
  assert.deepEqual(readLogs(`${lines.join('')}{"client":"s","ev`), logs)
})
