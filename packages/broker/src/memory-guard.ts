import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { heapGrowth } from './heap-growth.ts'
import type { Log } from './log.ts'

/** What the broker takes, and what the runtime lets it take of the heap, in bytes. */
export interface MemoryUse {
  readonly heap: number
  readonly heapLimit: number
  /** Payloads and the like. */
  readonly buffers: number
}

export interface MemoryGuardOptions {
  /** `limits.memoryBytes`; undefined: three quarters of what the system allows, 0: no limit. */
  readonly limit: () => number | undefined
  readonly use: () => MemoryUse
  /** What the system allows. */
  readonly available: number
  /** Told by how much the heap may grow before all of it is collected, when that has changed. */
  readonly grow?: ((percent: number) => void) | undefined
  readonly log: Log
}

/** Of the heap of JavaScript, from which on the collector hardly finds room any more. */
const heapShare = 0.9
/** Recovered when this much of the limit is left again, so that it does not go to and fro. */
const calmShare = 0.95

/**
 * Notices that memory runs short, before the system or the runtime ends the process: until it is over,
 * nothing more waits in memory for whoever is slow or away, and no new connection is let in.
 */
export class MemoryGuard {
  readonly #options: MemoryGuardOptions
  #isShort = false
  #growth = 0

  constructor(options: MemoryGuardOptions) {
    this.#options = options
  }

  get isShort(): boolean {
    return this.#isShort
  }

  /** To be called regularly. */
  look(): void {
    const { limit, use, available, log } = this.#options
    const most = limit() ?? available * 0.75
    const { heap, heapLimit, buffers } = use()
    this.#setGrowth(heapGrowth(heap + buffers, most === 0 ? available : most))
    const taken = most === 0 ? 0 : (heap + buffers) / most
    const share = Math.max(taken, heap / (heapLimit * heapShare))
    const isShort = share > (this.#isShort ? calmShare : 1)
    if (isShort === this.#isShort) return
    this.#isShort = isShort
    const fields = { heap, heapLimit, buffers, limit: Math.floor(most) }
    if (!isShort) return log.info('no longer short of memory', fields)
    log.error('short of memory: nothing more waits in it, new connections are refused', fields)
  }

  #setGrowth(percent: number): void {
    if (percent === this.#growth) return
    this.#growth = percent
    this.#options.grow?.(percent)
  }
}

/** Of this process. */
export function memoryOfProcess(): Pick<MemoryGuardOptions, 'use' | 'available'> {
  const allowed = process.constrainedMemory()
  const total = totalmem()
  return {
    // A number without a meaning, or 0, where nothing constrains it.
    available: allowed > 0 && allowed < total ? allowed : total,
    // Not `process.memoryUsage`, which opens a file and fails where there is no descriptor left; and
    // what the system counts does not fall when memory is free again.
    use: () => {
      const { used_heap_size, heap_size_limit, external_memory } = getHeapStatistics()
      return { heap: used_heap_size, heapLimit: heap_size_limit, buffers: external_memory }
    },
  }
}
