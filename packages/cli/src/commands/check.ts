import { tryConfig } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { type Output, UsageError } from '../output.ts'
import { readSettings } from './settings.ts'

export const checkCommand: Command = {
  name: 'check',
  usage: ['check FILE'],
  flags: {},
  notes: [
    'Settings from the environment count as they do for the broker. Exit code 0 when a broker would',
    'start with it, 2 otherwise.',
  ],
  run,
}

async function run(given: Arguments, { say }: Output): Promise<number> {
  const [file, surplus] = given.positionals
  if (file === undefined) throw new UsageError('busbar check needs FILE')
  if (surplus !== undefined) throw new UsageError(`busbar check takes no ${surplus}`)
  const { input, source } = await readSettings(file)
  for (const warning of await tryConfig(input, source)) say(`warning: ${warning}`)
  say(`${file}: sound`)
  return 0
}
