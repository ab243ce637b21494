import { parseConfig } from '@busbar/broker'
import type { Arguments, Flags } from '../command.ts'
import { UsageError } from '../output.ts'
import { readSettings } from './settings.ts'

/** Of every command that is about one data folder. */
export const dataFlags: Flags = {
  data: { value: 'DIR', description: 'The data folder of the broker (default ./busbar-data).' },
  config: {
    value: 'FILE',
    description: 'Take the data folder from the configuration of the broker.',
  },
}

/** As the broker would find it; `--data` wins. Throws `UsageError` and `ConfigError`. */
export async function dataFolder(given: Arguments): Promise<string> {
  const folder = given.value('data')
  const path = given.value('config')
  if (folder !== undefined) return folder
  const { input, source } = await readSettings(path)
  const { engine, dir } = parseConfig(input, source).store
  if (engine === 'memory') {
    throw new UsageError(`by ${path ?? 'BUSBAR_STORE_ENGINE'} nothing is kept in a folder`)
  }
  return dir
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
