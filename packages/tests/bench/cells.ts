/** A figure of a cell, under the name that the load generator gives it. */
export interface Figure {
  readonly key: string
  readonly title: string
  /** What it shall be on the machine of the targets (page.ts); nothing where none was set. */
  readonly target?: number
  /** More is better. */
  readonly isRate?: true
}

/** One row of the table: a load, and what is read off. */
export interface Cell {
  readonly name: string
  readonly title: string
  readonly load: readonly string[]
  /** The first is the one that ratios are made of. */
  readonly figures: readonly Figure[]
  /** Cells with the same here take turns, as they are compared with each other. */
  readonly compared?: string
  /** Peers that cannot do it. */
  readonly without?: readonly string[]
  /**
   * Its load is over in a fraction of a second, with which a compiler at run time has only begun: it is
   * put on the same broker so many times, and the best time counts.
   */
  readonly rounds?: number
  /** So many small loads come before that where the broker is compiled meanwhile. */
  readonly warming?: { readonly rounds: number; readonly load: readonly string[] }
  /** Neither processor halts meanwhile, so that latencies are not those of a host that wakes it up. */
  readonly isAwake?: true
  /** Ours keeps everything on disk; the peers cannot, and stay as they are. */
  readonly isDurable?: true
}

const us = (target?: number): Figure => figure('usPerMessage', 'µs', target)
const p50 = figure('p50Us', 'p50 µs')
const p99 = figure('p99Us', 'p99 µs')
const p999 = figure('p999Us', 'p99.9 µs')
const tail: readonly Figure[] = [p50, p99, p999]
const exactOnly = ['relay']

function figure(key: string, title: string, target?: number): Figure {
  return { key, title, ...(target !== undefined && { target }) }
}

function options(text: string): string[] {
  return text.split(' ').flatMap((word) => word.split('='))
}

function perMessage(name: string, title: string, load: string, target: number): Cell {
  const words = options(`--scenario=${load}`)
  return { name, title, load: words, figures: [us(target), ...tail] }
}

/** What one message costs while something grows that should not matter. */
function growth(name: string, title: string, load: string, without = exactOnly): Cell {
  return {
    name: `growth-${name}`,
    title,
    load: options(`--scenario=neighbours --window=1 --size=100 ${load}`),
    figures: [us(), ...tail],
    compared: `growth-${name.replace(/-\d+$/, '')}`,
    without,
  }
}

/** Its latencies are those of a broker that has been at it for a while: compilers have come to rest. */
const many = 'neighbours --publishers=1000 --rate=20000 --size=100 --warmup=10 --seconds=3'

/** The load of `many`, whose latencies shall not suffer from this. */
function beside(name: string, title: string, load: string): Cell {
  return {
    name: `many-${name}`,
    title: `the same beside ${title}`,
    load: options(`--scenario=${many} ${load}`),
    figures: [us(), ...tail],
    compared: 'many',
    without: exactOnly,
  }
}

/** Its latencies are not those of a host that wakes processors up. */
function awake(cell: Cell): Cell {
  const { name, title } = cell
  return {
    ...cell,
    name: `${name}-awake`,
    title: `${title}, on processors that do not halt`,
    figures: [us(), ...tail],
    compared: 'many-awake',
    isAwake: true,
  }
}

const everybody = perMessage(
  'many',
  '1,000 clients, 20,000 messages/s in all, open loop',
  many,
  22.5,
)
const besideSlowReader = beside(
  'slow-reader',
  'one subscriber of all of it that does not read',
  '--deaf=1',
)
/** With a thousand a second it takes half a minute until what a connection needs is compiled. */
const besideStorm = beside(
  'storm',
  '1,000 connections a second that come and go',
  '--storm=1000 --warmup=30',
)

const rounds = 4
/** After so many messages the compilers of Node have come to rest. */
const warming = { rounds: 25, load: options('--messages=2000') }

const queueFigures = [
  figure('usPerQueued', 'µs in', 1.0),
  figure('usPerDrained', 'µs out', 0.7),
  figure('bytesPerQueued', 'bytes', 200),
]

