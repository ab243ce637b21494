import { restoreStore } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import type { Output } from '../output.ts'
import { dataFlags, dataFolder, readPositionals } from './data-folder.ts'

export const restoreCommand: Command = {
  name: 'restore',
  usage: ['restore FILE [--data DIR | --config FILE]'],
  flags: dataFlags,
  notes: [
    'FILE is checked first. What was there is kept as busbar.db.before-restore-N. Clients find their',
    'sessions as they were at the time of the backup: later messages are gone, and what they have had',
    'since then may come again.',
  ],
  run,
}

async function run(given: Arguments, { say }: Output): Promise<number> {
  const { FILE } = readPositionals('restore', given, 'FILE')
  const folder = await dataFolder(given)
  const kept = await restoreStore(FILE, folder)
  say(`${folder} is as it was in ${FILE}`)
  if (kept !== undefined) say(`what was there is ${kept}`)
  return 0
}
