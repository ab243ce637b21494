/** A small generator of pseudorandom numbers (mulberry32): the same seed, the same inputs. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit)
  }
}

/** Bytes that change in place and in length; room for the largest input of a run. */
export class Input {
  readonly bytes: Uint8Array
  length = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
  }

  set(source: Uint8Array): void {
    this.length = Math.min(source.length, this.bytes.length)
    this.bytes.set(source.subarray(0, this.length))
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  /** Replaces `removed` bytes by others, as far as there is room. */
  splice(at: number, removed: number, added: Uint8Array): void {
    const length = this.length - removed + added.length
    if (length > this.bytes.length) return
    this.bytes.copyWithin(at + added.length, at + removed, this.length)
    this.bytes.set(added, at)
    this.length = length
  }
}

const none = new Uint8Array(0)

// values at which readers decide
const notable = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x1f, 0x23, 0x26, 0x2a, 0x7f, 0x80, 0xff]

type Mutation = (input: Input, random: Random, corpus: readonly Uint8Array[]) => void

const mutations: readonly Mutation[] = [
  function flipBit({ bytes, length }, random) {
    const at = random.below(length)
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
  },
  function setByte({ bytes, length }, random) {
    bytes[random.below(length)] = random.below(256)
  },
  function setNotableByte({ bytes, length }, random) {
    bytes[random.below(length)] = notable[random.below(notable.length)] as number
  },
  function truncate(input, random) {
    input.length = random.below(input.length + 1)
  },
  function remove(input, random) {
    const at = random.below(input.length)
    input.splice(at, Math.min(1 + random.below(4), input.length - at), none)
  },
  function duplicate(input, random) {
    const at = random.below(input.length)
    const length = Math.min(1 + random.below(16), input.length - at)
    input.splice(at, 0, input.bytes.slice(at, at + length))
  },
  function insert(input, random) {
    input.splice(random.below(input.length + 1), 0, Uint8Array.of(random.below(256)))
  },
  function editLength(input, random) {
    if (input.length < 2) return
    const change = random.below(2) === 0 ? 1 : random.below(256)
    input.bytes[1] = (input.bytes[1] as number) + (random.below(2) === 0 ? change : -change)
  },
  function splice(input, random, corpus) {
    const other = corpus[random.below(corpus.length)] as Uint8Array
    const start = random.below(other.length)
    const at = random.below(input.length + 1)
    input.splice(at, input.length - at, other.subarray(start))
  },
]

/** One to four changes, and sometimes a Remaining Length that is right again. */
export function mutate(input: Input, random: Random, corpus: readonly Uint8Array[]): void {
  for (let left = 1 + random.below(4); left > 0 && input.length > 0; left -= 1) {
    mutations[random.below(mutations.length)]?.(input, random, corpus)
  }
  // Without this few mutants would get past the framer.
  if (random.below(4) > 0) repairLength(input)
}

function repairLength(input: Input): void {
  if (input.length < 2 || input.length > 129) return
  input.bytes[1] = input.length - 2
}
