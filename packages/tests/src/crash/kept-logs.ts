import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ClientLog, writeLogLine } from '../model/log.ts'

/** Writes what the clients saw, one event a line, and when the broker was ended; returns the file. */
export function keepLogs(
  folder: string,
  name: string,
  { logs, ends }: { readonly logs: readonly ClientLog[]; readonly ends: readonly number[] },
): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}.jsonl`)
  const lines = logs.flatMap(({ clientIdentifier, events }) =>
    events.map((event) => writeLogLine(clientIdentifier, event)),
  )
  writeFileSync(file, `${lines.join('')}${JSON.stringify({ broker: 'ended', ends })}\n`)
  return file
}
