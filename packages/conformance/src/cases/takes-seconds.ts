import { CaseFailure } from '../failure.ts'

/** Fails unless it takes between `from` and `to` seconds, half a second more or less. */
export async function takesSeconds<T>(
  happening: Promise<T>,
  [from, to]: readonly [from: number, to: number],
  what: string,
): Promise<T> {
  const startedAt = performance.now()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const expected = `expected ${what} after ${from === to ? from : `${from} to ${to}`} s`
  const timer = setTimeout(
    () => reject(new CaseFailure(`${expected}, but it is not there after ${to + 0.5} s`)),
    (to + 0.5) * 1_000,
  )
  try {
    const result = await Promise.race([happening, late])
    const seconds = (performance.now() - startedAt) / 1_000
    if (seconds >= from - 0.5) return result
    throw new CaseFailure(`${expected}, but it is there after ${seconds.toFixed(1)} s`)
  } finally {
    clearTimeout(timer)
  }
}
