import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { within } from './deadline.ts'
import { Program } from './program.ts'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** What npm installs for `busbar`. */
export const busbar = fileURLToPath(new URL('../../../node_modules/.bin/busbar', import.meta.url))

/** Where clients find a broker. */
export interface BrokerUrls {
  readonly tcp: string
  readonly ws: string
}

/** A broker in a process of its own, started as a user would. */
export interface BusbarProcess extends BrokerUrls, AsyncDisposable {
  readonly program: Program
}

/** Resolves when the banner is there. */
export async function startBusbar(...args: readonly string[]): Promise<BusbarProcess> {
  return await startBroker(busbar, ['broker', '--port', '0', '--ws-port', '0', ...args])
}

/** The same with any command that ends in printing Busbar's banner. */
export async function startBroker(
  command: string,
  args: readonly string[],
): Promise<BusbarProcess> {
  // Where its data folder comes to lie.
  const cwd = await mkdtemp(join(tmpdir(), 'busbar-'))
  const program = new Program(command, args, { cwd })
  try {
    const tcp = await program.line(/^ {2}mqtt:\/\//)
    const ws = await program.line(/^ {2}ws:\/\//)
    await program.line(/^ {2}try: /)
    return {
      program,
      tcp: tcp.trim(),
      ws: ws.trim(),
      [Symbol.asyncDispose]: async () => {
        program.kill('SIGTERM')
        await within(program.exited, 'the end of the broker')
        await rm(cwd, { recursive: true })
      },
    }
  } catch (error) {
    await program[Symbol.asyncDispose]()
    await rm(cwd, { recursive: true })
    throw error
  }
}

/** The host and the port of `mqtt://host:port`, as most command lines want them. */
export function hostAndPort(url: string): { host: string; port: string } {
  const { hostname, port } = new URL(url)
  return { host: hostname, port }
}
