import type { Arguments, Flags } from '../command.ts'
import { UsageError } from '../output.ts'

/** Of every command that is about one data folder. */
export const dataFlag: Flags = {
  data: { value: 'DIR', description: 'The data folder of the broker (default ./busbar-data).' },
}

export function dataFolder(given: Arguments): string {
  return given.value('data') ?? './busbar-data'
}

/** Throws `UsageError` unless there are exactly these. */
export function readPositionals<Name extends string>(
  command: string,
  given: Arguments,
  ...names: readonly Name[]
): Record<Name, string> {
  const { positionals } = given
  const missing = names[positionals.length]
  if (missing !== undefined) throw new UsageError(`busbar ${command} needs ${missing}`)
  const surplus = positionals[names.length]
  if (surplus !== undefined) throw new UsageError(`busbar ${command} takes no ${surplus}`)
  return Object.fromEntries(names.map((name, at) => [name, positionals[at]])) as Record<
    Name,
    string
  >
}
