import { parseArgs } from 'node:util'
import { closest } from '@busbar/broker/text'
import { columns, type Output, UsageError } from './output.ts'

/** One option of a command. */
export interface Flag {
  /** What follows it, as in `FILE`; none for a flag that is there or not. */
  readonly value?: string
  readonly description: string
}

export type Flags = Readonly<Record<string, Flag>>

/** What was written on the command line behind the command. */
export interface Arguments {
  readonly positionals: readonly string[]
  has(flag: string): boolean
  /** The last value of a flag. */
  value(flag: string): string | undefined
  values(flag: string): readonly string[]
}

/** One word of `busbar WORD …`. */
export interface Command {
  readonly name: string
  /** Without `busbar`. */
  readonly usage: readonly string[]
  readonly flags: Flags
  /** Anything else worth knowing, in lines. */
  readonly notes?: readonly string[]
  /** Resolves with the exit code. */
  run(given: Arguments, output: Output): Promise<number>
}

/** A command that reads its arguments in a way of its own, and has its own exit codes. */
export interface FreeCommand {
  readonly name: string
  readonly help: string
  runWith(args: readonly string[], output: Output): Promise<number>
}

/** Sorts arguments into flags and the rest. Throws `UsageError`. */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const flags = { help: { description: '' }, ...command.flags }
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]: [string, Flag]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    const flag: Flag | undefined = Object.hasOwn(flags, name) ? command.flags[name] : undefined
    if (flag === undefined && name !== 'help') throw unknownFlag(command, rawName)
    checkValue(rawName, flag?.value, value, inlineValue)
    given.set(name, [...(given.get(name) ?? []), value ?? ''])
  }
  return {
    positionals,
    has: (flag) => given.has(flag),
    value: (flag) => given.get(flag)?.at(-1),
    values: (flag) => given.get(flag) ?? [],
  }
}

function checkValue(
  flag: string,
  wanted: string | undefined,
  value: string | undefined,
  isInline: boolean | undefined,
): void {
  if (wanted === undefined) {
    if (value !== undefined) throw new UsageError(`${flag} takes no value`)
  } else if (value === undefined || value === '' || (value.startsWith('-') && isInline !== true)) {
    throw new UsageError(`${flag} needs a value: ${flag} ${wanted}`)
  }
}

function unknownFlag(command: Command, flag: string): UsageError {
  const near = closest(flag.replace(/^-+/, ''), ['help', ...Object.keys(command.flags)])
  const hint =
    near === undefined
      ? `\`busbar ${command.name} --help\` lists what there is`
      : `did you mean --${near}?`
  return new UsageError(`busbar ${command.name} has no flag ${flag}; ${hint}`)
}

export function helpText(command: Command, summary: string): string {
  const flags = Object.entries({
    ...command.flags,
    help: { description: 'Show this text.' },
  }).map(([name, { value, description }]: [string, Flag]): [string, string] => [
    value === undefined ? `--${name}` : `--${name} ${value}`,
    description,
  ])
  const parts = [
    summary,
    command.usage.map((line) => `  busbar ${line}`).join('\n'),
    columns(flags),
    ...(command.notes === undefined ? [] : [command.notes.join('\n')]),
  ]
  return parts.join('\n\n')
}
