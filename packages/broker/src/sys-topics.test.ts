import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Losses, lossCauses } from './losses.ts'
import { Statistics } from './statistics.ts'
import { SysTopics } from './sys-topics.ts'

const startedAt = 5_000_000

function started() {
  const heap = { bytes: 1_000 }
  const statistics = new Statistics()
  const losses = new Losses()
  const sysTopics = new SysTopics({
    statistics,
    losses,
    durability: 'disk',
    version: '1.2.3',
    clock: { now: () => startedAt },
    heapBytes: () => heap.bytes,
  })
  const changed = (seconds: number): Record<string, string> => {
    const topics = [...sysTopics.changed(startedAt + seconds * 1_000)]
    return Object.fromEntries(
      topics.map(({ topicName, payload }) => [topicName.replace('$SYS/broker/', ''), payload]),
    )
  }
  return { statistics, losses, heap, changed }
}

/** Every topic that Mosquitto 2.0.11 publishes without bridges and logging to topics. */
const mosquitto = [
  'bytes/received bytes/sent',
  'clients/active clients/connected clients/disconnected clients/expired clients/inactive',
  'clients/maximum clients/total heap/current heap/maximum',
  'messages/received messages/sent messages/stored store/messages/bytes store/messages/count',
  'publish/bytes/received publish/bytes/sent',
  'publish/messages/dropped publish/messages/received publish/messages/sent',
  'retained_messages/count shared_subscriptions/count subscriptions/count uptime version',
  ...['1min', '5min', '15min'].flatMap((span) => [
    `load/bytes/received/${span} load/bytes/sent/${span} load/connections/${span}`,
    `load/messages/received/${span} load/messages/sent/${span} load/sockets/${span}`,
    `load/publish/dropped/${span} load/publish/received/${span} load/publish/sent/${span}`,
  ]),
].flatMap((row) => row.split(' ').map((name) => name.replace('retained_', 'retained ')))

test('the first call gives all topics: those of Mosquitto and ours', () => {
  const ours = [
    'messages/inflight', // in the manual of Mosquitto, not in the broker
    'durability',
    'losses/messages',
    'losses/bytes',
    ...Object.keys(lossCauses).map((cause) => `losses/${cause}/messages`),
  ]
  assert.deepEqual(Object.keys(started().changed(0)).sort(), [...mosquitto, ...ours].sort())
})

test('a later call gives what changed', () => {
  const { statistics, changed } = started()
  changed(0)
  assert.deepEqual(changed(0), {})
  assert.deepEqual(changed(0.9), {})
  statistics.subscriptions = 7
  assert.deepEqual(changed(1), { uptime: '1 seconds', 'subscriptions/count': '7' })
  statistics.subscriptions = 8
  statistics.subscriptions = 7
  assert.deepEqual(changed(123), { uptime: '123 seconds' })
})

test('version and durability can be read', () => {
  const { version, durability, uptime } = started().changed(0)
  assert.deepEqual([version, durability, uptime], ['busbar version 1.2.3', 'disk', '0 seconds'])
})

const values: readonly (readonly [string, Partial<Statistics>, Record<string, string>])[] = [
  [
    'clients',
    { sessions: 9, clientsConnected: 4, sessionsExpired: 2 },
    {
      'clients/total': '9',
      'clients/connected': '4',
      'clients/active': '4',
      'clients/maximum': '4',
      'clients/disconnected': '5',
      'clients/inactive': '5',
      'clients/expired': '2',
    },
  ],
  [
    'stored messages: retained and queued',
    { retainedMessages: 3, retainedBytes: 300, queuedMessages: 4, queuedBytes: 50 },
    {
      'retained messages/count': '3',
      'messages/stored': '7',
      'store/messages/count': '7',
      'store/messages/bytes': '350',
    },
  ],
  [
    'subscriptions',
    { subscriptions: 5, sharedSubscriptions: 2 },
    { 'subscriptions/count': '5', 'shared_subscriptions/count': '2' },
  ],
  ['messages in flight', { inFlight: 6 }, { 'messages/inflight': '6' }],
]
for (const [name, statistics, topics] of values) {
  test(`the topics of ${name}`, () => {
    const broker = started()
    broker.changed(0)
    Object.assign(broker.statistics, statistics)
    assert.deepEqual(broker.changed(0), topics)
  })
}

