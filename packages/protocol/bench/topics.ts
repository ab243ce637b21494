// How long a match takes and what a Topic Filter or Topic Name costs. Run it with
//   node -C @busbar/source --expose-gc packages/protocol/bench/topics.ts
import {
  Outbound,
  parseTopicFilter,
  parseTopicName,
  type TopicFilter,
  TopicIndex,
  TopicTree,
  topicMatches,
} from '@busbar/protocol'

interface Value {
  readonly topicFilter: TopicFilter
}

const rounds = 200_000
let found = 0

function count(): void {
  found++
}

/** Prints what one call takes, as the best of five runs after one to warm up. */
function time(what: string, calls: number, run: () => void): void {
  let best = Number.POSITIVE_INFINITY
  for (let turn = 0; turn < 6; turn++) {
    const start = performance.now()
    run()
    if (turn > 0) best = Math.min(best, performance.now() - start)
  }
  print(what, (best * 1e6) / calls, 'ns')
}

/** The same with texts that are new in each run, as they come from the wire: flat and unhashed. */
function timeTexts(
  what: string,
  text: (round: number) => string,
  act: (text: string) => void,
): void {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  let best = Number.POSITIVE_INFINITY
  for (let turn = 0; turn < 6; turn++) {
    const texts: string[] = []
    for (let round = 0; round < rounds; round++) {
      texts.push(decoder.decode(encoder.encode(text(round))))
    }
    const start = performance.now()
    for (const each of texts) act(each)
    if (turn > 0) best = Math.min(best, performance.now() - start)
  }
  print(what, (best * 1e6) / rounds, 'ns')
}

/** Prints what each of the things that `build` makes takes on the heap; it returns them. */
function weigh<T>(what: string, things: number, build: () => T): T {
  gc()
  const before = bytesInUse()
  const built = build()
  gc()
  print(what, (bytesInUse() - before) / things, 'bytes')
  return built
}

function gc(): void {
  globalThis.gc?.()
}

function bytesInUse(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function print(what: string, figure: number, unit: string): void {
  process.stdout.write(`${what.padEnd(64)} ${figure.toFixed(0).padStart(8)} ${unit}\n`)
}

function device(number: number): string {
  return `plant/${number % 100}/line/${number % 1_000}/device/${number}/temperature`
}

/** Names of 10,000 of so many devices, far apart. */
function name(devices: number): (round: number) => string {
  return (round) => device(((round % 10_000) * 7_919) % devices)
}

function exactFilters(): void {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  const values = weigh('a value with a filter of 44 characters', 1_000_000, () =>
    Array.from({ length: 1_000_000 }, (_, at) => ({
      topicFilter: parseTopicFilter(decoder.decode(encoder.encode(device(at)))),
    })),
  )
  const tree = weigh('TopicTree: a filter without wildcards, its value apart', 1_000_000, () => {
    const built = new TopicTree<Value>()
    for (const value of values) built.set(value)
    return built
  })
  timeTexts('TopicTree.match: 1 of 1,000,000 filters', name(1_000_000), (text) =>
    tree.match(text, count),
  )
}

function wildcardFilters(what: string, of: (at: number) => string): void {
  const values = Array.from({ length: 100_000 }, (_, at) => ({
    topicFilter: parseTopicFilter(of(at)),
  }))
  const tree = weigh(`TopicTree: a filter ${what}, its value apart`, 100_000, () => {
    const built = new TopicTree<Value>()
    for (const value of values) built.set(value)
    return built
  })
  timeTexts(`TopicTree.match: 1 of 100,000 filters ${what}`, name(100_000), (text) =>
    tree.match(text, count),
  )
  timeTexts(
    `TopicTree.match: 0 of 100,000 filters ${what}`,
    () => 'other/1/line/2/device/3/temperature',
    (text) => tree.match(text, count),
  )
}

function retained(): void {
  const topics = Array.from({ length: 1_000_000 }, (_, at) => parseTopicName(device(at)))
  const index = weigh('TopicIndex: a name, its text apart', 1_000_000, () => {
    const built = new TopicIndex()
    for (const [at, name] of topics.entries()) built.set(name, at)
    return built
  })
  const all = parseTopicFilter('#')
  const some = parseTopicFilter('plant/+/line/+/device/+/temperature')
  const one = parseTopicFilter('plant/7/line/7/device/7/+')
  for (const filter of [all, some]) {
    time(`TopicIndex.match ${filter}: each of 1,000,000`, 1_000_000, () => {
      index.match(filter, count)
    })
  }
  time(`TopicIndex.match ${one}: 1 of 1,000,000`, rounds, () => {
    for (let round = 0; round < rounds; round++) index.match(one, count)
  })
}

function checks(): void {
  const filter = parseTopicFilter('plant/+/line/+/device/+/#')
  timeTexts('parseTopicName: 44 characters', name(100_000), parseTopicName)
  timeTexts('topicMatches: 3 of +, one #', name(100_000), (text) => topicMatches(filter, text))
}

function flow(window: number): void {
  const outbound = new Outbound<string>()
  outbound.connected(65_535)
  const open: number[] = []
  for (let at = 0; at < window; at++) open.push(outbound.publish('', 1).packetIdentifier)
  let at = 0
  time(`Outbound: publish and puback, ${window} unfinished`, rounds, () => {
    for (let round = 0; round < rounds; round++) {
      outbound.puback(open[at] as number)
      open[at] = outbound.publish('', 1).packetIdentifier
      at = (at + 1) % window
    }
  })
}

checks()
exactFilters()
wildcardFilters('plant/+/line/+/device/N/#', (at) => `plant/+/line/+/device/${at}/#`)
wildcardFilters('plant/N/line/N/device/N/+', (at) => device(at).replace('temperature', '+'))
wildcardFilters('+/…/N/temperature', (at) => device(at).replace('plant', '+'))
retained()
flow(1)
flow(100)
flow(20_000)
print('found in all', found, 'values')
