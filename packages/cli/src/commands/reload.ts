import { askBroker, printable } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import type { Output } from '../output.ts'
import { dataFlags, dataFolder, readPositionals } from './data-folder.ts'

export const reloadCommand: Command = {
  name: 'reload',
  usage: ['reload [--data DIR | --config FILE]'],
  flags: dataFlags,
  notes: [
    'Says what is in force now, and what has to wait until the broker is started anew. When something',
    'is wrong, nothing changes, and the exit code is 1.',
  ],
  run,
}

async function run(given: Arguments, { say }: Output): Promise<number> {
  readPositionals('reload', given)
  const { changed, needsRestart, files } = await askBroker(await dataFolder(given), {
    request: 'reload',
  })
  for (const path of changed) say(`changed: ${printable(path)}`)
  for (const file of files) say(`read again: ${printable(file)}`)
  for (const path of needsRestart) say(`after a restart: ${printable(path)}`)
  if (changed.length + needsRestart.length + files.length === 0) say('nothing is new')
  return 0
}
