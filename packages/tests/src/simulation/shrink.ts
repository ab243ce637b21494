import type { FaultKind } from './profile.ts'
import { faultKinds } from './profile.ts'
import { type Run, simulate } from './simulation.ts'

/**
 * A smaller run of the same seed that breaks the same rule: fewer kinds of faults, fewer clients,
 * less time, as long as that is cheap.
 */
export async function shrink(run: Run): Promise<Run> {
  const rule = run.violations[0]?.rule
  let smallest = run
  const attempt = async (change: Partial<Run['options']>): Promise<boolean> => {
    const tried = await simulate({ ...smallest.options, ...change })
    const isSame = tried.violations.some((violation) => violation.rule === rule)
    if (isSame) smallest = tried
    return isSame
  }
  let faults: ReadonlySet<FaultKind> = run.options.faults ?? new Set(faultKinds)
  for (const kind of faults) {
    const fewer = new Set([...faults].filter((other) => other !== kind))
    if (await attempt({ faults: fewer })) faults = fewer
  }
  while (smallest.clients > 1 && (await attempt({ clients: smallest.clients - 1 }))) {}
  for (let part = 0.5; part < 0.95; part += 0.1) {
    while (
      smallest.durationMs > 500 &&
      (await attempt({ durationMs: smallest.durationMs * part }))
    );
  }
  return smallest
}
