import { closest } from '@busbar/broker/text'
import { type Command, type FreeCommand, helpText, readArguments } from './command.ts'
import { commands, type Listed } from './commands.ts'
import { columns, type Output, UsageError } from './output.ts'

/** Runs one command line and resolves with the exit code. */
export async function runCommandLine(args: readonly string[], output: Output): Promise<number> {
  try {
    return await dispatch(args, output)
  } catch (error) {
    return await explain(error, output)
  }
}

async function dispatch(args: readonly string[], output: Output): Promise<number> {
  const { say } = output
  const [first, ...rest] = args
  if (first === '--version') {
    say(`busbar ${await version()}`)
    return 0
  }
  // As a flag of `pub` and `sub` it is the host; alone, it asks for help as everywhere.
  const isAsked = first === '-h' && rest.length === 0
  if (first === 'help' || first === '--help' || isAsked) {
    const [topic] = rest
    say(topic === undefined ? await overview() : await help(findCommand(topic)))
    return 0
  }
  const isBroker = first === undefined || first.startsWith('-')
  const listed = findCommand(isBroker ? 'broker' : first)
  const command = await listed.load()
  if ('runWith' in command) return await command.runWith(rest, output)
  const given = readArguments(command, isBroker ? args : rest)
  if (given.has('help')) {
    say(helpText(command, listed.summary))
    return 0
  }
  return await command.run(given, output)
}

async function help({ summary, load }: Listed): Promise<string> {
  const command: Command | FreeCommand = await load()
  return 'runWith' in command ? command.help : helpText(command, summary)
}

function findCommand(name: string): Listed {
  const command = commands.find((each) => each.name === name)
  if (command !== undefined) return command
  const near = closest(
    name,
    commands.map((each) => each.name),
  )
  const hint = near === undefined ? '`busbar help` lists what there is' : `did you mean ${near}?`
  throw new UsageError(`there is no command ${name}; ${hint}`)
}

async function overview(): Promise<string> {
  return [
    `busbar ${await version()}: an MQTT broker and its tools`,
    columns(commands.map(({ name, summary }) => [`busbar ${name}`, summary])),
    '`busbar help COMMAND` says more. Without a command, the broker is run.',
  ].join('\n\n')
}

async function version(): Promise<string> {
  return (await import('@busbar/broker')).version
}

/** The operator's mistakes are 2, everything else that stops us is 1. */
async function explain(error: unknown, { complain }: Output): Promise<number> {
  if (error instanceof UsageError) {
    complain(`busbar: ${error.message}`)
    return 2
  }
  const broker = await import('@busbar/broker')
  if (error instanceof broker.ConfigError) {
    complain(`busbar: the configuration cannot be used\n${error.message.replace(/^/gm, '  ')}`)
    return 2
  }
  // Their message says it all.
  const isPlain = [
    broker.CertificateError,
    broker.ListenError,
    broker.StoreOpenError,
    broker.BackupError,
    broker.ControlError,
    broker.PasswordFileError,
  ].some((each) => error instanceof each)
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  complain(`busbar: ${isPlain ? message : stack}`)
  return 1
}
