import { setFlagsFromString } from 'node:v8'

/** In percent of what was left by the last full collection. */
const mostGrowth = 200
const step = 50

/**
 * By how much what is taken may grow, heap and buffers, before all of it is collected, in percent; 0 leaves
 * it to V8. That collects when it costs little in all, for a small heap after a few megabytes: where a queue
 * grows every two seconds, and each time nobody is served for 20 ms. A quarter of the room that is left may be
 * used for waiting longer, so that memory never runs short of what nobody needs.
 */
export function heapGrowth(taken: number, limit: number): number {
  const share = ((limit - taken) / 4 / taken) * 100
  return Math.max(0, Math.min(mostGrowth, Math.floor(share / step) * step))
}

/** For all of the process. V8 looks at it at the end of each full collection. */
export function setHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}
