import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** How one connection delays and cuts what goes through it. */
export interface Line {
  readonly latencyMs: number
  /** How often a piece arrives in two. */
  readonly splits: number
}

/** One direction of a connection: bytes arrive late, in pieces, in order, until it is cut. */
export class Pipe {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #line: Line
  readonly #deliver: (bytes: Uint8Array) => void
  readonly #queue: Uint8Array[] = []
  #bytes = 0
  #isScheduled = false
  #isCut = false
  /** Reasons for which nothing arrives for now. */
  readonly #blocks = new Set<string>()
  #ended: (() => void) | undefined

  constructor(
    scheduler: Scheduler,
    random: Random,
    line: Line,
    deliver: (bytes: Uint8Array) => void,
  ) {
    this.#scheduler = scheduler
    this.#random = random
    this.#line = line
    this.#deliver = deliver
  }

  /** Bytes on their way. */
  get bytes(): number {
    return this.#bytes
  }

  push(bytes: Uint8Array): void {
    if (this.#isCut || this.#ended !== undefined) return
    this.#queue.push(bytes)
    this.#bytes += bytes.length
    this.#schedule()
  }

  /** Calls back when everything has arrived. */
  end(ended: () => void): void {
    if (this.#isCut || this.#ended !== undefined) return
    this.#ended = ended
    this.#schedule()
  }

  block(reason: string): void {
    this.#blocks.add(reason)
  }

  unblock(reason: string): void {
    if (this.#blocks.delete(reason)) this.#schedule()
  }

  /** A part of what is on its way still arrives, the rest never. */
  cut(): void {
    if (this.#isCut) return
    const left = this.#blocks.size > 0 ? 0 : this.#random.below(this.#bytes + 1)
    this.#isCut = true
    this.#arrive(left)
    this.#queue.length = 0
    this.#bytes = 0
    this.#ended = undefined
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isCut || this.#blocks.size > 0) return
    this.#isScheduled = true
    const { latencyMs } = this.#line
    this.#scheduler.after(latencyMs * this.#random.between(0.5, 1.5), () => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    if (this.#isCut || this.#blocks.size > 0) return
    const isSplit = this.#bytes > 1 && this.#random.chance(this.#line.splits)
    this.#arrive(isSplit ? 1 + this.#random.below(this.#bytes - 1) : this.#bytes)
    if (this.#bytes > 0) this.#schedule()
    else this.#ended?.()
  }

  #arrive(count: number): void {
    let left = count
    while (left > 0) {
      const first = this.#queue[0]
      if (first === undefined) return // cut by what has arrived
      const part = first.length <= left ? first : first.subarray(0, left)
      if (part === first) this.#queue.shift()
      else this.#queue[0] = first.subarray(left)
      left -= part.length
      this.#bytes -= part.length
      this.#deliver(part)
    }
  }
}
