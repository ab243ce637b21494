import { writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { closest } from '@busbar/broker'
import type { ConfigFormat, ConformanceOptions, Version } from '@busbar/conformance'
import type { Arguments, Command } from '../command.ts'
import { type Output, UsageError } from '../output.ts'

export const conformanceCommand: Command = {
  name: 'conformance',
  usage: [
    'conformance URL [--profile NAME=URL]... [--version 5|3.1.1|3.1] [--only ID] [--json FILE]',
    "conformance --start 'COMMAND {config}' [--config-format busbar|mosquitto] [...]",
  ],
  flags: {
    start: {
      value: 'COMMAND',
      description: 'Start the broker ourselves; {config} becomes the path of its configuration.',
    },
    'config-format': { value: 'FORMAT', description: 'busbar (the default) or mosquitto.' },
    profile: {
      value: 'NAME=URL',
      description: 'Where a broker runs that is configured for some cases.',
    },
    version: { value: 'VERSION', description: '5, 3.1.1 or 3.1; may be repeated (default all).' },
    only: { value: 'ID', description: 'One case, one suite or one statement.' },
    json: { value: 'FILE', description: 'Write the whole report there as well.' },
  },
  notes: ['Exit code 0 when nothing failed, 1 otherwise.'],
  run,
}

async function run(given: Arguments, { say, complain }: Output): Promise<number> {
  // By way of `exit`, at which what was started is ended.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]))
  }
  // Only now: a broker that starts does not need the cases.
  const conformance = await import('@busbar/conformance')
  const { ConformanceError, formatReport, profileNames, runConformance } = conformance
  const options = { ...readOptions(given, profileNames), onProgress: progress() }
  const report = await runConformance(options).catch((error: unknown) => {
    if (error instanceof ConformanceError && error.code === 'no-broker') return error
    throw error instanceof ConformanceError ? new UsageError(error.message) : error
  })
  if (report instanceof ConformanceError) {
    complain(`busbar: ${report.message}`)
    return 1
  }
  const json = given.value('json')
  if (json !== undefined) await writeFile(json, formatReport(report, 'json'))
  say(formatReport(report).trimEnd())
  const hasFailed = report.totals.fail > 0 || report.cases.some(({ verdict }) => verdict === 'fail')
  return hasFailed ? 1 : 0
}

/** Throws `UsageError`. */
export function readOptions(given: Arguments, profileNames: readonly string[]): ConformanceOptions {
  const [url, surplus] = given.positionals
  const command = given.value('start')
  if (surplus !== undefined) throw new UsageError(`one URL is enough; ${surplus} is one too many`)
  if ((url === undefined) === (command === undefined)) {
    throw new UsageError('busbar conformance needs either the URL of a broker or --start')
  }
  if (command !== undefined && !command.includes('{config}')) {
    throw new UsageError('--start needs {config}, where the path of the configuration goes')
  }
  const versions = given.values('version').map(readVersion)
  const only = given.value('only')
  return {
    ...(url !== undefined && { url: readUrl(url) }),
    ...(command !== undefined && { start: { command, format: readFormat(given) } }),
    ...(versions.length > 0 && { versions }),
    ...(only !== undefined && { only }),
    profiles: Object.fromEntries(
      given.values('profile').map((text) => readProfile(text, profileNames)),
    ),
  }
}

/** A count on a terminal, and nothing in a file. */
function progress(): () => void {
  let count = 0
  return () => {
    if (process.stderr.isTTY) process.stderr.write(`\r${++count} cases\r`)
  }
}

const versions: Readonly<Record<string, Version>> = { '5': 5, '5.0': 5, '3.1.1': 4, '3.1': 3 }

function readVersion(text: string): Version {
  const version = Object.hasOwn(versions, text) ? versions[text] : undefined
  if (version === undefined)
    throw new UsageError(`--version is ${text}; allowed is 5, 3.1.1 or 3.1`)
  return version
}

function readFormat(given: Arguments): ConfigFormat {
  const format = given.value('config-format') ?? 'busbar'
  if (format === 'busbar' || format === 'mosquitto') return format
  throw new UsageError(`--config-format is ${format}; allowed is busbar or mosquitto`)
}

function readProfile(text: string, profileNames: readonly string[]): [string, string] {
  const equals = text.indexOf('=')
  const name = text.slice(0, equals)
  if (equals === -1) throw new UsageError(`--profile is ${text}; allowed is NAME=URL`)
  if (!profileNames.includes(name)) {
    const near = closest(name, profileNames)
    const hint =
      near === undefined ? `there are ${profileNames.join(', ')}` : `did you mean ${near}?`
    throw new UsageError(`there is no profile ${name}; ${hint}`)
  }
  return [name, readUrl(text.slice(equals + 1))]
}

function readUrl(text: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : ''
  if (protocol === 'mqtt:' || protocol === 'ws:') return text
  throw new UsageError(
    `${text} is no URL of a broker; allowed is mqtt://host:port or ws://host:port/path`,
  )
}
