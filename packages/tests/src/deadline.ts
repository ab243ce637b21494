/** Long enough for a busy machine; no test waits this long unless it is about to fail. */
const patienceMs = 30_000

/** The promise, or an error that says what was waited for. */
export async function within<T>(promise: Promise<T>, what: string, ms = patienceMs): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves when a condition that nothing announces has come true. */
export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  ms = patienceMs,
): Promise<void> {
  const end = performance.now() + ms
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}`)
    await pause(5)
  }
}

/** For tests that something does not happen, and for peers that are slow on purpose. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
