import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { atExit } from './at-exit.ts'
import { within } from './deadline.ts'
import { killTree } from './kill-tree.ts'

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** A program that a test started; disposing of it ends it, and so does the end of the test. */
export class Program implements AsyncDisposable {
  /** The exit code, or the signal that ended it; all output has been read then. */
  readonly exited: Promise<number | NodeJS.Signals>
  stdout = ''
  stderr = ''
  readonly #name: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #watchers = new Set<(line: string) => void>()
  #hasExited = false

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    this.#name = [command, ...args].join(' ')
    this.#child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    const { pid } = this.#child
    const forget = pid === undefined ? () => {} : atExit(() => killTree(pid))
    const { stdin, stdout, stderr } = this.#child
    stdin?.on('error', () => {}) // it may have ended by itself
    this.#read(stdout, (line) => {
      this.stdout += `${line}\n`
    })
    this.#read(stderr, (line) => {
      this.stderr += `${line}\n`
    })
    const { promise, resolve, reject } = Promise.withResolvers<number | NodeJS.Signals>()
    this.exited = promise
    this.exited.catch(() => {}) // reported to whoever waits
    this.#child.on('error', reject)
    this.#child.on('close', (code, signal) => {
      forget()
      this.#hasExited = true
      resolve(code ?? (signal as NodeJS.Signals))
    })
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} did not start`)
    return this.#child.pid
  }

  get hasExited(): boolean {
    return this.#hasExited
  }

  /** Calls back for each line of both outputs from now on. */
  onLine(watcher: (line: string) => void): void {
    this.#watchers.add(watcher)
  }

  /** The first line that matches, of what has come or will come. */
  line(pattern: RegExp): Promise<string> {
    const known = this.#lines.find((line) => pattern.test(line))
    if (known !== undefined) return Promise.resolve(known)
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.onLine((line) => {
      if (pattern.test(line)) resolve(line)
    })
    const fail = () => reject(new Error(`${this.#name} ended without ${pattern}:\n${this.output}`))
    this.exited.then(fail, reject)
    return within(promise, `${pattern} from ${this.#name}`)
  }

  get output(): string {
    return this.#lines.join('\n')
  }

  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  endInput(): void {
    this.#child.stdin?.end()
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#hasExited) this.#child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGTERM')
    const force = setTimeout(() => this.kill('SIGKILL'), 10_000)
    await this.exited.catch(() => {})
    clearTimeout(force)
  }

  #read(stream: NodeJS.ReadableStream | null, keep: (line: string) => void): void {
    if (stream === null) return
    createInterface({ input: stream }).on('line', (line) => {
      keep(line)
      this.#lines.push(line)
      for (const watcher of this.#watchers) watcher(line)
    })
  }
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: ProgramOptions & { readonly input?: string } = {},
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  await using program = new Program(command, args, options)
  if (options.input !== undefined) program.write(options.input)
  program.endInput()
  const code = await within(program.exited, `the end of ${command} ${args.join(' ')}`)
  return { code, stdout: program.stdout, stderr: program.stderr }
}
