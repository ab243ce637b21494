// Hostile bytes against the Framer and readPacket: they give packets or a ProtocolError, and soon.
//   npm run fuzz -- --inputs 1000000 --seed 7
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { ProtocolError } from '../src/errors.ts'
import type { Packet } from '../src/packet.ts'
import type { ProtocolVersion } from '../src/version.ts'
import { Framer, largestPacket } from '../src/wire/framer.ts'
import type { Sender } from '../src/wire/properties.ts'
import { readPacket } from '../src/wire/read-packet.ts'
import { encodePacket } from '../src/wire/write-packet.ts'
import { packet } from './arbitraries.ts'
import { readBothWays } from './both-readers.ts'
import { Input, mutate, Random } from './mutate.ts'

const { values: options } = parseArgs({
  options: { inputs: { type: 'string' }, seed: { type: 'string' } },
})
const inputs = count(options.inputs ?? '1000000')
const seed = count(options.seed ?? String(Date.now() % 1_000_000_000))

const largestInput = 4_096
const limitMs = 1_000 // linear reading takes microseconds: longer is a hang, whatever the machine does

/** What an input is for: its version decides how it is read, its sender what it may be. */
interface Kind {
  version: ProtocolVersion
  from: Sender
  corpus: readonly Uint8Array[]
}

const kinds = ([3, 4, 5] as const).flatMap((version) =>
  (['client', 'server'] as const).map((from) => ({
    version,
    from,
    corpus: corpusOf(version, from),
  })),
)
const everything = kinds.flatMap((kind) => kind.corpus)

const tally = { packets: 0, refusals: 0, waits: 0 }
let slowestMs = 0
const random = new Random(seed)
const input = new Input(largestInput)
Error.stackTraceLimit = 0 // a stack for each refusal would be most of the work

const start = performance.now()
for (let i = 0; i < inputs; i += 1) {
  const kind = kinds[random.below(kinds.length)] as Kind
  input.set(kind.corpus[random.below(kind.corpus.length)] as Uint8Array)
  mutate(input, random, everything)
  feed(kind, input.view())
}
const seconds = (performance.now() - start) / 1_000

console.log(
  `${inputs} inputs, seed ${seed}: ${tally.packets} packets, ${tally.refusals} refusals, ` +
    `${tally.waits} incomplete, slowest ${slowestMs.toFixed(1)} ms, ` +
    `${seconds.toFixed(1)} s, ${Math.round(inputs / seconds)} inputs/s`,
)

/** Again when it was slow, since a pause of the machine does not come three times. */
function feed(kind: Kind, bytes: Uint8Array): void {
  let ms = timed(kind, bytes, tally)
  for (let again = 0; again < 2 && ms > limitMs; again += 1) {
    ms = Math.min(ms, timed(kind, bytes, { ...tally }))
  }
  slowestMs = Math.max(slowestMs, ms)
  if (ms > limitMs) fail(kind, bytes, `took ${ms.toFixed(1)} ms`)
}

/** Milliseconds for one input. */
function timed(kind: Kind, bytes: Uint8Array, counts: typeof tally): number {
  const before = performance.now()
  try {
    const framer = new Framer(largestInput)
    framer.strictLengths = kind.version === 5
    framer.push(bytes)
    while (framer.advance()) {
      const one = readBothWays(framer, kind.version, kind.from)
      counts.packets += 1
      if (!isRewritten(one, kind))
        fail(kind, bytes, 'is another packet when written and read again')
    }
    if (framer.isWaiting) counts.waits += 1
  } catch (error) {
    if (!(error instanceof ProtocolError)) fail(kind, bytes, error)
    counts.refusals += 1
  }
  return performance.now() - before
}

/** Whether what was read can be written, and that be read as the same. */
function isRewritten(one: Packet, { version, from }: Kind): boolean {
  try {
    const written = encodePacket(one, version)
    const framer = new Framer(largestPacket)
    framer.strictLengths = true
    framer.push(written)
    if (!framer.advance()) return false
    const again = encodePacket(readPacket(framer.firstByte, framer.body(), version, from), version)
    return again.length === written.length && again.every((byte, at) => byte === written[at])
  } catch (error) {
    console.error(error)
    return false
  }
}

function fail({ version, from }: Kind, bytes: Uint8Array, why: unknown): never {
  console.error(`seed ${seed}, version ${version}, from the ${from}:`, why)
  console.error(Buffer.from(bytes).toString('hex'))
  process.exit(1)
}

/** Valid packets to start from, the same for the same seed. */
function corpusOf(version: ProtocolVersion, from: Sender): readonly Uint8Array[] {
  const packets = fc.sample(packet(version, from), { numRuns: 400, seed })
  const encoded = packets.map((one) => encodePacket(one, version))
  return encoded.filter((bytes) => bytes.length <= largestInput)
}

function count(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  console.error(`not a number: ${text}`)
  process.exit(2)
}
