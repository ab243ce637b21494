import { spawn } from 'node:child_process'
import { within } from './deadline.ts'

export interface CommandOutput {
  readonly code: number | NodeJS.Signals
  /** Byte for byte. */
  readonly stdout: Buffer
  readonly stderr: string
}

export interface RunningCommand extends AsyncDisposable {
  readonly ended: Promise<CommandOutput>
  /** So far. */
  stdout(): Buffer
  kill(signal: NodeJS.Signals): void
}

/** Runs a command whose output matters byte for byte. */
export function startCommand(command: string, args: readonly string[], input = ''): RunningCommand {
  const child = spawn(command, args)
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdin.on('error', () => {}) // it need not read
  child.stdin.end(input)
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes))
  const ended = new Promise<CommandOutput>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const stderr = Buffer.concat(err).toString()
      resolve({ code: code ?? (signal as NodeJS.Signals), stdout: Buffer.concat(out), stderr })
    })
  })
  ended.catch(() => {}) // reported to whoever waits
  return {
    ended: within(ended, `the end of ${command} ${args.join(' ')}`),
    stdout: () => Buffer.concat(out),
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended.catch(() => {})
    },
  }
}

export async function runCommand(
  command: string,
  args: readonly string[],
  input?: string,
): Promise<CommandOutput> {
  await using running = startCommand(command, args, input)
  return await running.ended
}
