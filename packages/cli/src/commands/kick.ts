import { askBroker, printable } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import type { Output } from '../output.ts'
import { dataFlags, dataFolder, readPositionals } from './data-folder.ts'

export const kickCommand: Command = {
  name: 'kick',
  usage: ['kick CLIENT_ID [--data DIR | --config FILE]'],
  flags: dataFlags,
  notes: [
    'An MQTT 5.0 client is told Reason Code 0x98, Administrative action. Its Will is published and its',
    'session stays; nothing keeps it from connecting again. `--` goes before an id that begins with -.',
  ],
  run,
}

async function run(given: Arguments, { say }: Output): Promise<number> {
  const { CLIENT_ID: clientId } = readPositionals('kick', given, 'CLIENT_ID')
  const { address } = await askBroker(await dataFolder(given), { request: 'kick', clientId })
  say(`disconnected ${printable(clientId)} (${printable(address)})`)
  return 0
}
