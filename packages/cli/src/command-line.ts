import {
  BackupError,
  CertificateError,
  ConfigError,
  ControlError,
  closest,
  ListenError,
  PasswordFileError,
  StoreOpenError,
  version,
} from '@busbar/broker'
import { type Command, type FreeCommand, helpText, readArguments } from './command.ts'
import { aclCommand } from './commands/acl.ts'
import { backupCommand } from './commands/backup.ts'
import { brokerCommand } from './commands/broker.ts'
import { certCommand } from './commands/cert.ts'
import { checkCommand } from './commands/check.ts'
import { conformanceCommand } from './commands/conformance.ts'
import { kickCommand } from './commands/kick.ts'
import { lossesCommand } from './commands/losses.ts'
import { pubCommand } from './commands/pub.ts'
import { reloadCommand } from './commands/reload.ts'
import { restoreCommand } from './commands/restore.ts'
import { statusCommand } from './commands/status.ts'
import { storeCommand } from './commands/store.ts'
import { subCommand } from './commands/sub.ts'
import { userCommand } from './commands/user.ts'
import { columns, type Output, UsageError } from './output.ts'

const commands: readonly (Command | FreeCommand)[] = [
  brokerCommand,
  userCommand,
  checkCommand,
  reloadCommand,
  certCommand,
  statusCommand,
  lossesCommand,
  kickCommand,
  aclCommand,
  backupCommand,
  restoreCommand,
  storeCommand,
  pubCommand,
  subCommand,
  conformanceCommand,
]

/** Their message says it all. */
const plainErrors = [
  CertificateError,
  ListenError,
  StoreOpenError,
  BackupError,
  ControlError,
  PasswordFileError,
]

/** Runs one command line and resolves with the exit code. */
export async function runCommandLine(args: readonly string[], output: Output): Promise<number> {
  try {
    return await dispatch(args, output)
  } catch (error) {
    return explain(error, output)
  }
}

async function dispatch(args: readonly string[], output: Output): Promise<number> {
  const { say } = output
  const [first, ...rest] = args
  if (first === '--version') {
    say(`busbar ${version}`)
    return 0
  }
  if (first === 'help' || first === '--help') {
    const [topic] = rest
    say(topic === undefined ? overview() : helpOf(findCommand(topic)))
    return 0
  }
  const isBroker = first === undefined || first.startsWith('-')
  const command = isBroker ? brokerCommand : findCommand(first)
  if ('runWith' in command) return await command.runWith(rest, output)
  const given = readArguments(command, isBroker ? args : rest)
  if (given.has('help')) {
    say(helpText(command))
    return 0
  }
  return await command.run(given, output)
}

function helpOf(command: Command | FreeCommand): string {
  return 'runWith' in command ? command.help : helpText(command)
}

function findCommand(name: string): Command | FreeCommand {
  const command = commands.find((each) => each.name === name)
  if (command !== undefined) return command
  const near = closest(
    name,
    commands.map((each) => each.name),
  )
  const hint = near === undefined ? '`busbar help` lists what there is' : `did you mean ${near}?`
  throw new UsageError(`there is no command ${name}; ${hint}`)
}

function overview(): string {
  return [
    `busbar ${version}: an MQTT broker and its tools`,
    columns(commands.map(({ name, summary }) => [`busbar ${name}`, summary])),
    '`busbar help COMMAND` says more. Without a command, the broker is run.',
  ].join('\n\n')
}

/** The operator's mistakes are 2, everything else that stops us is 1. */
function explain(error: unknown, { complain }: Output): number {
  if (error instanceof ConfigError) {
    complain(`busbar: the configuration cannot be used\n${error.message.replace(/^/gm, '  ')}`)
    return 2
  }
  if (error instanceof UsageError) {
    complain(`busbar: ${error.message}`)
    return 2
  }
  const isPlain = plainErrors.some((each) => error instanceof each)
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  complain(`busbar: ${isPlain ? message : stack}`)
  return 1
}
