export interface Sample {
  /** Resident memory, in bytes. */
  readonly rss: number
  /** What the process holds on to once its garbage is collected, in bytes. */
  readonly held: number
  readonly lateMs: number
}

/**
 * By how much memory grew from the second quarter of a run to the last: by the least of each, since
 * what is on its way at the moment only adds to it.
 */
export function growth(bytes: readonly number[]): number {
  const quarter = Math.floor(bytes.length / 4)
  if (quarter === 0) return 0
  return Math.min(...bytes.slice(-quarter)) - Math.min(...bytes.slice(quarter, 2 * quarter))
}
