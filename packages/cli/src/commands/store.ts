import { checkStore, printable, type StoreReport, storeFile } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { columns, type Output, size, UsageError } from '../output.ts'
import { dataFlags, dataFolder } from './data-folder.ts'

export const storeCommand: Command = {
  name: 'store',
  usage: ['store check [FILE] [--data DIR | --config FILE]'],
  flags: dataFlags,
  notes: [
    'Reads every record and changes nothing. Without FILE, a backup, it checks the data folder, on which',
    'no broker may run meanwhile: of one that runs, check a backup. Exit code 0 when the store is sound,',
    '1 otherwise.',
  ],
  run,
}

async function run(given: Arguments, { say, complain }: Output): Promise<number> {
  const [action, file, surplus] = given.positionals
  if (action !== 'check') {
    const instead = action === undefined ? '' : `, and no ${action}`
    throw new UsageError(`busbar store has one action, check${instead}: busbar store check`)
  }
  if (surplus !== undefined) throw new UsageError(`busbar store check takes no ${surplus}`)
  if (file !== undefined && (given.has('data') || given.has('config'))) {
    throw new UsageError('busbar store check takes FILE, or --data or --config, not both')
  }
  const report = checkStore(file ?? storeFile(await dataFolder(given)))
  say(describe(report))
  if (report.faults.length === 0) return 0
  complain(
    [
      `busbar: ${report.file} is not sound; docs/store.md says what can be done`,
      ...report.faults.map((fault) => `  ${printable(fault)}`),
    ].join('\n'),
  )
  return 1
}

function describe({ file, bytes, schemaVersion, counts, faults }: StoreReport): string {
  const { sessions, subscriptions, retained, queued, inFlight, leftOver } = counts
  const rows: [string, string][] = [
    ['size', size(bytes)],
    ['schema version', String(schemaVersion)],
    ['sessions', String(sessions)],
    ['subscriptions', String(subscriptions)],
    ['retained messages', String(retained)],
    ['queued messages', `${queued}, of which ${inFlight} in flight`],
    ['left over', `${leftOver} ${leftOver === 1 ? 'record' : 'records'} that will be removed`],
  ]
  const verdict = faults.length === 0 ? 'sound' : 'not sound'
  return [`${file}: ${verdict}`, columns(rows)].join('\n')
}
