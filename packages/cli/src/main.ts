import { ConfigError, closest, ListenError, version } from '@busbar/broker'
import { type Command, helpText, readArguments } from './command.ts'
import { brokerCommand } from './commands/broker.ts'
import { conformanceCommand } from './commands/conformance.ts'
import { columns, complain, say, UsageError } from './output.ts'

const commands: readonly Command[] = [brokerCommand, conformanceCommand]

/** Runs one command line and resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args
  if (first === '--version') {
    say(`busbar ${version}`)
    return 0
  }
  if (first === 'help' || first === '--help') {
    const [topic] = rest
    say(topic === undefined ? overview() : helpText(findCommand(topic)))
    return 0
  }
  const isBroker = first === undefined || first.startsWith('-')
  const command = isBroker ? brokerCommand : findCommand(first)
  const given = readArguments(command, isBroker ? args : rest)
  if (given.has('help')) {
    say(helpText(command))
    return 0
  }
  return await command.run(given)
}

function findCommand(name: string): Command {
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
function explain(error: unknown): number {
  if (error instanceof ConfigError) {
    complain(`busbar: the configuration cannot be used\n${error.message.replace(/^/gm, '  ')}`)
    return 2
  }
  if (error instanceof UsageError) {
    complain(`busbar: ${error.message}`)
    return 2
  }
  if (error instanceof ListenError) complain(`busbar: ${error.message}`)
  else complain(`busbar: ${error instanceof Error ? error.stack : error}`)
  return 1
}

// For `ps`, and for whoever asks who holds a port.
process.title = 'busbar'
// In a clone a small process started this one; it may be killed without being able to say so.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
// Whoever read our output may have gone; the broker has not.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.exitCode = await main(process.argv.slice(2)).catch(explain)
