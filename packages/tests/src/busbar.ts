import { fileURLToPath } from 'node:url'
import { within } from './deadline.ts'
import { Program } from './program.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { testedIoFlags } from './tested-io.ts'

/** The folder of the whole project. */
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

/** Runs `busbar broker` on free ports in an empty folder; resolves when the banner is there. */
export async function startBusbar(...args: readonly string[]): Promise<BusbarProcess> {
  const folder = await temporaryFolder()
  const flags = ['broker', '--port', '0', '--ws-port', '0', ...testedIoFlags(), ...args]
  return await startProgram(busbar, flags, folder)
}

/** The same with any command that ends in printing Busbar's banner; takes the folder over. */
export async function startProgram(
  command: string,
  args: readonly string[],
  folder: { readonly path: string } & AsyncDisposable,
): Promise<BusbarProcess> {
  const program = new Program(command, args, { cwd: folder.path })
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
        await folder[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await program[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
    throw error
  }
}

/** The host and the port of `mqtt://host:port`, as most command lines want them. */
export function hostAndPort(url: string): { host: string; port: string } {
  const { hostname, port } = new URL(url)
  return { host: hostname, port }
}
