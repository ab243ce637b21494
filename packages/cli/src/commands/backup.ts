import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { askBroker, backupStore, ControlError } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { type Output, size } from '../output.ts'
import { dataFlags, dataFolder, readPositionals } from './data-folder.ts'

export const backupCommand: Command = {
  name: 'backup',
  usage: ['backup FILE [--data DIR | --config FILE] [--force]'],
  flags: {
    ...dataFlags,
    force: { description: 'Replace FILE if it is there.' },
  },
  notes: [
    'A running broker writes the file itself, with everything that was acknowledged before, and goes on',
    'meanwhile. Without one the store is read where it is. `busbar restore` puts a backup back.',
  ],
  run,
}

async function run(given: Arguments, { say }: Output): Promise<number> {
  const { FILE } = readPositionals('backup', given, 'FILE')
  const folder = await dataFolder(given)
  // The broker may have been started elsewhere.
  const file = resolve(FILE)
  const overwrite = given.has('force')
  try {
    await askBroker(folder, { request: 'backup', file, overwrite }, 0)
  } catch (error) {
    if (!(error instanceof ControlError) || error.kind !== 'absent') throw error
    await backupStore(folder, file, { overwrite })
  }
  say(`${FILE}: backup of ${folder}, ${size(statSync(file).size)}`)
  return 0
}
