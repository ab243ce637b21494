import { askBroker, type CauseAmounts, printable, type Status } from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { columns, type Output, size } from '../output.ts'
import { dataFlags, dataFolder, readPositionals } from './data-folder.ts'

export const statusCommand: Command = {
  name: 'status',
  usage: ['status [--data DIR | --config FILE] [--json]'],
  flags: {
    ...dataFlags,
    json: { description: 'Print everything there is, as JSON.' },
  },
  notes: ['Exit code 1 when no broker runs there.'],
  run,
}

async function run(given: Arguments, { say }: Output): Promise<number> {
  readPositionals('status', given)
  const status = await askBroker(await dataFolder(given), { request: 'status' })
  say(given.has('json') ? JSON.stringify(status, undefined, 2) : describe(status))
  return 0
}

function describe({ version, processId, uptimeSeconds, addresses, ...rest }: Status): string {
  const { durability, statistics, losses, hooks } = rest
  const number = (name: string) => String(statistics[name] ?? 0)
  const amount = (messages: string, bytes: string) =>
    `${number(messages)} (${size(statistics[bytes] ?? 0)})`
  const rows: [string, string][] = [
    ['durability', durability],
    ['clients', `${number('clientsConnected')} (at most ${number('clientsMaximum')})`],
    ['sessions', number('sessions')],
    ['subscriptions', number('subscriptions')],
    ['retained', amount('retainedMessages', 'retainedBytes')],
    ['queued', amount('queuedMessages', 'queuedBytes')],
    ['in flight', number('inFlight')],
    ['published in', amount('publishReceived', 'publishBytesReceived')],
    ['published out', amount('publishSent', 'publishBytesSent')],
    ['lost', lost(losses)],
    ['denied', denied(number)],
    ...hooks.filter(({ failures, timeouts }) => failures + timeouts > 0).map(troubled),
  ]
  return [
    `busbar ${version}, process ${processId}, up ${duration(uptimeSeconds)}`,
    ...addresses.map(({ url }) => `  ${url}`),
    columns(rows),
  ].join('\n')
}

/** `2 published, 0 subscribed, 1 received; 4 by the shadow policy only` */
function denied(number: (name: string) => string): string {
  const shadow = number('deniedByShadow')
  const only = shadow === '0' ? '' : `; ${shadow} by the shadow policy only`
  const [published, subscribed] = [number('publishDenied'), number('subscribeDenied')]
  return `${published} published, ${subscribed} subscribed, ${number('receiveDenied')} received${only}`
}

function troubled({ name, failures, timeouts }: Status['hooks'][number]): [string, string] {
  return [`hook ${printable(name)}`, `failed ${failures} times, too slow ${timeouts} times`]
}

/** `3 (2 queue-full, 1 expired)` */
export function lost(losses: CauseAmounts): string {
  const causes = Object.entries(losses).map(([cause, { messages }]) => ({ cause, messages }))
  if (causes.length === 0) return '0'
  const total = causes.reduce((sum, { messages }) => sum + messages, 0)
  return `${total} (${causes.map(({ cause, messages }) => `${messages} ${cause}`).join(', ')})`
}

/** `2 d 3 h`: the two largest units. */
export function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
