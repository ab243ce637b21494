export interface Sample {
  readonly rss: number
  readonly lateMs: number
}

/** By how much memory grew from the second quarter of a run to the last, by medians. */
export function growth(samples: readonly Sample[]): number {
  const quarter = Math.floor(samples.length / 4)
  if (quarter === 0) return 0
  const before = median(samples.slice(quarter, 2 * quarter))
  return median(samples.slice(-quarter)) - before
}

function median(samples: readonly Sample[]): number {
  const sorted = samples.map(({ rss }) => rss).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
