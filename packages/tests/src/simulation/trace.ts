import type { LogEvent } from '../model/log.ts'
import type { Violation } from '../model/violation.ts'
import { beginning } from './scheduler.ts'
import type { Run } from './simulation.ts'

const longestTrace = 60
/** Events of a connection that are told of every client concerned. */
const always: ReadonlySet<LogEvent['event']> = new Set([
  'connecting',
  'connected',
  'refused',
  'leaving',
  'disconnected',
])

/** What the logs say of the messages and clients of one violation, in order of time. */
export function traceOf(run: Run, violation: Violation): string {
  const messages = new Set(violation.messages.slice(0, 2))
  const clients = new Set(violation.clients)
  for (const message of messages) clients.add(message.slice(0, message.lastIndexOf(':')))
  const lines: { readonly at: number; readonly text: string }[] = run.notes.map(({ at, text }) => {
    return { at, text: `-- ${text}` }
  })
  for (const { clientIdentifier, events } of run.logs) {
    for (const event of events) {
      const isNamed = 'message' in event && messages.has(event.message)
      const isOfClient = clients.has(clientIdentifier) && isTold(event, violation)
      if (isNamed || isOfClient) lines.push({ at: event.at, text: told(clientIdentifier, event) })
    }
  }
  lines.sort((a, b) => a.at - b.at)
  const [first, last] = extent(lines, messages)
  const shown = lines.slice(Math.max(0, first - 12), last + 8)
  const skipped = shown.length - longestTrace
  const kept =
    skipped > 0
      ? [...shown.slice(0, longestTrace / 2), undefined, ...shown.slice(-longestTrace / 2)]
      : shown
  return kept
    .map((line) =>
      line === undefined
        ? `  … ${skipped} lines …`
        : `  ${(line.at - beginning).toFixed(2).padStart(11)} ms  ${line.text}`,
    )
    .join('\n')
}

/** A violation without messages is about Sessions: then subscriptions are told, too. */
function isTold(event: LogEvent, violation: Violation): boolean {
  if (always.has(event.event) || event.event === 'fault') return true
  return violation.messages.length === 0 && 'filter' in event
}

/** From the first line about one of the messages to the last; everything when there is none. */
function extent(
  lines: readonly { readonly text: string }[],
  messages: ReadonlySet<string>,
): [number, number] {
  const isAbout = ({ text }: { text: string }) =>
    [...messages].some((message) => text.includes(` ${message} `))
  const first = lines.findIndex(isAbout)
  return first < 0 ? [0, lines.length] : [first, lines.findLastIndex(isAbout)]
}

function told(clientIdentifier: string, event: LogEvent): string {
  const { at: _, event: name, ...fields } = event
  const message = 'message' in fields ? ` ${fields.message} ` : ' '
  const rest = Object.entries(fields)
    .filter(([key]) => key !== 'message')
    .map(([key, value]) => (value === true ? key : `${key} ${JSON.stringify(value)}`))
    .filter((text) => !text.endsWith(' false'))
  return `${clientIdentifier} ${name}${message}${rest.join(', ')}`
}