// Received, sent and so on each have a number of their own, so that no two can be mixed up.
const counted = [
  ['messagesReceived', 'messages/received', 'load/messages/received'],
  ['messagesSent', 'messages/sent', 'load/messages/sent'],
  ['publishReceived', 'publish/messages/received', 'load/publish/received'],
  ['publishSent', 'publish/messages/sent', 'load/publish/sent'],
  ['publishBytesReceived', 'publish/bytes/received', undefined],
  ['publishBytesSent', 'publish/bytes/sent', undefined],
  ['bytesReceived', 'bytes/received', 'load/bytes/received'],
  ['bytesSent', 'bytes/sent', 'load/bytes/sent'],
  ['socketsOpened', undefined, 'load/sockets'],
  ['connectionsAccepted', undefined, 'load/connections'],
] as const
for (const [counter, total, load] of counted) {
  test(`${counter} is shown`, () => {
    const { statistics, changed } = started()
    changed(0)
    statistics[counter] += 60_000
    const expected: Record<string, string> = { uptime: '60 seconds' }
    if (total !== undefined) expected[total] = '60000'
    if (load !== undefined) {
      // 60,000 a minute for one minute: the part 1 - e^(-1/n) of it.
      expected[`${load}/1min`] = '37927.23'
      expected[`${load}/5min`] = '10876.15'
      expected[`${load}/15min`] = '3869.58'
    }
    assert.deepEqual(changed(60), expected)
  })
}

test('averages rise and fall as those of Mosquitto do', () => {
  // Measured with Mosquitto 2.0.11, every 3 s: one connection, then three more. Only the last 0.78 is
  // ours: Mosquitto compares neighbours and lets 0.79 stand while the average sinks slowly.
  const rows = [
    [3, 1, '0.98', '0.20', '0.07'],
    [6, 0, '0.93', '0.20', '0.07'],
    [9, 3, '3.81', '0.79', '0.27'],
    [12, 0, '3.62', '0.78', '0.26'],
  ] as const
  const { statistics, changed } = started()
  const shown = changed(0)
  for (const [seconds, opened, ...averages] of rows) {
    statistics.connectionsAccepted += opened
    Object.assign(shown, changed(seconds))
    const spans = ['1min', '5min', '15min']
    assert.deepEqual(
      spans.map((span) => shown[`load/connections/${span}`]),
      averages,
    )
  }
})

test('what is counted while no time passes is in the next average', () => {
  const { statistics, changed } = started()
  changed(0)
  statistics.socketsOpened = 1
  assert.deepEqual(changed(0), {})
  assert.equal(changed(3)['load/sockets/1min'], '0.98')
})

test('losses are shown in total, by cause, and as dropped', () => {
  const { losses, changed } = started()
  changed(0)
  losses.record('a', 'queue-full', 100)
  losses.record('b', 'queue-full', 100)
  losses.record('b', 'expired', 1)
  assert.deepEqual(changed(0), {
    'publish/messages/dropped': '3',
    'losses/messages': '3',
    'losses/bytes': '201',
    'losses/queue-full/messages': '2',
    'losses/expired/messages': '1',
  })
})

test('the largest heap is remembered', () => {
  const { heap, changed } = started()
  changed(0)
  heap.bytes = 3_000
  assert.deepEqual(changed(0), { 'heap/current': '3000', 'heap/maximum': '3000' })
  heap.bytes = 2_000
  assert.deepEqual(changed(0), { 'heap/current': '2000' })
})
