import { askBroker, printable } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { columns, type Output, UsageError } from '../output.ts'
import { dataFlags, dataFolder } from './data-folder.ts'
import { lost } from './status.ts'

export const lossesCommand: Command = {
  name: 'losses',
  usage: ['losses [CLIENT_ID] [--data DIR | --config FILE] [--json]'],
  flags: {
    ...dataFlags,
    json: { description: 'Print JSON, with bytes.' },
  },
  notes: ['Counted since the start of the broker.'],
  run,
}

async function run(given: Arguments, { say }: Output): Promise<number> {
  const [clientId, surplus] = given.positionals
  if (surplus !== undefined) throw new UsageError(`busbar losses takes no ${surplus}`)
  const only = clientId === undefined ? {} : { clientId }
  const answer = await askBroker(await dataFolder(given), { request: 'losses', ...only })
  if (given.has('json')) {
    say(JSON.stringify(answer, undefined, 2))
    return 0
  }
  const rows = answer.clients.map(({ clientId: of, byCause }): [string, string] => [
    of === undefined ? '(others together)' : printable(of),
    lost(byCause),
  ])
  say(rows.length === 0 ? 'nothing was lost' : columns(rows))
  return 0
}