export const cells: readonly Cell[] = [
  perMessage(
    'pipe',
    '50 pairs, window 100, 100 B, QoS 0',
    'pairs --publishers=50 --size=100',
    0.35,
  ),
  {
    ...perMessage(
      'topics',
      '10 pairs with 1,000 topics each, QoS 0',
      'pairs --publishers=10 --topics=1000 --size=100',
      0.4,
    ),
    without: exactOnly,
  },
  perMessage(
    'alone',
    'every message alone: 500 pairs, window 1, QoS 0',
    'pairs --publishers=500 --window=1 --size=100',
    8.3,
  ),
  {
    ...perMessage(
      'alone-qos1',
      'the same at QoS 1, both acknowledgements',
      'pairs --publishers=500 --window=1 --size=100 --qos=1',
      16.5,
    ),
    without: exactOnly,
  },
  everybody,
  besideSlowReader,
  besideStorm,
  ...[everybody, besideSlowReader, besideStorm].map(awake),
  {
    ...perMessage(
      'fan-out',
      'fan-out 1 → 1,000, window 10, for each delivery',
      'fan-out --subscribers=1000 --window=10 --size=100',
      0.55,
    ),
    figures: [figure('usPerDelivery', 'µs', 0.55), ...tail],
  },
  {
    ...perMessage(
      'fan-out-single',
      'fan-out 1 → 1,000, one message at a time, for each delivery',
      'fan-out --subscribers=1000 --window=1 --size=100',
      4.1,
    ),
    figures: [figure('usPerDelivery', 'µs', 4.1), ...tail],
  },
  {
    ...perMessage(
      'fan-in',
      'fan-in 100 → 1, window 50',
      'fan-in --publishers=100 --window=50 --size=100',
      0.35,
    ),
    without: exactOnly,
  },
  {
    ...perMessage(
      'pipe-qos1',
      '10 pairs, window 100, QoS 1',
      'pairs --publishers=10 --size=100 --qos=1',
      0.6,
    ),
    without: exactOnly,
  },
  {
    ...perMessage(
      'pipe-qos2',
      '10 pairs, window 100, QoS 2',
      'pairs --publishers=10 --size=100 --qos=2',
      1.2,
    ),
    without: exactOnly,
  },
  perMessage(
    '16k',
    '10 pairs, window 10, 16 KB, QoS 0',
    'pairs --publishers=10 --window=10 --size=16384',
    14,
  ),
  {
    name: 'filters',
    title: '100,000 filters, three quarters with wildcards; each message meets three',
    load: options('--scenario=filters --subscribers=100 --publishers=10 --size=100'),
    rounds,
    figures: [
      us(1.8),
      figure('usPerFilter', 'µs a filter', 1.5),
      figure('bytesPerFilter', 'bytes a filter', 350),
      ...tail,
    ],
    without: exactOnly,
  },
  {
    name: 'connect',
    title: 'CONNECT, CONNACK, DISCONNECT; 50 at a time',
    load: options('--scenario=connect --window=50 --warmup=10'),
    figures: [
      figure('usPerConnection', 'µs', 40),
      { key: 'connectionsPerSecond', title: 'connections/s', isRate: true },
    ],
  },
  {
    name: 'idle',
    title: '10,000 more connections with a subscription each that do nothing, after 5,000',
    load: options('--scenario=idle --before=5000 --subscribers=10000 --seconds=1 --warmup=1'),
    figures: [
      figure('bytesPerConnection', 'bytes', 7_000),
      figure('bytesPerFirstConnection', 'bytes, of the first 5,000'),
      figure('usPerConnection', 'µs to connect and subscribe'),
      figure('emptyMb', 'MB empty'),
    ],
  },
  {
    name: 'retained',
    title: '50,000 retained messages of 100 B: store, then take all by one filter',
    load: options('--scenario=retained --messages=50000 --size=100'),
    rounds,
    warming,
    figures: [
      figure('usPerRetained', 'µs in', 1.3),
      figure('usPerDrained', 'µs out', 0.5),
      figure('bytesPerRetained', 'bytes', 300),
    ],
    without: exactOnly,
  },
  {
    name: 'queue',
    title: '50,000 messages of 100 B, QoS 1, for a client that is away, in memory',
    load: options('--scenario=queue --messages=50000 --size=100'),
    rounds,
    warming,
    figures: queueFigures,
    without: exactOnly,
  },
  {
    name: 'queue-durable',
    title: 'the same, on disk before PUBACK, window 1,000; the peers in memory',
    load: options('--scenario=queue --messages=50000 --size=100 --version=5 --window=1000'),
    rounds,
    warming,
    figures: [figure('usPerQueued', 'µs in', 2), figure('usPerDrained', 'µs out')],
    without: [...exactOnly, 'aedes'],
    isDurable: true,
  },
  {
    name: 'durable',
    title:
      '10 pairs, window 100, QoS 1, lasting Sessions, on disk before PUBACK; the peers in memory',
    load: options('--scenario=pairs --publishers=10 --size=100 --qos=1 --lasting=1 --version=5'),
    figures: [us(), { key: 'messagesPerSecond', title: 'messages/s', isRate: true }, ...tail],
    without: [...exactOnly, 'aedes'],
    isDurable: true,
  },
  growth('clients-100', '100 clients', '--publishers=100', []),
  growth('clients-10000', '10,000 clients', '--publishers=10000 --seconds=4', []),
  growth('filters-1', '1 exact subscription beside it', '--publishers=500 --standing-filters=1'),
  growth(
    'filters-1000000',
    '1,000,000 exact subscriptions beside it',
    '--publishers=500 --standing-filters=1000000',
  ),
  growth('retained-0', 'no retained message', '--publishers=500'),
  growth(
    'retained-1000000',
    '1,000,000 retained messages',
    '--publishers=500 --standing-retained=1000000',
  ),
]
