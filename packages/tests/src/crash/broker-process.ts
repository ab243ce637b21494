import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pause, within } from '../deadline.ts'
import { Program } from '../program.ts'
import { testedIoFlags } from '../tested-io.ts'
import { type Address, now } from './socket-client.ts'

export type Level = 'disk' | 'os'

/** How to start a broker on a data folder and a port. */
export interface BrokerKind {
  readonly name: string
  command(data: string, port: number): readonly [command: string, args: readonly string[]]
}

const main = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url))
/** The command, without the small process that it is started by in a clone. */
const busbar = ['-C', '@busbar/source', main, 'broker']

/** Busbar in a process of its own, without the small one that the command starts first. */
export function busbarKind(level: Level, settings: readonly string[] = []): BrokerKind {
  const given = [`durability.default=${level}`, 'log.level=warn', ...settings]
  return {
    name: ['busbar', `level ${level}`, ...settings].join(', '),
    command: (data, port) => [
      process.execPath,
      [
        ...[...busbar, '--data', data, '--port', String(port), '--ws-port', '0'],
        ...testedIoFlags(),
        ...given.flatMap((setting) => ['--set', setting]),
      ],
    ],
  }
}

/** Debian's Mosquitto with persistence; `autosave`: it saves after each change, not every 30 min. */
export function mosquittoKind(autosave: boolean): BrokerKind {
  const saving = ['autosave_on_changes true', 'autosave_interval 1']
  return {
    name: autosave ? 'mosquitto, saving after each change' : 'mosquitto, persistence true',
    command: (data, port) => {
      mkdirSync(data, { recursive: true })
      const file = join(data, 'mosquitto.conf')
      const lines = [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        'user root', // otherwise it would look for a user who may write to the folder
        'persistence true',
        `persistence_location ${data}/`,
        'max_queued_messages 0',
        ...(autosave ? saving : []),
      ]
      writeFileSync(file, `${lines.join('\n')}\n`)
      return ['mosquitto', ['-c', file]]
    },
  }
}

/** Any broker; `{data}` and `{port}` are filled in. */
export function commandKind(text: string): BrokerKind {
  return {
    name: text,
    command: (data, port) => {
      const filled = text.replaceAll('{data}', data).replaceAll('{port}', String(port))
      // So that the process identifier is the broker's and not the shell's.
      return ['/bin/sh', ['-c', `exec ${filled}`]]
    },
  }
}

/** A start that takes longer has failed. */
const startMs = 30_000

/** One broker that is started again and again on the same folder and port. */
export class BrokerProcess {
  readonly kind: BrokerKind
  readonly address: Address
  readonly data: string
  /** When it was ended, or had ended. */
  readonly ends: number[] = []
  /** How long each start took, in milliseconds. */
  readonly starts: number[] = []
  /** Which of the processes is running, and has not been told to end. */
  serving: number | undefined
  #launched = 0
  #program: Program | undefined

  constructor(kind: BrokerKind, data: string, address: Address) {
    this.kind = kind
    this.data = data
    this.address = address
  }

  get pid(): number | undefined {
    return this.#program?.pid
  }

  /** Starts the process and does not wait for it. */
  launch(): Program {
    const [command, args] = this.kind.command(this.data, this.address.port)
    const program = new Program(command, args)
    this.#program = program
    this.serving = ++this.#launched
    return program
  }

  /** Starts the process, and resolves when it accepts connections. */
  async start(): Promise<void> {
    const since = now()
    const program = this.launch()
    while (!(await this.accepts())) {
      if (program.hasExited) throw this.#died(program, await program.exited)
      if (now() - since > startMs) throw new Error(`${this.kind.name} did not start`)
      await pause(5)
    }
    this.starts.push(now() - since)
  }

  /** Whether a connection can be opened. */
  accepts(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = connect(this.address)
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    return promise.finally(() => socket.destroy())
  }

  /** Throws when the process has ended although nobody ended it. */
  async expectAlive(): Promise<void> {
    const program = this.#program
    if (program?.hasExited) throw this.#died(program, await program.exited)
  }

  /** Sends a signal, by process identifier, and waits for the end; returns how it ended. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | NodeJS.Signals> {
    const program = this.#program
    if (program === undefined) throw new Error('no broker was started')
    await this.expectAlive()
    this.serving = undefined
    this.ends.push(now())
    program.kill(signal)
    const outcome = await within(program.exited, `the end of ${this.kind.name}`)
    this.ends.push(now())
    return outcome
  }

  /** What it has printed since its start. */
  get output(): string {
    return this.#program?.output ?? ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.serving = undefined
    this.#program?.kill('SIGKILL')
    await this.#program?.exited.catch(() => {})
  }

  #died(program: Program, outcome: number | NodeJS.Signals): Error {
    this.serving = undefined
    return new Error(`${this.kind.name} ended by itself (${outcome}):\n${program.output}`)
  }
}
